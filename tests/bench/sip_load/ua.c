/* What a phone says and how it answers. One deed is under way on a phone at a time; what it is asked by
 * others, it answers at once. */
#include "sip_load.h"
#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

/* As a phone offers it that does ICE and has a relay: 900 bytes. */
static const char sdp[] =
    "v=0\r\no=- 3914021 1 IN IP4 198.51.100.20\r\ns=-\r\nc=IN IP4 198.51.100.20\r\nt=0 0\r\n"
    "a=ice-options:trickle ice2\r\na=ice-ufrag:Tq2x\r\na=ice-pwd:mK1bFv0w7ZsRyQ3nHc8LdE5u\r\n"
    "m=audio 49502 RTP/SAVPF 104 110 96 102\r\na=rtpmap:104 AMR-WB/16000/1\r\n"
    "a=fmtp:104 mode-change-capability=2;max-red=220\r\na=rtpmap:110 AMR/8000/1\r\n"
    "a=fmtp:110 mode-change-capability=2;max-red=220\r\na=rtpmap:96 telephone-event/16000\r\na=fmtp:96 "
    "0-15\r\n"
    "a=rtpmap:102 telephone-event/8000\r\na=fmtp:102 0-15\r\n"
    "a=candidate:1 1 UDP 2130706431 10.20.30.40 8998 typ host\r\n"
    "a=candidate:2 1 UDP 1694498815 203.0.113.77 45664 typ srflx raddr 10.20.30.40 rport 8998\r\n"
    "a=candidate:3 1 UDP 16777215 198.51.100.20 49502 typ relay raddr 203.0.113.77 rport 45664\r\n"
    "a=end-of-candidates\r\na=rtcp-mux\r\na=setup:actpass\r\na=fingerprint:sha-1 "
    "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\na=sendrecv\r\na=ptime:20\r\na=maxptime:"
    "240\r\n";

void ua_begin(struct phone *p, enum deed deed)
{
    if (p->deed == IDLE)
        p->swarm->busy++;
    p->deed = deed;
    p->since = time_now();
}

void ua_forget(struct phone *p)
{
    if (p->deed != IDLE)
        p->swarm->busy--;
    p->deed = IDLE;
}

static void end(struct phone *p, enum deed deed, int status)
{
    struct swarm *s = p->swarm;
    delays_add(&s->delays, time_now() - p->since);
    if (status >= 200 && status < 300)
        s->done++;
    else
        s->failed++;
    if (status >= 300 && s->failed < 4)
        fprintf(stderr, "sip_load: user %u: answered with %d\n", p->id, status);
    ua_forget(p);
    if (s->job->ended)
        s->job->ended(p, deed, status);
}

static const char *name(const struct phone *p, char mem[static USER_MAX])
{
    snprintf(mem, USER_MAX, "%.32s%05u", p->swarm->options->user, p->id);
    return mem;
}

static void say(struct phone *p, const struct text *t)
{
    p->swarm->requests++;
    phone_send(p, t->mem, t->n);
}

static void add_via(struct phone *p, struct text *t, const char *kind)
{
    text_add(t, "Via: SIP/2.0/TLS 127.0.0.1:%u;branch=z9hG4bK%s%u.%u.%u;rport\r\nMax-Forwards: 70\r\n",
             p->port, kind, p->id, p->calls, p->cseq);
}

static void add_contact(const struct phone *p, struct text *t, const char *params)
{
    char user[USER_MAX];
    text_add(t,
             "Contact: <sip:%s@127.0.0.1:%u;transport=tls%s>;"
             "+g.3gpp.icsi-ref=\"urn%%3Aurn-7%%3A3gpp-service.ims.icsi.mmtel\"",
             name(p, user), p->port, params);
}

static void add_body(struct text *t, const char *type, const char *body)
{
    if (body)
        text_add(t, "Content-Type: %s\r\n", type);
    text_add(t, "Content-Length: %zu\r\n\r\n%s", body ? strlen(body) : 0, body ? body : "");
}

#define ACCESS "P-Access-Network-Info: IEEE-802.11; i-wlan-node-id=00112233aabb\r\nUser-Agent: sip_load\r\n"
#define ALLOW  "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, MESSAGE, NOTIFY, REFER\r\n"

/* --- REGISTER --- */

