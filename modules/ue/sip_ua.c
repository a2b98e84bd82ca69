#include "modules/ue/sip_ua.h"
#include "appliance/base/random.h"
#include "modules/sip/reply.h"
#include "modules/ue/ua_call.h"
#include "modules/ue/ua_request.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

#define HEAD_MAX 16384
#define BODY_MAX 65536
#define ALLOW    "Allow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS\r\n"

static struct sip_ua *ua_of(struct tls_link *l)
{
    return container_of(l, struct sip_ua, link);
}

static size_t read_machine_id(char *dst, size_t cap)
{
    int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, dst, cap);
    if (fd >= 0)
        close(fd);
    return n > 0 ? (size_t)n : 0;
}

/* The same for a user of a machine in every run (RFC 5626 4.1), and it does not tell the machine's own id: a
 * UUID of version 8 (RFC 9562 5.8) out of a hash. */
static void make_instance(struct sip_ua *ua)
{
    char text[64 + sizeof ua->aor];
    uint8_t h[32];
    size_t n = read_machine_id(text, 64);
    n += (size_t)snprintf(text + n, sizeof text - n, "%s", ua->aor);
    if (n == strlen(ua->aor) || EVP_Digest(text, n, h, NULL, EVP_sha256(), NULL) != 1)
        random_fill(h, sizeof h);
    h[6] = (uint8_t)((h[6] & 0x0f) | 0x80);
    h[8] = (uint8_t)((h[8] & 0x3f) | 0x80);
    snprintf(ua->instance, sizeof ua->instance,
             "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", h[0], h[1],
             h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13], h[14], h[15]);
}

static bool make_aor(struct sip_ua *ua)
{
    char user[SIP_AOR_MAX];
    if (sip_escape_user(bytes_str(ua->account->user), user, sizeof user) == 0)
        return false;
    int n = snprintf(ua->aor, sizeof ua->aor, "sip:%s@%s", user, ua->account->domain);
    return n > 0 && (size_t)n < sizeof ua->aor;
}

/* Contact is where this connection ends: the P-CSCF never dials it (RFC 5626), "ob" says so to those beyond
 * (5.3). */
void sip_ua_set_address(struct sip_ua *ua, const struct addr *local)
{
    struct bytes user = bytes_str(ua->aor);
    user = bytes_first(user, bytes_find_byte(user, '@'));
    addr_format(local, ua->sent_by);
    snprintf(ua->contact, sizeof ua->contact, "<%.*s@%s;transport=tls;ob>", BYTES_FMT(user), ua->sent_by);
}

static void on_ping(struct worker *w, struct timer *t)
{
    struct sip_ua *ua = container_of(t, struct sip_ua, ping);
    uint32_t ms = (ua->reg.flow_timer ? ua->reg.flow_timer : UA_PING_S) * 1000;
    if (tls_link_send(&ua->link, BYTES("\r\n\r\n")) != 0)
        return;
    ue_loop_arm(ua->loop, &ua->ping, ms - random_below(ms / 5 + 1));
    if (!timer_armed(&ua->pong))
        ue_loop_arm(ua->loop, &ua->pong, UA_PONG_MS);
}

static void on_no_pong(struct worker *w, struct timer *t)
{
    tls_link_abort(&container_of(t, struct sip_ua, pong)->link, TLS_FAULT_TIMEOUT,
                   "a keep-alive was not answered");
}

static void on_register_again(struct worker *w, struct timer *t)
{
    struct sip_ua *ua = container_of(t, struct sip_ua, reg.again);
    sip_ua_register(ua, ua->reg.wanted);
}

static void stop_timers(struct sip_ua *ua)
{
    ue_loop_disarm(ua->loop, &ua->ping);
    ue_loop_disarm(ua->loop, &ua->pong);
    ue_loop_disarm(ua->loop, &ua->reg.again);
}

int sip_ua_answer(struct sip_ua *ua, const struct sip_msg *rq, const struct ua_answer *a)
{
    struct buf headers, out;
    buf_init(&headers);
    buf_init(&out);
    if (a->dialog)
        buf_printf(&headers, "Contact: %s\r\n" ALLOW, ua->contact);
    buf_str(&headers, a->headers ? a->headers : "");
    struct sip_reply r = {.request = rq,
                          .status = (uint16_t)a->status,
                          .to_tag = bytes_str(a->to_tag),
                          .record_route = a->dialog,
                          .headers = buf_bytes(&headers),
                          .content_type = a->sdp.n ? BYTES("application/sdp") : BYTES_NONE,
                          .body = a->sdp};
    int rc = headers.failed ? -ENOMEM : sip_reply_write(&r, &out);
    if (rc == 0)
        rc = tls_link_send(&ua->link, buf_bytes(&out));
    buf_fini(&headers);
    buf_fini(&out);
    return rc;
}

static void refuse(struct sip_ua *ua, const struct sip_msg *rq, unsigned status, const char *headers)
{
    char tag[UA_TAG + 1];
    random_text(tag, UA_TAG);
    sip_ua_answer(ua, rq, &(struct ua_answer){.status = status, .to_tag = tag, .headers = headers});
}

static void handle_message(struct sip_ua *ua, const struct sip_msg *m)
{
    if (!ua->on->message) {
        refuse(ua, m, 405, ALLOW);
        return;
    }
    refuse(ua, m, 200, NULL); /* no dialog: a tag is all it takes (RFC 3428 7) */
    ua->on->message(ua, m);
}

