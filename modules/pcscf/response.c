/* response: what changes in responses on their way through the edge, and what a missing one means. */
#include "modules/pcscf/call/absence.h"
#include "modules/pcscf/call/dialog_watch.h"
#include "modules/pcscf/call/dialog_within.h"
#include "modules/pcscf/call/record.h"
#include "modules/pcscf/emergency.h"
#include "modules/pcscf/keepalive.h"
#include "modules/pcscf/trust.h"
#include <errno.h>

static int edit_request(struct proxy *proxy, const struct proxy_branch *b, const struct sip_msg *rq,
                        struct sip_edit *e)
{
    (void)b;
    passage_edit_request(proxy_data(proxy), rq, e);
    return 0;
}

/* RFC 5626 11.5: 430 is between proxies; "endpoints should never receive a 430". */
static int on_response(struct proxy *proxy, const struct proxy_branch *b, const struct sip_msg *rs)
{
    struct passage *g = proxy_data(proxy);
    int verdict = core_forward_response(&g->attempt, b, rs);
    if (verdict)
        return verdict;
    watch_response(g, proxy_request(proxy), rs);
    return g->from_phone && rs->status == 430 ? 480 : PROXY_GO_ON;
}

/* RFC 5626 5.3.1: the connection broke under a request to the phone: the core is told that the flow failed,
 * and may try another one of that phone's. */
static int on_failure(struct proxy *proxy, const struct proxy_branch *b, int status, int err)
{
    struct passage *g = proxy_data(proxy);
    if (g->from_phone) {
        int verdict = core_forward_failure(&g->attempt, b, status, err);
        g->because = core_attempt_because(status, err);
        if (verdict != PROXY_SWALLOW && g->emergency && g->initial && !proxy_cancelled(proxy))
            emergency_refuse(g->p, proxy_server(proxy), g->because); /* TS 24.229 5.2.10.5 */
        if (status == 503 && verdict != PROXY_SWALLOW)
            pcscf_count(g->p, PCSCF_CORE_DOWN);
        return verdict;
    }
    g->because = status == 408 ? "the phone did not answer" : "the phone's connection is gone";
    if (status != 503 || (err != -ENOTCONN && err != -ENOBUFS))
        return PROXY_GO_ON;
    pcscf_count(g->p, PCSCF_FLOW_FAILED);
    return 430;
}

/* RFC 6223 4.4: only who stands in the dialog's route set may take the phone up on its offer. */
static void edit_for_caller(const struct passage *g, const struct sip_msg *rq, const struct sip_msg *rs,
                            struct sip_edit *e)
{
    bool dialog = rs->method == SIP_INVITE || rs->method == SIP_SUBSCRIBE || rs->method == SIP_REFER;
    if (g->token[0] && dialog && rs->status > 100 && rs->status < 300)
        keepalive_accept(g->p, rq, rs, e);
}

/* TS 24.229 5.2.6.4: the called party's identity in the network's words, and the accounts: of the call that
 * it belongs to, else those that the request had. */
static void edit_for_core(const struct passage *g, const struct sip_msg *rq, const struct sip_msg *rs,
                          struct sip_edit *e)
{
    if (g->identity[0])
        sip_edit_add(e, SIP_H_P_ASSERTED_IDENTITY, bytes_str(g->identity));
    if (!rq || rs->status <= 100 || rs->status >= 300)
        return;
    if (g->initial || !within_edit_accounts(g, rs, e))
        charging_edit_answer(g->p, rq, e);
}

static void edit_response(struct proxy *proxy, const struct proxy_branch *b, const struct sip_msg *rs,
                          struct sip_edit *e)
{
    (void)b;
    const struct passage *g = proxy_data(proxy);
    if (g->from_phone)
        hop_control_strip(rs, e);
    trust_apply(rs, g->from_phone ? TRUST_TO_PHONE : TRUST_FROM_PHONE, &g->p->config->trusted_headers, e);
    record_edit_response(g, rs, e);
    session_edit_response(&g->session, rs, e);
    if (g->from_phone)
        edit_for_caller(g, proxy_request(proxy), rs, e);
    else
        edit_for_core(g, proxy_request(proxy), rs, e);
}

/* What was never in flight, because its connection is just being closed, is answered at once: the core may
 * have another flow to try. */
static bool on_lost(struct proxy *proxy, const struct proxy_branch *b, int err)
{
    (void)b;
    struct passage *g = proxy_data(proxy);
    if (g->from_phone || err != -ENOTCONN || !g->owner || (g->initial && phone_find(g->p, &g->flow)))
        return false;
    return absence_hold(g);
}

static void on_cancel(struct proxy *proxy)
{
    struct passage *g = proxy_data(proxy);
    g->cancelled = true;
}

static void on_final(struct proxy *proxy, int status)
{
    watch_final(proxy_data(proxy), proxy_request(proxy), status);
}

static void on_done(struct proxy *proxy)
{
    struct passage *g = proxy_data(proxy);
    core_forward_end(&g->attempt);
    list_remove(&g->wait);
    watch_done(g);
}

static struct sip_hop on_size(struct proxy *proxy, const struct proxy_branch *b, size_t n)
{
    struct passage *g = proxy_data(proxy);
    return core_forward_size(&g->attempt, b, n);
}

const struct proxy_user passage_proxy = {
    .on_size = on_size,
    .edit_request = edit_request,
    .on_response = on_response,
    .on_failure = on_failure,
    .on_lost = on_lost,
    .edit_response = edit_response,
    .on_cancel = on_cancel,
    .on_final = on_final,
    .on_done = on_done,
};
