/* route: requests between the users of the home network (RFC 3261 16, RFC 3327 5.4, RFC 5626 7). */
#include "modules/registrar/network.h"
#include "modules/sip/edit.h"
#include "modules/sip/proxy.h"
#include <string.h>

/* One request on its way: proxy_data. */
struct journey {
    struct registrar *r;
    struct sip_hop edge; /* every phone is behind the edge that the request came from */
    bool pop;            /* the top Route is ours */
    bool record;
    char called[SIP_AOR_MAX];    /* P-Called-Party-ID (RFC 7315 4.2); empty: not retargeted */
    struct binding_set bindings; /* of the called user; a branch's tag is the index */
    uint32_t used;               /* bit i: bindings.items[i] was tried */
};

/* ---- the Route on top ---- */

struct own_route {
    bool ours;
    bool originating; /* it is the Service-Route that we gave to a registered phone (RFC 3608) */
    bool more;
    bool bad;
};

static struct own_route read_route(const struct registrar *r, const struct sip_msg *rq)
{
    struct own_route o = {0};
    struct sip_values it = sip_values(rq, SIP_H_ROUTE);
    struct bytes item;
    struct sip_nameaddr na;
    if (!sip_values_next(&it, &item)) {
        o.bad = it.bad;
        return o;
    }
    o.bad = !sip_nameaddr_parse(item, &na);
    o.ours = !o.bad && bytes_ieq(na.uri.host.text, bytes_str(r->host));
    o.originating = o.ours && bytes_eq(na.uri.user, BYTES("orig"));
    o.more = !o.ours || sip_values_next(&it, &item);
    return o;
}

/* ---- forking ---- */

static int add_target(struct proxy *p, struct journey *j, size_t i, unsigned group)
{
    const struct binding *b = j->bindings.items[i];
    j->used |= 1u << i;
    const struct proxy_target t = {
        .hop = j->edge, .uri = b->contact, .route = b->path, .group = group, .tag = i};
    return proxy_add(p, &t);
}

/* RFC 5626 7: never two flows of one instance at a time; the newest first. */
static bool instance_in_use(const struct journey *j, size_t i)
{
    const struct binding *b = j->bindings.items[i];
    for (size_t k = 0; k < j->bindings.n && b->instance.n; k++) {
        if (j->used & 1u << k && bytes_eq(j->bindings.items[k]->instance, b->instance))
            return true;
    }
    return false;
}

/* The highest q among those not tried yet; RFC 3261 16.6: one q value is one group. */
static bool next_q(const struct journey *j, unsigned below, unsigned *q)
{
    bool any = false;
    for (size_t i = 0; i < j->bindings.n; i++) {
        unsigned own = j->bindings.items[i]->q;
        if (own < below && (!any || own > *q)) {
            *q = own;
            any = true;
        }
    }
    return any;
}

static void add_targets(struct proxy *p, struct journey *j)
{
    unsigned q = SIP_Q_MAX + 1, below = q, group = 0;
    for (; next_q(j, below, &q); below = q, group++) {
        for (size_t i = 0; i < j->bindings.n; i++) {
            if (j->bindings.items[i]->q == q && !instance_in_use(j, i))
                add_target(p, j, i, group);
        }
    }
}

/* RFC 5626 7: another flow of the same instance takes the place of one that failed. */
static bool add_alternate(struct proxy *p, struct journey *j, const struct proxy_branch *b)
{
    const struct binding *failed = j->bindings.items[b->target.tag];
    for (size_t i = 0; i < j->bindings.n && failed->instance.n; i++) {
        if (!(j->used & 1u << i) && bytes_eq(j->bindings.items[i]->instance, failed->instance))
            return add_target(p, j, i, b->target.group) == 0;
    }
    return false;
}

/* ---- the proxy's hooks ---- */

static void edit(const struct journey *j, struct sip_edit *e)
{
    if (j->pop)
        sip_edit_pop(e, SIP_H_ROUTE, 1);
    if (j->record)
        sip_edit_push(e, SIP_H_RECORD_ROUTE, sip_edit_text(e, "<sip:%s;lr>", j->r->host));
    if (j->called[0])
        sip_edit_set(e, SIP_H_P_CALLED_PARTY_ID, sip_edit_text(e, "<%s>", j->called));
}

