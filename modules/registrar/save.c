/* save: REGISTER as the registrar answers it (RFC 3261 10.3, RFC 3327 5.3, RFC 3608 6.3, RFC 5626 6). */
#include "modules/registrar/login.h"
#include "modules/registrar/network.h"
#include "modules/sip/contact_key.h"
#include "modules/sip/option_tag.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One REGISTER while it is being answered. */
struct save {
    struct registrar *r;
    struct server_txn *st;
    const struct sip_msg *rq;
    struct home_user user;
    struct buf path;
    bool edge_outbound; /* the first hop put "ob" into its Path */
    bool ua_outbound;   /* Supported: outbound */
    bool used_outbound; /* a contact was bound by instance and reg-id */
    struct binding_change changes[LOCATION_CONTACTS];
    char keys[LOCATION_CONTACTS][SIP_CONTACT_KEY_MAX];
    struct buf params[LOCATION_CONTACTS];
    size_t n;
    bool all_gone;
};

static const char *because(int status)
{
    switch (status) {
    case 400:
        return "a Contact, Path or Expires that cannot be, or contradicts another";
    case 403:
        return "too many contacts of this user";
    case 404:
        return "the Request-URI is of none of registrar.domains, or To names no user of it";
    case 420:
        return "Require names an extension that is not supported here";
    case 423:
        return "it asks for less than registrar.min_expires";
    case 439:
        return "the edge that it came by keeps no flow (RFC 5626)";
    default:
        return "older than what the user has registered since, or out of memory";
    }
}

static void refuse(struct save *s, int status, struct bytes extra)
{
    registrar_count(s->r, REGISTRAR_REFUSED);
    log_info(&s->r->w->log, "registrar.refused", F_BYTES("call_id", s->rq->call_id),
             F_BYTES("aor", s->rq->to.uri.text), F_INT("status", status), F_STR("because", because(status)));
    server_txn_refuse_with(s->st, status, extra);
}

/* ---- what stands in the request ---- */

/* RFC 3261 10.3 step 2. */
static bool refuse_extension(struct save *s)
{
    static const char *const known[] = {"path", "outbound", "sec-agree", NULL};
    struct buf line;
    buf_init(&line);
    bool bad = option_tags_unsupported(s->rq, SIP_H_REQUIRE, known, &line);
    if (bad)
        refuse(s, 420, buf_bytes(&line));
    buf_fini(&line);
    return bad;
}

/* The edge nearest to the phone wrote its Path value first, so it stands last. */
static bool read_path(struct save *s)
{
    struct sip_values it = sip_values(s->rq, SIP_H_PATH);
    struct bytes item;
    while (sip_values_next(&it, &item)) {
        struct sip_nameaddr na;
        if (!sip_nameaddr_parse(item, &na))
            return false;
        s->edge_outbound = sip_uri_param(&na.uri, BYTES("ob"), NULL);
        if (buf_len(&s->path))
            buf_str(&s->path, ", ");
        buf_append(&s->path, item);
    }
    return !it.bad && !s->path.failed;
}

/* 0, or a status. RFC 3261 10.3 step 7. */
static int read_expires(const struct save *s, const struct sip_contact *c, uint32_t *out)
{
    const struct registrar_config *cfg = s->r->config;
    uint32_t asked = (uint32_t)(cfg->default_expires / 1000);
    if (c->has_expires)
        asked = c->expires;
    else if (sip_msg_has(s->rq, SIP_H_EXPIRES))
        asked = sip_expires_value(sip_msg_value(s->rq, SIP_H_EXPIRES));
    *out = asked;
    if (asked && asked < (uint32_t)(cfg->min_expires / 1000))
        return 423;
    if (asked > (uint32_t)(cfg->max_expires / 1000))
        *out = (uint32_t)(cfg->max_expires / 1000);
    return 0;
}

/* The Contact parameters to give back: all but expires and q, which are ours to write (RFC 3261 10.2.4). */
static bool copy_params(struct bytes params, struct buf *out)
{
    struct sip_param p;
    while (sip_param_next(&params, &p) == 1) {
        if (bytes_ieq(p.name, BYTES("expires")) || bytes_ieq(p.name, BYTES("q")))
            continue;
        buf_str(out, ";");
        buf_append(out, p.name);
        if (p.has_value) {
            buf_str(out, "=");
            buf_append(out, p.value);
        }
    }
    return !out->failed;
}

