#include "modules/ue/steps.h"
#include "modules/ue/advice.h"
#include <errno.h>
#include <stdio.h>

/* --- a row --- */

static struct report_step *begin(struct run *r, const char *who, const char *what)
{
    struct report_step *s = report_add(&r->report, "%s %s", who, what);
    s->ms = (double)ue_clock_us() / 1000.;
    return s;
}

static void write_out(const struct buf *b)
{
    fwrite(buf_bytes(b).p, 1, buf_len(b), stdout);
    fflush(stdout);
}

static bool end(struct run *r, struct report_step *s)
{
    struct buf b;
    s->ms = (double)ue_clock_us() / 1000. - s->ms;
    if (!s->ok)
        r->report.failed = true;
    if (!r->json) {
        buf_init(&b);
        report_row(s, r->fancy, &b);
        write_out(&b);
        buf_fini(&b);
    }
    return s->ok;
}

void run_show_head(const struct run *r)
{
    struct buf b;
    if (r->json)
        return;
    buf_init(&b);
    report_head(r->fancy, &b);
    write_out(&b);
    buf_fini(&b);
}

int run_finish(struct run *r)
{
    struct buf b;
    buf_init(&b);
    if (r->json)
        report_json(&r->report, &b);
    else
        report_foot(&r->report, r->fancy, &b);
    write_out(&b);
    buf_fini(&b);
    return r->report.failed ? 1 : 0;
}

void run_fail(struct run *r, const char *step, const char *why, const char *advice)
{
    struct report_step *s = report_add(&r->report, "%s", step);
    s->ms = (double)ue_clock_us() / 1000.;
    report_say(s, "%s", why);
    s->advice = advice;
    end(r, s);
}

/* --- waiting --- */

static bool is_done(void *arg)
{
    return ((struct outcome *)arg)->done;
}

static void explain_wait(struct report_step *s, int rc)
{
    report_say(s, "%s", rc == -EINTR ? "interrupted" : "it took too long");
}

static void explain(struct report_step *s, const struct outcome *o)
{
    if (o->code > 0)
        report_say(s, "%s: %d %s", o->what, o->code, o->text);
    else
        report_say(s, "%s: %s", o->what, o->text[0] ? o->text : strerror(-o->code));
    s->advice = advice_outcome(o);
}

/* Waits for one outcome and says in the row how it went. */
static bool await(struct run *r, struct report_step *s, struct outcome *o, uint64_t ms)
{
    int rc = ue_loop_until(r->loop, is_done, o, ms);
    r->waited = rc;
    s->ok = rc == 0 && o->code == 0;
    if (rc != 0)
        explain_wait(s, rc);
    else if (o->code != 0)
        explain(s, o);
    return s->ok;
}

/* The link's fault says more than the request that died of it. */
static void blame_link(struct report_step *s, const struct tls_link *l)
{
    if (s->ok || l->fault == TLS_FAULT_NONE)
        return;
    report_say(s, "%s: %s", l->fault == TLS_FAULT_CONNECT ? "TCP" : "TLS", l->why);
    s->advice = advice_tls(l->fault);
}

/* --- the steps --- */

bool step_connect(struct run *r, struct endpoint *e)
{
    struct report_step *s = begin(r, e->account.user, "connects by TLS");
    endpoint_open(e);
    uint64_t patience = TLS_LINK_ADDRS * TLS_LINK_CONNECT_MS + TLS_LINK_SHAKE_MS;
    if (await(r, s, &e->link, patience))
        report_say(s, "%s", e->link.text);
    blame_link(s, &e->ua.link);
    return end(r, s);
}

bool step_register(struct run *r, struct endpoint *e, uint32_t seconds)
{
    struct report_step *s = begin(r, e->account.user, "registers");
    endpoint_register(e, seconds);
    if (await(r, s, &e->registration, STEP_SIP_MS))
        report_say(s, "%s for %u s%s", digest_algorithm_name(e->ua.auth.challenge.algorithm),
                   e->ua.reg.expires, e->ua.reg.outbound ? ", outbound" : "");
    blame_link(s, &e->ua.link);
    return end(r, s);
}