static int edit_request(struct proxy *p, const struct proxy_branch *b, const struct sip_msg *rq,
                        struct sip_edit *e)
{
    (void)b;
    (void)rq;
    edit(proxy_data(p), e);
    return 0;
}

/* RFC 5626 7: the edge says that the flow is gone, so the binding is of no more use. 430 is not for phones
 * (11.5): what the caller hears is that the called one is not there. */
static int flow_failed(struct proxy *p, struct journey *j, const struct proxy_branch *b)
{
    struct registrar *r = j->r;
    const struct binding *dead = j->bindings.items[b->target.tag];
    if (location_forget(r->location, dead)) {
        registrar_count(r, REGISTRAR_FLOWS_FAILED);
        registrar_gauge(r);
        log_info(&r->w->log, "registrar.unregistered", F_BYTES("aor", dead->aor),
                 F_STR("why", "flow failed"));
    }
    return add_alternate(p, j, b) ? PROXY_SWALLOW : 480;
}

static int on_response(struct proxy *p, const struct proxy_branch *b, const struct sip_msg *rs)
{
    struct journey *j = proxy_data(p);
    if (!j->bindings.n)
        return PROXY_GO_ON;
    if (rs->status == 430)
        return flow_failed(p, j, b);
    if (rs->status == 408 && add_alternate(p, j, b))
        return PROXY_SWALLOW;
    return PROXY_GO_ON;
}

static int on_failure(struct proxy *p, const struct proxy_branch *b, int status, int err)
{
    (void)err;
    struct journey *j = proxy_data(p);
    return status == 408 && j->bindings.n && add_alternate(p, j, b) ? PROXY_SWALLOW : PROXY_GO_ON;
}

static void on_done(struct proxy *p)
{
    struct journey *j = proxy_data(p);
    binding_set_fini(&j->bindings);
}

static const struct proxy_user journey_proxy = {
    .edit_request = edit_request,
    .on_response = on_response,
    .on_failure = on_failure,
    .on_done = on_done,
};

/* ---- deciding ---- */

static struct proxy *begin(struct registrar *r, struct server_txn *st, const struct own_route *o)
{
    struct proxy *p = proxy_create(st, &journey_proxy, sizeof(struct journey));
    if (!p)
        return NULL;
    struct journey *j = proxy_data(p);
    j->r = r;
    j->edge = *server_txn_from(st);
    j->pop = o->ours;
    registrar_count(r, REGISTRAR_ROUTED);
    return p;
}

/* Within a dialog the route set says all (RFC 3261 16.12). */
static void follow_route(struct registrar *r, struct server_txn *st, const struct own_route *o)
{
    struct proxy *p = begin(r, st, o);
    if (!p)
        return;
    const struct proxy_target t = {.hop = *server_txn_from(st)};
    if (proxy_add(p, &t) < 0)
        proxy_end(p, 500, BYTES_NONE);
    else
        proxy_run(p);
}

static int refuse(struct registrar *r, enum registrar_stat why, int status)
{
    registrar_count(r, why);
    return status;
}

/* What phones show is From, which nobody else checks: it may be anonymous, or of another network, but not
 * somebody else's of this one. */
static bool poses_as_another(struct registrar *r, const struct sip_msg *rq, const struct home_user *caller)
{
    struct home_user shown;
    if (!registrar_user(r, &rq->from.uri, &shown))
        return false;
    bool same = strcmp(shown.name, caller->name) == 0 && bytes_eq(shown.realm, caller->realm);
    return !same && registrar_knows(r, &shown);
}

/* Who asks must be one of ours: the edge has checked the flow and asserts the identity (RFC 3325 5). */
static int check_caller(struct registrar *r, const struct sip_msg *rq, const struct own_route *o)
{
    struct sip_nameaddr na;
    struct home_user caller;
    if (!o->originating || !sip_msg_nameaddr(rq, SIP_H_P_ASSERTED_IDENTITY, &na))
        return refuse(r, REGISTRAR_FORBIDDEN, 403);
    if (!registrar_user(r, &na.uri, &caller) || !registrar_knows(r, &caller))
        return refuse(r, REGISTRAR_FORBIDDEN, 403);
    if (poses_as_another(r, rq, &caller))
        return refuse(r, REGISTRAR_FORBIDDEN, 403);
    return 0;
}