/* RFC 5626 6: reg-id counts with an instance, and only if the edge can keep the flow. */
static int check_outbound(struct save *s, const struct sip_contact *c, bool *outbound)
{
    *outbound = c->has_reg_id && c->instance.n && s->edge_outbound;
    if (c->has_reg_id && c->instance.n && s->ua_outbound && !s->edge_outbound)
        return 439;
    return 0;
}

static int add_contact(struct save *s, const struct sip_contact *c)
{
    bool outbound = false;
    if (s->n == LOCATION_CONTACTS)
        return 403;
    struct binding_change *ch = &s->changes[s->n];
    *ch = (struct binding_change){.contact = c->na.uri.text, .instance = c->instance, .q = c->q};
    int status = read_expires(s, c, &ch->expires);
    if (!status)
        status = check_outbound(s, c, &outbound);
    if (status)
        return status;
    size_t n = sip_contact_key(c, outbound, s->keys[s->n]);
    if (!n)
        return 400;
    ch->key = bytes_of(s->keys[s->n], n);
    ch->reg_id = outbound ? c->reg_id : 0;
    buf_init(&s->params[s->n]);
    s->n++;
    if (!copy_params(c->na.params, &s->params[s->n - 1]))
        return 500;
    ch->params = buf_bytes(&s->params[s->n - 1]);
    s->used_outbound = s->used_outbound || (outbound && ch->expires);
    return 0;
}

/* RFC 3261 10.3 step 6: the wildcard stands alone, with Expires: 0. */
static int check_star(struct save *s)
{
    if (sip_values_count(s->rq, SIP_H_CONTACT) != 1 || !sip_msg_has(s->rq, SIP_H_EXPIRES) ||
        sip_expires_value(sip_msg_value(s->rq, SIP_H_EXPIRES)) != 0)
        return 400;
    s->all_gone = true;
    return 0;
}

/* RFC 5626 6: an outbound registration is of one contact over one flow. */
static int check_one_flow(const struct save *s)
{
    size_t live = 0;
    for (size_t i = 0; i < s->n; i++)
        live += s->changes[i].expires != 0;
    return s->used_outbound && live > 1 ? 400 : 0;
}

static int read_contacts(struct save *s)
{
    struct sip_values it = sip_values(s->rq, SIP_H_CONTACT);
    struct bytes item;
    int status = 0;
    while (!status && sip_values_next(&it, &item)) {
        struct sip_contact c;
        if (!sip_contact_parse(item, &c))
            return 400;
        status = c.na.star ? check_star(s) : add_contact(s, &c);
    }
    if (!status && it.bad)
        status = 400;
    return status ? status : check_one_flow(s);
}

/* ---- the answer ---- */

static void write_contacts(const struct save *s, const struct binding_set *now, struct buf *out)
{
    for (size_t i = 0; i < now->n; i++) {
        const struct binding *b = now->items[i];
        buf_printf(out, "Contact: <%.*s>%.*s", BYTES_FMT(b->contact), BYTES_FMT(b->params));
        if (b->q != SIP_Q_MAX)
            buf_printf(out, ";q=0.%03u", b->q);
        buf_printf(out, ";expires=%u\r\n", binding_seconds(b, s->r->w->now));
    }
}

static void write_200(struct save *s, const struct binding_set *now)
{
    struct buf out;
    buf_init(&out);
    write_contacts(s, now, &out);
    if (buf_len(&s->path) && now->n)
        buf_printf(&out, "Path: %.*s\r\n", BYTES_FMT(buf_bytes(&s->path))); /* RFC 3327 5.3 */
    if (s->used_outbound && s->ua_outbound)
        buf_str(&out, "Require: outbound\r\n");
    if (now->n) {
        buf_printf(&out, "Service-Route: <sip:orig@%s;lr>\r\n", s->r->host);
        buf_printf(&out, "P-Associated-URI: <%s>\r\n", s->user.aor);
    }
    buf_str(&out, "Supported: path, outbound\r\n");
    if (out.failed)
        server_txn_refuse(s->st, 500);
    else
        server_txn_refuse_with(s->st, 200, buf_bytes(&out));
    buf_fini(&out);
}