bool step_deregister(struct run *r, struct endpoint *e)
{
    struct report_step *s = begin(r, e->account.user, "deregisters");
    endpoint_register(e, 0);
    await(r, s, &e->registration, STEP_SIP_MS);
    blame_link(s, &e->ua.link);
    return end(r, s);
}

bool step_allocate(struct run *r, struct endpoint *e)
{
    char relay[ADDR_TEXT];
    struct report_step *s = begin(r, e->account.user, "allocates a relay");
    endpoint_allocate(e);
    if (await(r, s, &e->relay, STEP_TURN_MS)) {
        addr_format(&e->turn.relay, relay);
        report_say(s, "%s for %u s", relay, e->turn.lifetime);
    }
    blame_link(s, &e->turn.link);
    return end(r, s);
}

bool step_text(struct run *r, struct endpoint *from, struct endpoint *to)
{
    struct report_step *s = begin(r, from->account.user, "sends a message");
    uint64_t before = to->texts;
    endpoint_text(from, to->ua.aor, "sallyport-ue");
    if (await(r, s, &from->text, STEP_SIP_MS) && to->texts != before + 1) {
        s->ok = false;
        report_say(s, "it was answered with 200, but %s got %u of it", to->account.user,
                   (unsigned)(to->texts - before));
    }
    blame_link(s, &from->ua.link);
    return end(r, s);
}

/* The called end refused the call because of this. */
static bool is_reason(const struct outcome *o)
{
    return o->done && o->code != 0 && o->code != -ECANCELED;
}

static void explain_ringing(struct report_step *s, const struct ua_call *c)
{
    bool rings = c->state == UA_RINGING;
    report_say(s, "%s", rings ? "it rings, but nobody answers" : "the other side does not even ring");
    s->advice = rings ? NULL : "is the other side still there? its connection may have died without a word";
}

bool step_call(struct run *r, struct endpoint *from, struct endpoint *to_end, const char *to)
{
    struct report_step *s = begin(r, from->account.user, to_end ? "calls" : "calls the other end");
    endpoint_call(from, to);
    if (await(r, s, &from->up, STEP_RING_MS))
        report_say(s, "%s", to);
    else if (r->waited == -ETIMEDOUT && from->call)
        explain_ringing(s, from->call);
    else if (to_end && is_reason(&to_end->joined))
        explain(s, &to_end->joined); /* why the called one refused */
    blame_link(s, &from->ua.link);
    return end(r, s);
}

static bool is_called(void *arg)
{
    const struct endpoint *e = arg;
    return e->called || e->ua.link.state == TLS_LINK_CLOSED;
}

bool step_wait_for_call(struct run *r, struct endpoint *e, uint64_t ms)
{
    struct report_step *s = begin(r, e->account.user, "is called");
    int rc = ue_loop_until(r->loop, is_called, e, ms);
    if (rc != 0) {
        report_say(s, "%s", rc == -EINTR ? "interrupted" : "nobody called");
    } else if (await(r, s, &e->up, STEP_RING_MS)) {
        report_say(s, "by %s", e->caller_text);
    } else if (is_reason(&e->joined)) {
        explain(s, &e->joined);
    }
    blame_link(s, &e->ua.link);
    return end(r, s);
}

bool step_join(struct run *r, struct endpoint *a, struct endpoint *b)
{
    char peer[ADDR_TEXT];
    struct report_step *s = begin(r, b ? "both" : a->account.user, b ? "bind channels" : "binds a channel");
    if (await(r, s, &a->joined, STEP_TURN_MS) && (!b || await(r, s, &b->joined, STEP_TURN_MS))) {
        addr_format(&a->peer, peer);
        report_say(s, "to %s", peer);
    }
    blame_link(s, &a->turn.link);
    return end(r, s);
}

/* One direction: what `sent` of one end and `received` of the other came to. */
struct direction {
    const char *from, *to;
    uint32_t sent, received;
    double loss;
    double jitter_ms; /* at the receiving end; below 0: not known here */
    const struct rtp_stats *rtt;
};