/* There is no way out of this network: what is not one of its users is not found. */
static int check_called(struct registrar *r, const struct sip_msg *rq, struct home_user *called)
{
    if (!registrar_user(r, &rq->ruri, called) || !registrar_knows(r, called))
        return refuse(r, REGISTRAR_UNKNOWN_USER, 404);
    return rq->method == SIP_PUBLISH ? refuse(r, REGISTRAR_FORBIDDEN, 405) : 0;
}

static bool may_record(const struct sip_msg *rq)
{
    return rq->method != SIP_MESSAGE && rq->method != SIP_OPTIONS && !rq->to_tag.n;
}

static const char *because(int status)
{
    switch (status) {
    case 403:
        return "who calls is no user here, or From names another user of this network";
    case 404:
        return "no such user in registrar.domains; the embedded home network has no way out";
    case 405:
        return "PUBLISH is not served";
    default:
        return "the called user is registered nowhere";
    }
}

static void say_refused(const struct registrar *r, const struct sip_msg *rq, int status)
{
    log_info(&r->w->log, "registrar.not_routed", F_BYTES("call_id", rq->call_id),
             F_BYTES("method", rq->method_name), F_BYTES("uri", rq->ruri_text), F_INT("status", status),
             F_STR("because", because(status)));
}

static void fork_to(struct registrar *r, struct server_txn *st, const struct sip_msg *rq,
                    const struct own_route *o, const struct home_user *called)
{
    struct binding_set found;
    location_find(r->location, bytes_str(called->aor), r->w->now, &found);
    if (!found.n) {
        say_refused(r, rq, 480);
        server_txn_refuse(st, refuse(r, REGISTRAR_UNREACHABLE, 480));
        return;
    }
    struct proxy *p = begin(r, st, o);
    if (!p) {
        binding_set_fini(&found);
        return;
    }
    struct journey *j = proxy_data(p);
    j->bindings = found;
    j->record = may_record(rq);
    memcpy(j->called, called->aor, sizeof(j->called));
    add_targets(p, j);
    proxy_run(p);
}

/* Is somebody there? Asked of the network itself (RFC 3261 11.2). */
static bool answer_options(struct registrar *r, struct server_txn *st, const struct sip_msg *rq)
{
    if (rq->method != SIP_OPTIONS || rq->ruri.user.n || !registrar_domain(r, &rq->ruri).n)
        return false;
    server_txn_refuse_with(st, 200,
                           BYTES("Allow: REGISTER, INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE, SUBSCRIBE, "
                                 "NOTIFY, INFO, UPDATE, PRACK, REFER\r\nSupported: path, outbound\r\n"));
    return true;
}

void registrar_route(struct registrar *r, struct server_txn *st, const struct sip_msg *rq)
{
    struct own_route o = read_route(r, rq);
    struct home_user called;
    if (o.bad) {
        server_txn_refuse(st, 400);
        return;
    }
    if (!o.originating && rq->to_tag.n && o.more) {
        follow_route(r, st, &o);
        return;
    }
    int status = check_caller(r, rq, &o);
    if (!status && answer_options(r, st, rq))
        return;
    if (!status)
        status = check_called(r, rq, &called);
    if (status)
        say_refused(r, rq, status);
    if (status == 405)
        server_txn_refuse_with(st, 405,
                               BYTES("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY, "
                                     "INFO, UPDATE, PRACK, REFER\r\n"));
    else if (status)
        server_txn_refuse(st, status);
    else
        fork_to(r, st, rq, &o, &called);
}

static int edit_ack(void *arg, const struct sip_msg *rq, struct sip_edit *e)
{
    (void)rq;
    edit(arg, e);
    return 0;
}

/* ACK of a 2xx follows the route set; one without has nowhere to go. */
void registrar_ack(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *ack)
{
    struct registrar *r = sip_layer_state(l);
    struct own_route o = read_route(r, ack);
    struct journey j = {.r = r, .pop = o.ours};
    if (o.bad || !o.more)
        return;
    const struct proxy_ack how = {.from = *from, .to = *from, .edit = edit_ack, .arg = &j};
    proxy_forward_ack(l, ack, &how);
}
