#include "modules/pcscf/registration/lesson.h"
#include "modules/pcscf/registration/charging.h"
#include "modules/pcscf/registration/contact.h"
#include "modules/pcscf/registration/phone.h"

/* All values of a list over its lines. One line, which is the rule, needs no copy. */
static struct bytes whole_list(const struct sip_msg *m, enum sip_header_id id, struct buf *joined)
{
    const struct sip_header *h = sip_msg_first(m, id);
    struct sip_values it = sip_values(m, id);
    struct bytes item;
    if (!h || (!sip_msg_next(m, h) && !sip_is_folded(h->value)))
        return h ? h->value : BYTES_NONE;
    while (sip_values_next(&it, &item)) {
        if (buf_len(joined))
            buf_str(joined, ", ");
        buf_append(joined, item);
    }
    return buf_bytes(joined);
}

/* A value that is kept as it is: not one with folds in it. */
static struct bytes on_one_line(struct bytes value)
{
    return sip_is_folded(value) ? BYTES_NONE : value;
}

static void learn_contact(const struct lesson *l, const struct sip_contact *asked,
                          struct registration_facts *facts)
{
    char key[SIP_CONTACT_KEY_MAX];
    facts->key = bytes_of(key, contact_binding(asked, key));
    if (!facts->key.n)
        return;
    facts->contact = asked->na.uri.text;
    facts->instance = flow_instance(asked->instance.n ? asked->instance : facts->key);
    facts->sos = contact_is_sos(asked);
    facts->expires = contact_granted(l->rs, asked, facts->key);
    if (!facts->expires) {
        phone_unregister(l->p, l->flow, facts->aor, facts->key);
        return;
    }
    int rc = phone_register(l->p, l->flow, facts);
    if (rc < 0)
        log_warn(&l->p->w->log, "sip.registration_lost", F_BYTES("aor", facts->aor), F_ERRNO(rc));
}

static void learn_contacts(const struct lesson *l, struct registration_facts *facts)
{
    struct sip_values it = sip_values(l->rq, SIP_H_CONTACT);
    struct sip_contact c;
    while (contact_next(&it, &c)) {
        if (c.na.star)
            phone_unregister_all(l->p, l->flow, facts->aor);
        else
            learn_contact(l, &c, facts);
    }
}

/* Known by the time a request takes it. */
static void learn_way(struct pcscf *p, struct bytes service_route)
{
    struct bytes first;
    struct sip_nameaddr na;
    if (sip_list_next(&service_route, &first) == 1 && sip_nameaddr_parse(first, &na))
        core_link_learn(p, &na.uri);
}

void lesson_learn(const struct lesson *l)
{
    char aor[SIP_AOR_MAX];
    struct buf route, identities;
    size_t n = sip_aor(&l->rq->to.uri, aor, sizeof(aor));
    if (!n)
        return;
    buf_init(&route);
    buf_init(&identities);
    struct registration_facts facts = {
        .aor = bytes_of(aor, n),
        .private_id = integrity_private_id(l->rq),
        .service_route = whole_list(l->rs, SIP_H_SERVICE_ROUTE, &route),
        .identities = whole_list(l->rs, SIP_H_P_ASSOCIATED_URI, &identities),
        .charging = on_one_line(sip_msg_value(l->rs, SIP_H_P_CHARGING_FUNCTION_ADDRESSES)),
        .term_ioi = charging_read(l->rs).term_ioi,
        .path = l->path,
        .proved = l->integrity != INTEGRITY_NONE,
        .keeps_alive = l->keeps_alive,
    };
    learn_way(l->p, facts.service_route);
    if (!route.failed && !identities.failed)
        learn_contacts(l, &facts);
    buf_fini(&route);
    buf_fini(&identities);
}