static bool row_of_direction(struct run *r, const struct direction *d, double started)
{
    struct report_step *s = report_add(&r->report, "voice from %s to %s", d->from, d->to);
    s->ms = started;
    s->has_voice = s->has_rtt = true;
    s->sent = d->sent;
    s->received = d->received;
    s->loss = d->loss;
    s->rtt_p50 = rtp_rtt_us(d->rtt, 500);
    s->rtt_p99 = rtp_rtt_us(d->rtt, 990);
    s->jitter_ms = d->jitter_ms < 0 ? 0 : d->jitter_ms;
    s->ok = d->loss <= STEP_LOSS_MAX && d->sent > 0;
    if (!s->ok)
        report_say(s, "%u of %u packets arrived", d->received, d->sent);
    else if (d->jitter_ms < 0)
        report_say(s, "%u/%u packets", d->received, d->sent);
    else
        report_say(s, "%u/%u packets, jitter %.2f ms", d->received, d->sent, d->jitter_ms);
    if (!s->ok)
        s->advice = "more than 1 % lost: the path, or the gateway is overloaded (sallyportctl stats)";
    return end(r, s);
}

static bool voice_failed(struct run *r, struct endpoint *e, int rc, double started)
{
    struct report_step *s = report_add(&r->report, "%s hears voice", e->account.user);
    s->ms = started;
    if (rc != 0) {
        explain_wait(s, rc);
    } else {
        explain(s, &e->media_end);
        if (e->media.end > MEDIA_DONE)
            s->advice = advice_media(e->media.end);
    }
    blame_link(s, &e->turn.link);
    return end(r, s);
}

bool step_voice(struct run *r, struct endpoint *a, struct endpoint *b)
{
    double started = (double)ue_clock_us() / 1000.;
    uint64_t patience = (a->talk_ms ? a->talk_ms : 3600000) + MEDIA_WARM_UP_MS + MEDIA_TAIL_MS + 1000;
    struct endpoint *const ends[] = {a, b};
    for (unsigned i = 0; i < 2 && ends[i]; i++) {
        int rc = ue_loop_until(r->loop, is_done, &ends[i]->media_end, patience);
        if (rc != 0 || ends[i]->media_end.code != 0)
            return voice_failed(r, ends[i], rc, started);
    }
    const struct rtp_stats *x = &a->media.stats, *y = b ? &b->media.stats : NULL;
    const char *other = b ? b->account.user : "the other end", *self = a->account.user;
    struct direction out = {.from = self, .to = other, .sent = x->sent, .rtt = x};
    out.received = y ? y->received : x->peer_received;
    out.loss = y ? rtp_loss_in(y) : rtp_loss_out(x);
    out.jitter_ms = y ? rtp_jitter_ms(y) : -1;
    struct direction in = {.from = other, .to = self, .received = x->received, .rtt = y ? y : x};
    in.sent = y ? y->sent : x->peer_sent;
    in.loss = rtp_loss_in(x);
    in.jitter_ms = rtp_jitter_ms(x);
    bool ok = row_of_direction(r, &out, started);
    return row_of_direction(r, &in, started) && ok;
}

bool step_hang_up(struct run *r, struct endpoint *e, struct endpoint *other)
{
    struct report_step *s = begin(r, e->account.user, "hangs up");
    endpoint_hang_up(e);
    if (await(r, s, &e->over, STEP_SIP_MS) && other)
        await(r, s, &other->over, STEP_SIP_MS);
    blame_link(s, &e->ua.link);
    return end(r, s);
}

bool step_wait_for_end(struct run *r, struct endpoint *e)
{
    struct report_step *s = begin(r, e->account.user, "is hung up on");
    await(r, s, &e->over, STEP_SIP_MS);
    blame_link(s, &e->ua.link);
    return end(r, s);
}

bool step_free(struct run *r, struct endpoint *e)
{
    struct report_step *s = begin(r, e->account.user, "frees the relay");
    endpoint_free(e);
    await(r, s, &e->freed, STEP_TURN_MS);
    blame_link(s, &e->turn.link);
    return end(r, s);
}