static void send_register(struct phone *p, struct span challenge)
{
    const struct options *o = p->swarm->options;
    struct text t = {.n = 0};
    char user[USER_MAX];
    p->cseq++;
    name(p, user);
    text_add(&t, "REGISTER sip:%s SIP/2.0\r\n", o->realm);
    add_via(p, &t, "r");
    text_add(&t,
             "From: <sip:%s@%s>;tag=r%u\r\nTo: <sip:%s@%s>\r\nCall-ID: r%u.%d@load\r\nCSeq: %u REGISTER\r\n",
             user, o->realm, p->id, user, o->realm, p->id, getpid(), p->cseq);
    add_contact(p, &t, "");
    text_add(&t, ";reg-id=1;+sip.instance=\"<urn:uuid:5a11f0e5-0000-4000-8000-%012u>\"\r\nExpires: 3600\r\n",
             p->id);
    if (challenge.p && !digest_answer(challenge, o, user, &t)) {
        end(p, REGISTERING, 401);
        return;
    }
    text_add(&t, "Supported: path, outbound, gruu\r\n" ACCESS ALLOW);
    add_body(&t, NULL, NULL);
    say(p, &t);
}

void ua_register(struct phone *p)
{
    ua_begin(p, REGISTERING);
    send_register(p, (struct span){NULL, 0});
}

static void on_registered(struct phone *p, const struct message *m)
{
    struct span cseq = message_header(m, "CSeq", 0), challenge = message_header(m, "WWW-Authenticate", 0);
    char expected[32];
    snprintf(expected, sizeof expected, "%u REGISTER", p->cseq);
    if (!span_is(cseq, expected))
        return;
    bool again = m->status == 401 && challenge.p && !span_within(challenge, "stale=true", "").p;
    if (again && !p->answered) {
        p->answered = true;
        send_register(p, challenge);
        return;
    }
    struct span route = message_header(m, "Service-Route", 0);
    p->answered = false;
    p->registered = m->status == 200;
    if (p->registered && route.p)
        snprintf(p->service_route, sizeof p->service_route, "%.*s", SPAN(route));
    end(p, REGISTERING, m->status);
}

/* --- requests to others --- */

static void add_routes(const struct phone *p, struct text *t)
{
    const char *first = p->swarm->options->route;
    if (first)
        text_add(t, "Route: <%s>\r\n", first);
    if (p->service_route[0])
        text_add(t, "Route: %s\r\n", p->service_route);
}

static void add_parties(const struct phone *p, struct text *t, const char *to, const char *method)
{
    char user[USER_MAX];
    text_add(t, "From: <sip:%s@%s>;tag=c%u\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n", name(p, user),
             p->swarm->options->realm, p->calls, to, p->call_id, p->cseq, method);
}

static void begin_request(struct phone *p, struct text *t, const struct phone *to, const char *method)
{
    const char *realm = p->swarm->options->realm;
    char user[USER_MAX], whom[2 * USER_MAX];
    p->calls++;
    p->cseq++;
    snprintf(p->call_id, sizeof p->call_id, "c%u.%u.%d@load", p->id, p->calls, getpid());
    snprintf(whom, sizeof whom, "<sip:%s@%.48s>", name(to, user), realm);
    text_add(t, "%s sip:%s@%s SIP/2.0\r\n", method, user, realm);
    add_via(p, t, "c");
    add_routes(p, t);
    add_parties(p, t, whom, method);
    text_add(t, "P-Preferred-Identity: <sip:%s@%s>\r\n" ACCESS, name(p, user), realm);
}

void ua_call(struct phone *p, const struct phone *to)
{
    struct text t = {.n = 0};
    ua_begin(p, INVITING);
    begin_request(p, &t, to, "INVITE");
    add_contact(p, &t, ";ob");
    text_add(
        &t,
        "\r\nP-Preferred-Service: urn:urn-7:3gpp-service.ims.icsi.mmtel\r\n"
        "Accept-Contact: *;+g.3gpp.icsi-ref=\"urn%%3Aurn-7%%3A3gpp-service.ims.icsi.mmtel\"\r\n"
        "Supported: 100rel, timer, precondition, gruu, outbound, path\r\nSession-Expires: 1800\r\n" ALLOW);
    add_body(&t, "application/sdp", sdp);
    say(p, &t);
}

void ua_write(struct phone *p, const struct phone *to)
{
    struct text t = {.n = 0};
    ua_begin(p, WRITING);
    begin_request(p, &t, to, "MESSAGE");
    add_body(&t, "text/plain", "Is anybody there?");
    say(p, &t);
}

/* ACK and BYE (RFC 3261 12.2.1.1). */
static void send_within(struct phone *p, const char *method)
{
    struct text t = {.n = 0};
    text_add(&t, "%s %s SIP/2.0\r\n", method, p->dialog.remote);
    add_via(p, &t, method);
    text_add(&t, "%s", p->dialog.route);
    add_parties(p, &t, p->dialog.to, method);
    add_body(&t, NULL, NULL);
    say(p, &t);
}