/* Extensions that a request insists on and we lack (RFC 3261 8.2.2.3). True: refused. */
static bool refuse_extension(struct sip_ua *ua, const struct sip_msg *m)
{
    struct sip_values it = sip_values(m, SIP_H_REQUIRE);
    struct bytes tag;
    char line[128];
    if (m->method == SIP_ACK || m->method == SIP_CANCEL)
        return false;
    while (sip_values_next(&it, &tag)) {
        if (bytes_ieq(tag, BYTES("outbound")) || bytes_ieq(tag, BYTES("path")))
            continue;
        snprintf(line, sizeof line, "Unsupported: %.*s\r\n", BYTES_FMT(bytes_first(tag, 64)));
        refuse(ua, m, 420, line);
        return true;
    }
    return false;
}

static void handle_request(struct sip_ua *ua, const struct sip_msg *m)
{
    unsigned status;
    if (refuse_extension(ua, m))
        return;
    status = ua_call_request(ua, m);
    if (status != UA_CALL_NOT_MINE) {
        if (status != 0 && m->method != SIP_ACK)
            refuse(ua, m, status, NULL);
    } else if (m->method == SIP_MESSAGE) {
        handle_message(ua, m);
    } else if (m->method == SIP_OPTIONS) {
        refuse(ua, m, 200, ALLOW "Accept: application/sdp\r\nSupported: outbound\r\n");
    } else if (m->method != SIP_ACK) {
        refuse(ua, m, 405, ALLOW);
    }
}

static void refuse_broken(struct sip_ua *ua, const struct sip_msg *m, const struct sip_fault *fault)
{
    struct buf out;
    char tag[UA_TAG + 1];
    if (!fault->answer)
        return;
    random_text(tag, UA_TAG);
    buf_init(&out);
    if (sip_reply_fault(m, fault, bytes_str(tag), &out) == 0)
        tls_link_send(&ua->link, buf_bytes(&out));
    buf_fini(&out);
}

void sip_ua_receive(struct sip_ua *ua, struct bytes message)
{
    struct sip_msg m;
    struct sip_fault fault;
    if (sip_msg_parse(&m, message, SIP_STREAM, &fault) != 0)
        refuse_broken(ua, &m, &fault);
    else if (m.request)
        handle_request(ua, &m);
    else if (!ua_request_response(ua, &m))
        ua_call_stray(ua, &m);
}

static size_t on_data(struct tls_link *l, struct bytes in)
{
    static const struct sip_frame_limits limits = {.head = HEAD_MAX, .body = BODY_MAX, .pong = true};
    struct sip_ua *ua = ua_of(l);
    struct sip_frame f = sip_frame_next(&ua->framer, &limits, in);
    switch (f.kind) {
    case SIP_FRAME_MORE:
        return 0;
    case SIP_FRAME_PING:
        tls_link_send(l, BYTES("\r\n"));
        return f.len;
    case SIP_FRAME_CRLF:
        ue_loop_disarm(ua->loop, &ua->pong);
        return f.len;
    case SIP_FRAME_MESSAGE:
        sip_ua_receive(ua, bytes_first(in, f.len));
        return f.len;
    default:
        tls_link_abort(l, TLS_FAULT_PROTOCOL, f.reason ? f.reason : "what came is not SIP");
        return in.n;
    }
}

static void on_opened(struct tls_link *l)
{
    struct sip_ua *ua = ua_of(l);
    struct addr local;
    if (!tls_link_local(l, &local)) {
        tls_link_abort(l, TLS_FAULT_LOCAL, "the connection has no address");
        return;
    }
    sip_ua_set_address(ua, &local);
    ua->on->opened(ua);
}

static void on_closed(struct tls_link *l)
{
    struct sip_ua *ua = ua_of(l);
    stop_timers(ua);
    ua->reg.expires = 0;
    ua_request_fail_all(ua, 503);
    ua_call_fail_all(ua);
    ua->on->closed(ua);
}

static const struct tls_link_handler link_handler = {
    .opened = on_opened, .data = on_data, .closed = on_closed};

int sip_ua_open(struct sip_ua *ua, struct ue_loop *loop, const struct tls_target *target,
                const struct sip_account *account, const struct sip_ua_handler *on)
{
    void *owner = ua->owner;
    *ua = (struct sip_ua){.loop = loop, .account = account, .on = on, .owner = owner};
    list_init(&ua->requests);
    list_init(&ua->calls);
    ua_auth_init(&ua->auth);
    ua->ping.fire = on_ping;
    ua->pong.fire = on_no_pong;
    ua->reg.again.fire = on_register_again;
    random_text(ua->reg.call_id, 32);
    random_text(ua->reg.tag, UA_TAG);
    if (!make_aor(ua))
        return -EINVAL;
    make_instance(ua);
    return tls_link_open(&ua->link, loop, target, &link_handler);
}

void sip_ua_close(struct sip_ua *ua)
{
    if (!ua->loop)
        return;
    stop_timers(ua);
    tls_link_close(&ua->link);
}

void sip_ua_fini(struct sip_ua *ua)
{
    if (!ua->loop)
        return;
    sip_ua_close(ua);
    ua_call_destroy_all(ua);
    ua_request_disown(ua, NULL);
    ua_auth_fini(&ua->auth);
    tls_link_fini(&ua->link);
}
