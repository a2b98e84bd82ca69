/* REGISTER: the part of sip_ua.h that keeps a binding (RFC 3261 10.2, RFC 5626 4.2, RFC 3608). */
#include "appliance/base/random.h"
#include "modules/ue/ua_request.h"
#include <errno.h>
#include <stdio.h>

#define RETRY_MS 30000 /* after a refresh that failed, while the binding may still stand */

static void write_headers(struct sip_ua *ua, uint32_t seconds, char *dst, size_t cap)
{
    snprintf(dst, cap,
             "Contact: %s;+sip.instance=\"<%s>\";reg-id=1;expires=%u\r\n"
             "Supported: path, outbound\r\n"
             "Allow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS\r\n",
             ua->contact, ua->instance, seconds);
}

/* The values of Service-Route in their order are the Route of every request that starts something (RFC
 * 3608 6.1). */
static void take_service_route(struct sip_ua *ua, const struct sip_msg *m)
{
    struct buf out;
    struct bytes item;
    struct sip_values it = sip_values(m, SIP_H_SERVICE_ROUTE);
    buf_fixed(&out, ua->reg.service_route, sizeof ua->reg.service_route - 1);
    while (sip_values_next(&it, &item)) {
        buf_str(&out, buf_len(&out) ? ", " : "");
        buf_append(&out, item);
    }
    ua->reg.service_route[out.failed ? 0 : buf_len(&out)] = '\0';
}

/* What the registrar granted to our own contact, among those of other phones (RFC 3261 10.2.4). */
static uint32_t granted(const struct sip_ua *ua, const struct sip_msg *m)
{
    struct sip_values it = sip_values(m, SIP_H_CONTACT);
    struct bytes item, all = sip_msg_value(m, SIP_H_EXPIRES);
    struct sip_contact c;
    struct bytes mine = bytes_str(ua->contact);
    mine = bytes_of(mine.p + 1, mine.n - 2); /* without <> */
    while (sip_values_next(&it, &item))
        if (sip_contact_parse(item, &c) && bytes_eq(c.na.uri.text, mine))
            return c.has_expires ? c.expires : all.n ? sip_expires_value(all) : ua->reg.wanted;
    return 0;
}

/* RFC 5626 4.4.1: between 80 and 100 percent of the time, so that phones do not come in step. */
static void arm_keepalive(struct sip_ua *ua)
{
    uint32_t ms = (ua->reg.flow_timer ? ua->reg.flow_timer : UA_PING_S) * 1000;
    ue_loop_arm(ua->loop, &ua->ping, ms - random_below(ms / 5 + 1));
}

static void take_success(struct sip_ua *ua, const struct sip_msg *m)
{
    struct ua_registration *r = &ua->reg;
    r->expires = r->wanted ? granted(ua, m) : 0;
    r->outbound = sip_msg_has_token(m, SIP_H_REQUIRE, BYTES("outbound"));
    take_service_route(ua, m);
    if (!sip_number_parse(sip_msg_value(m, SIP_H_FLOW_TIMER), &r->flow_timer) || r->flow_timer > 3600)
        r->flow_timer = 0;
    if (r->expires > 0) {
        /* Half of a short time, ten minutes before the end of a long one (TS 24.229 5.1.1.4.1). */
        uint64_t in = r->expires > 1200 ? r->expires - 600 : r->expires / 2 + 1;
        ue_loop_arm(ua->loop, &r->again, in * 1000);
        arm_keepalive(ua);
    } else if (r->wanted) {
        r->status = 500;
        snprintf(r->reason, sizeof r->reason, "the 200 has no Contact of ours");
    }
}

/* RFC 3261 10.2.8: as long as it wants, once. */
static bool asked_for_longer(struct sip_ua *ua, const struct sip_msg *m)
{
    uint32_t least;
    return m && m->status == 423 && sip_number_parse(sip_msg_value(m, SIP_H_MIN_EXPIRES), &least) &&
           least > ua->reg.wanted && ua->reg.wanted > 0 && sip_ua_register(ua, least) == 0;
}

static void on_answer(struct ua_request *rq, const struct sip_msg *m, unsigned status)
{
    struct sip_ua *ua = rq->ua;
    struct ua_registration *r = &ua->reg;
    if (status < 200 || asked_for_longer(ua, m))
        return;
    r->status = status;
    if (!m || !bytes_to_str(bytes_first(m->reason, sizeof r->reason - 1), r->reason, sizeof r->reason))
        snprintf(r->reason, sizeof r->reason, "%s", m ? sip_reason(status) : "no answer");
    if (status < 300)
        take_success(ua, m);
    else if (r->expires > 0 && m)
        ue_loop_arm(ua->loop, &r->again, RETRY_MS);
    ua->on->registered(ua);
}

int sip_ua_register(struct sip_ua *ua, uint32_t seconds)
{
    char headers[1024], to[SIP_AOR_MAX + 16], from[SIP_AOR_MAX + 48], ruri[SIP_AOR_MAX + 8];
    struct ua_registration *r = &ua->reg;
    ue_loop_disarm(ua->loop, &r->again);
    r->wanted = seconds;
    r->status = 0;
    write_headers(ua, seconds, headers, sizeof headers);
    snprintf(to, sizeof to, "<%s>", ua->aor);
    snprintf(from, sizeof from, "<%s>;tag=%s", ua->aor, r->tag);
    snprintf(ruri, sizeof ruri, "sip:%s", ua->account->domain);
    struct ua_ask ask = {.method = SIP_REGISTER,
                         .ruri = ruri,
                         .from = from,
                         .to = to,
                         .call_id = r->call_id,
                         .headers = headers,
                         .cseq = &r->cseq,
                         .answered = on_answer,
                         .owner = ua};
    return ua_request_start(ua, &ask) ? 0 : -ENOTCONN;
}