/* The last Record-Route first (RFC 3261 12.1.2). */
static void learn_routes(struct phone *p, const struct message *m)
{
    struct span all[16], s;
    unsigned n = 0;
    int at = 0;
    for (unsigned i = 0; (s = message_header(m, "Record-Route", i)).p; i++) {
        for (struct span uri; n < 16 && (uri = span_within(s, "<", ">")).p;) {
            all[n++] = uri;
            s = (struct span){uri.p + uri.n, (size_t)(s.p + s.n - (uri.p + uri.n))};
        }
    }
    p->dialog.route[0] = 0;
    while (n-- > 0 && at < (int)sizeof p->dialog.route)
        at += snprintf(p->dialog.route + at, sizeof p->dialog.route - (size_t)at, "Route: <%.*s>\r\n",
                       SPAN(all[n]));
    if (at >= (int)sizeof p->dialog.route)
        give_up("the Record-Routes are too long", 0);
}

static void copy(char *to, size_t cap, struct span s)
{
    snprintf(to, cap, "%.*s", s.p ? (int)s.n : 0, s.p ? s.p : "");
}

/* A refusal is acknowledged hop by hop, on the branch of the INVITE (17.1.1.3). */
static void on_refused(struct phone *p, const struct message *m)
{
    struct text t = {.n = 0};
    struct span via = message_header(m, "Via", 0), to = message_header(m, "To", 0);
    struct span uri = span_within(to, "<", ">");
    text_add(&t, "ACK %.*s SIP/2.0\r\nVia: %.*s\r\nMax-Forwards: 70\r\n", SPAN(uri), SPAN(via));
    copy(p->dialog.to, sizeof p->dialog.to, to);
    add_routes(p, &t);
    add_parties(p, &t, p->dialog.to, "ACK");
    add_body(&t, NULL, NULL);
    say(p, &t);
    end(p, INVITING, m->status);
}

static void on_invited(struct phone *p, const struct message *m)
{
    if (m->status >= 300) {
        on_refused(p, m);
        return;
    }
    learn_routes(p, m);
    copy(p->dialog.to, sizeof p->dialog.to, message_header(m, "To", 0));
    copy(p->dialog.remote, sizeof p->dialog.remote, span_within(message_header(m, "Contact", 0), "<", ">"));
    send_within(p, "ACK");
    p->deed = ENDING;
    p->cseq++;
    send_within(p, "BYE");
}

static void on_response(struct phone *p, const struct message *m)
{
    if (p->deed == REGISTERING && message_is(m, "REGISTER")) {
        on_registered(p, m);
        return;
    }
    if (m->status < 200 || !span_is(message_header(m, "Call-ID", 0), p->call_id))
        return;
    if (p->deed == INVITING && message_is(m, "INVITE"))
        on_invited(p, m);
    else if (p->deed == ENDING && message_is(m, "BYE"))
        end(p, INVITING, m->status);
    else if (p->deed == WRITING && message_is(m, "MESSAGE"))
        end(p, WRITING, m->status);
}

/* --- requests of others --- */

static void copy_all(struct text *t, const struct message *m, const char *header)
{
    struct span s;
    for (unsigned i = 0; (s = message_header(m, header, i)).p; i++)
        text_add(t, "%s: %.*s\r\n", header, SPAN(s));
}

static void answer(struct phone *p, const struct message *m, const char *status, const char *body)
{
    struct text t = {.n = 0};
    struct span to = message_header(m, "To", 0);
    text_add(&t, "SIP/2.0 %s\r\n", status);
    copy_all(&t, m, "Via");
    copy_all(&t, m, "Record-Route");
    copy_all(&t, m, "From");
    text_add(&t, "To: %.*s", SPAN(to));
    if (!span_within(to, ";tag=", ";").p)
        text_add(&t, ";tag=p%u", p->id);
    text_add(&t, "\r\n");
    copy_all(&t, m, "Call-ID");
    copy_all(&t, m, "CSeq");
    if (message_is(m, "INVITE")) {
        add_contact(p, &t, ";ob");
        text_add(&t, "\r\n" ALLOW);
    }
    add_body(&t, "application/sdp", body);
    phone_send(p, t.mem, t.n);
}

void ua_take(struct phone *p, const struct message *m)
{
    if (m->status) {
        on_response(p, m);
    } else if (message_is(m, "INVITE")) {
        answer(p, m, "180 Ringing", NULL);
        answer(p, m, "200 OK", sdp);
    } else if (!message_is(m, "ACK")) {
        answer(p, m, "200 OK", NULL);
    }
}

/* --- RFC 5626 3.5.1 --- */

void ua_ping(struct phone *p)
{
    ua_begin(p, PINGING);
    p->swarm->requests++;
    phone_send(p, "\r\n\r\n", 4);
}

void ua_pong(struct phone *p)
{
    if (p->deed == PINGING)
        end(p, PINGING, 200);
}
