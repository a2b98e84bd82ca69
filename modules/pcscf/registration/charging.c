#include "modules/pcscf/registration/charging.h"
#include "modules/pcscf/room.h"
#include "modules/sip/params.h"

static void take(struct charging_vector *v, const struct sip_param *p)
{
    const struct {
        struct bytes name;
        struct bytes *value;
    } known[] = {
        {BYTES("icid-value"), &v->icid},
        {BYTES("icid-generated-at"), &v->generated_at},
        {BYTES("orig-ioi"), &v->orig_ioi},
        {BYTES("term-ioi"), &v->term_ioi},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (bytes_ieq(p->name, known[i].name))
            *known[i].value = p->value;
    }
}

bool charging_vector_parse(struct bytes value, struct charging_vector *out)
{
    struct sip_param p;
    struct bytes rest = value;
    *out = (struct charging_vector){0};
    int rc = sip_param_first(&rest, &p);
    while (rc == 1) {
        take(out, &p);
        rc = sip_param_next(&rest, &p);
    }
    return rc == 0 && out->icid.n > 0;
}

void charging_icid_make(char dst[static CHARGING_ICID])
{
    random_text(dst, CHARGING_ICID - 1);
}

/* The settings let no quotes and no backslashes through. */
const char *charging_ioi(const struct pcscf *p)
{
    if (p->config->ioi[0])
        return p->config->ioi;
    return p->config->visited_network[0] ? p->config->visited_network : p->host;
}

bool charging_write(const struct pcscf *p, const char *icid, struct buf *out)
{
    return buf_printf(out, "icid-value=\"%s\";icid-generated-at=%s;orig-ioi=\"%s\"", icid, p->host,
                      charging_ioi(p));
}

struct charging_vector charging_read(const struct sip_msg *m)
{
    struct charging_vector v;
    struct bytes value = m ? sip_msg_value(m, SIP_H_P_CHARGING_VECTOR) : BYTES_NONE;
    if (!value.n || sip_is_folded(value) || !charging_vector_parse(value, &v))
        return (struct charging_vector){0};
    v.icid = sip_quoted_inner(v.icid);
    v.orig_ioi = sip_quoted_inner(v.orig_ioi);
    v.term_ioi = sip_quoted_inner(v.term_ioi);
    return v;
}

static bool write_ioi(const char *name, struct bytes ioi, struct buf *out)
{
    return !ioi.n || buf_printf(out, ";%s=\"%.*s\"", name, BYTES_FMT(ioi));
}

bool charging_write_vector(const struct charging_vector *v, struct buf *out)
{
    return buf_printf(out, "icid-value=\"%.*s\"", BYTES_FMT(v->icid)) &&
           write_ioi("orig-ioi", v->orig_ioi, out) && write_ioi("term-ioi", v->term_ioi, out);
}

#define VECTOR_MAX 512 /* the host and our name between operators are bounded by their settings */

void charging_edit_request(const struct pcscf *p, const char *icid, struct sip_edit *e)
{
    char text[VECTOR_MAX];
    struct buf out;
    buf_fixed(&out, text, sizeof(text));
    if (charging_write(p, icid, &out))
        sip_edit_add(e, SIP_H_P_CHARGING_VECTOR, sip_edit_text(e, "%.*s", BYTES_FMT(buf_bytes(&out))));
}

void charging_edit_vector(const struct charging_vector *v, struct sip_edit *e)
{
    char text[VECTOR_MAX];
    struct buf out;
    buf_fixed(&out, text, sizeof(text));
    if (charging_write_vector(v, &out))
        sip_edit_add(e, SIP_H_P_CHARGING_VECTOR, sip_edit_text(e, "%.*s", BYTES_FMT(buf_bytes(&out))));
}

void charging_edit_answer(const struct pcscf *p, const struct sip_msg *rq, struct sip_edit *e)
{
    struct charging_vector v;
    struct bytes value = sip_msg_value(rq, SIP_H_P_CHARGING_VECTOR);
    if (!value.n || sip_is_folded(value) || !charging_vector_parse(value, &v))
        return;
    sip_edit_add(e, SIP_H_P_CHARGING_VECTOR,
                 sip_edit_text(e, "icid-value=%.*s%s%.*s;term-ioi=\"%s\"", BYTES_FMT(v.icid),
                               v.orig_ioi.n ? ";orig-ioi=" : "", BYTES_FMT(v.orig_ioi), charging_ioi(p)));
}