static void log_outcome(const struct save *s, const struct binding_set *now)
{
    bool gone = s->all_gone;
    for (size_t i = 0; i < s->n; i++)
        gone = gone || !s->changes[i].expires;
    if (s->n || gone)
        log_info(&s->r->w->log, gone ? "registrar.unregistered" : "registrar.registered",
                 F_STR("aor", s->user.aor), F_UINT("bindings", now->n));
}

static void apply(struct save *s)
{
    struct registrar *r = s->r;
    struct binding_set now;
    const struct location_update u = {.aor = bytes_str(s->user.aor),
                                      .call_id = s->rq->call_id,
                                      .path = buf_bytes(&s->path),
                                      .cseq = s->rq->cseq.number,
                                      .all_gone = s->all_gone,
                                      .changes = s->changes,
                                      .n = s->n,
                                      .now = r->w->now,
                                      .wall = r->w->wall};
    switch (location_apply(r->location, &u, &now)) {
    case 0:
        registrar_count(r, REGISTRAR_REGISTERED);
        log_outcome(s, &now);
        write_200(s, &now);
        binding_set_fini(&now);
        break;
    case -ESTALE: /* RFC 3261 10.3 step 7 */
        refuse(s, 500, BYTES_NONE);
        break;
    case -EINVAL:
        refuse(s, 400, BYTES_NONE);
        break;
    case -ENOSPC:
        refuse(s, 403, BYTES_NONE);
        break;
    default:
        refuse(s, 500, BYTES_NONE);
    }
}

static void refuse_contacts(struct save *s, int status)
{
    char line[64] = "";
    if (status == 423)
        snprintf(line, sizeof(line), "Min-Expires: %lld\r\n", (long long)(s->r->config->min_expires / 1000));
    refuse(s, status, bytes_str(line));
}

static void save_contacts(struct save *s)
{
    buf_init(&s->path);
    s->ua_outbound = sip_msg_has_token(s->rq, SIP_H_SUPPORTED, BYTES("outbound"));
    int status = read_path(s) ? read_contacts(s) : 400;
    if (status)
        refuse_contacts(s, status);
    else
        apply(s);
    for (size_t i = 0; i < s->n; i++)
        buf_fini(&s->params[i]);
    buf_fini(&s->path);
}

static bool authenticate(struct save *s)
{
    struct registrar *r = s->r;
    switch (login_check(r, s->rq, &s->user)) {
    case LOGIN_OK:
        return true;
    case LOGIN_MISSING:
        registrar_count(r, REGISTRAR_CHALLENGED);
        login_challenge(r, s->st, s->rq, s->user.realm, false);
        return false;
    case LOGIN_STALE:
        registrar_count(r, REGISTRAR_STALE);
        login_challenge(r, s->st, s->rq, s->user.realm, true);
        return false;
    case LOGIN_WRONG:
        break;
    }
    registrar_count(r, REGISTRAR_AUTH_FAILED);
    log_info(&r->w->log, "registrar.auth_failed", F_BYTES("call_id", s->rq->call_id),
             F_STR("aor", s->user.aor), F_STR("because", login_why(r, &s->user)));
    server_txn_refuse(s->st, 403);
    return false;
}

/* RFC 3261 10.3: the Request-URI names a domain of ours (step 1), To the user (step 5); an unknown user is
 * challenged like any other, so that nobody learns who exists. */
void registrar_save(struct registrar *r, struct server_txn *st, const struct sip_msg *rq)
{
    struct save s = {.r = r, .st = st, .rq = rq};
    if (!registrar_domain(r, &rq->ruri).n || !registrar_user(r, &rq->to.uri, &s.user)) {
        refuse(&s, 404, BYTES_NONE);
        return;
    }
    if (!refuse_extension(&s) && authenticate(&s))
        save_contacts(&s);
}
