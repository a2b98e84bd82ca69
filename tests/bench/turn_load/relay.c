/* Calls through the relay: packets on channels, in a window (saturated) or by the clock (paced). */
#include "peer.h"
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define INPUT          (64u * 1024)
#define OUTPUT         4096u
#define EVENTS         256
#define STALLED        (200 * MILLISECOND)
#define DRAIN          (700 * MILLISECOND)
#define HEAD           4u
#define FRAME_OF(size) (HEAD + (((size) + 3u) & ~3u))

struct call {
    struct client *client;
    uint8_t out[OUTPUT]; /* what the socket did not take */
    size_t out_n;
    unsigned under_way;
    uint64_t next; /* paced: when */
    uint64_t sequence;
};

struct counts {
    uint64_t sent, received, reads, peer;
};

struct relay {
    const struct options *options;
    SSL_CTX *context;
    struct client *clients;
    struct call *calls;
    struct peer peer;
    int epoll;
    struct counts count, marked;
    uint64_t held_back; /* paced: due while the socket was full */
    uint64_t given_up;  /* saturated: taken for lost */
    uint64_t moved_at, moved_count;
    struct delays delays;
};

static void set_up(struct relay *r, unsigned i)
{
    const struct options *o = r->options;
    struct client *c = &r->clients[i];
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
    int code = client_open(c, o, r->context, INPUT);
    if (code == 0)
        code = client_allocate(c, o, TRANSPORT_OF_UDP);
    if (code == 0)
        code = client_bind(c, o, &r->peer.address);
    if (code)
        give_up("setting up a call", code);
    client_unblock(c);
    r->calls[i].client = c;
    epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &e);
}

struct relay *relay_create(const struct options *o)
{
    struct relay *r = calloc(1, sizeof *r);
    if (!r)
        give_up("memory", 0);
    r->options = o;
    r->context = client_context(o);
    r->clients = calloc(o->clients, sizeof *r->clients);
    r->calls = calloc(o->clients, sizeof *r->calls);
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!r->clients || !r->calls || r->epoll < 0)
        give_up("memory", 0);
    peer_open(&r->peer, o);
    for (unsigned i = 0; i < o->clients; i++)
        set_up(r, i);
    return r;
}

/* Calls are spread evenly over the period: phones do not speak in step. */
void relay_start(struct relay *r)
{
    const struct options *o = r->options;
    uint64_t now = time_now();
    for (unsigned i = 0; o->pps && i < o->clients; i++)
        r->calls[i].next = now + (uint64_t)((double)i / o->clients / o->pps * (double)SECOND);
    r->moved_at = now;
    peer_start(&r->peer, r->clients);
}

/* --- sending --- */

static bool push(struct call *c)
{
    size_t done = 0;
    while (done < c->out_n) {
        ssize_t n = client_write(c->client, c->out + done, c->out_n - done);
        if (n < 0 && errno != EAGAIN)
            give_up("the server closed a call", BROKEN);
        if (n < 0)
            break;
        done += (size_t)n;
    }
    c->out_n -= done;
    memmove(c->out, c->out + done, c->out_n);
    return c->out_n == 0;
}

/* One packet, one write: that is how a phone sends. */
static void send_packet(struct relay *r, struct call *c)
{
    uint64_t now = time_now();
    put16(c->out, CHANNEL_NUMBER);
    put16(c->out + 2, r->options->size);
    memcpy(c->out + HEAD, &c->sequence, 8);
    memcpy(c->out + HEAD + 8, &now, 8);
    c->out_n = FRAME_OF(r->options->size);
    c->sequence++;
    c->under_way++;
    r->count.sent++;
    push(c);
}

static void send_paced(struct relay *r, struct call *c, uint64_t now)
{
    while (c->next <= now) {
        if (c->out_n)
            r->held_back++;
        else
            send_packet(r, c);
        c->next += SECOND / r->options->pps;
    }
}

static void send_echoed(struct relay *r, struct call *c)
{
    while (!c->out_n && c->under_way < r->options->window)
        send_packet(r, c);
}

/* One way up: the window is that of all calls together, since the peer counts. True: it is full. */
static bool send_up(struct relay *r)
{
    const struct options *o = r->options;
    uint64_t gone = r->peer.received + r->given_up;
    if (r->count.sent >= gone + (uint64_t)o->window * o->clients)
        return true;
    for (unsigned i = 0; i < o->clients; i++)
        if (!r->calls[i].out_n)
            send_packet(r, &r->calls[i]);
    return false;
}

/* True: nothing more can be sent before something comes. */
static bool send_due(struct relay *r)
{
    const struct options *o = r->options;
    uint64_t now = time_now();
    if (o->direction == UP && !o->pps)
        return send_up(r);
    for (unsigned i = 0; i < o->clients; i++) {
        if (o->pps)
            send_paced(r, &r->calls[i], now);
        else
            send_echoed(r, &r->calls[i]);
    }
    return true;
}

/* --- receiving --- */

static void take_frame(struct relay *r, struct call *c, const uint8_t *frame, uint64_t now)
{
    uint64_t at;
    if (get16(frame) != CHANNEL_NUMBER || get16(frame + 2) != r->options->size)
        return;
    memcpy(&at, frame + HEAD + 8, 8);
    delays_add(&r->delays, now - at);
    r->count.received++;
    c->under_way -= c->under_way > 0;
}

static void take_frames(struct relay *r, struct call *c)
{
    struct client *client = c->client;
    uint64_t now = time_now();
    size_t at = 0, size;
    while ((size = frame_size(client->in + at, client->in_n - at))) {
        take_frame(r, c, client->in + at, now);
        at += size;
    }
    memmove(client->in, client->in + at, client->in_n - at);
    client->in_n -= at;
}

static void receive(struct relay *r, struct call *c)
{
    struct client *client = c->client;
    ssize_t n;
    while ((n = client_read(client, client->in + client->in_n, client->in_cap - client->in_n)) > 0) {
        client->in_n += (size_t)n;
        r->count.reads++;
        take_frames(r, c);
    }
    if (errno != EAGAIN)
        give_up("the server closed a call", BROKEN);
}

static void receive_all(struct relay *r, int wait_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(r->epoll, events, EVENTS, wait_ms);
    for (int i = 0; i < n; i++)
        receive(r, &r->calls[events[i].data.u32]);
    r->peer.arrived = r->count.received;
    for (unsigned i = 0; i < r->options->clients; i++)
        if (r->calls[i].out_n)
            push(&r->calls[i]);
}

/* A saturated window that does not move has lost what is in it. */
static void forgive(struct relay *r)
{
    uint64_t now = time_now(), count = r->options->direction == UP ? r->peer.received : r->count.received;
    if (count != r->moved_count) {
        r->moved_count = count;
        r->moved_at = now;
    }
    if (r->options->pps || now - r->moved_at < STALLED)
        return;
    for (unsigned i = 0; i < r->options->clients; i++)
        r->calls[i].under_way = 0;
    if (r->options->direction == UP)
        r->given_up = r->count.sent - count;
    r->moved_at = now;
}

static void one_round(struct relay *r)
{
    const struct options *o = r->options;
    bool full = o->direction == DOWN || send_due(r);
    if (o->direction == UP && !o->pps && full)
        sched_yield();
    receive_all(r, o->pps ? 1 : o->direction == UP ? 0 : 10);
    forgive(r);
}

void relay_run(struct relay *r, double seconds)
{
    uint64_t end = time_now() + (uint64_t)(seconds * (double)SECOND);
    while (time_now() < end)
        one_round(r);
}

static struct counts counted(const struct relay *r)
{
    struct counts c = r->count;
    c.peer = r->options->direction == DOWN ? 0 : r->peer.received;
    return c;
}

void relay_mark(struct relay *r)
{
    memset(&r->delays, 0, sizeof r->delays);
    peer_mark(&r->peer);
    r->marked = counted(r);
}

double relay_packets(const struct relay *r)
{
    struct counts now = counted(r);
    return (double)(now.peer - r->marked.peer + now.received - r->marked.received);
}

static uint64_t lost(const struct relay *r, uint64_t *sent)
{
    uint64_t got = r->options->direction == UP ? r->peer.received : r->count.received;
    *sent = r->options->direction == DOWN ? r->peer.sent : r->count.sent;
    return *sent > got ? *sent - got : 0;
}

void relay_stop(struct relay *r)
{
    uint64_t end = time_now() + DRAIN, sent;
    r->peer.quiet = true;
    while (lost(r, &sent) && time_now() < end)
        receive_all(r, 20);
    peer_stop(&r->peer);
}

const struct delays *relay_delays(const struct relay *r)
{
    return r->options->direction == UP ? &r->peer.delays : &r->delays;
}

void relay_report_loss(const struct relay *r)
{
    uint64_t sent, n = lost(r, &sent);
    report_number("sent", (double)sent);
    report_number("lost", (double)n);
    report_number("held_back", (double)r->held_back);
}

void relay_destroy(struct relay *r)
{
    for (unsigned i = 0; i < r->options->clients; i++) {
        client_close(&r->clients[i], true);
        free(r->clients[i].in);
    }
    peer_close(&r->peer);
    SSL_CTX_free(r->context);
    free(r->clients);
    free(r->calls);
    free(r);
}

int run_relay(const struct options *o)
{
    struct relay *r = relay_create(o);
    relay_start(r);
    relay_run(r, o->warmup);
    relay_mark(r);
    uint64_t began = time_now();
    struct cost before = cost_of(o->server_pid), own = cost_of(0);
    relay_run(r, o->seconds);
    struct cost after = cost_of(o->server_pid), own_after = cost_of(0);
    double seconds = (double)(time_now() - began) / (double)SECOND, packets = relay_packets(r);
    double reads = (double)(r->count.reads - r->marked.reads),
           got = (double)(r->count.received - r->marked.received);
    relay_stop(r);
    report_begin("relay");
    report_text("tls", client_tls(&r->clients[0]));
    report_number("seconds", seconds);
    report_number("packets", packets);
    report_number("packets_per_second", packets / seconds);
    report_number("server_cpu", cost_between(before, after));
    report_number("server_user", after.user - before.user);
    report_number("driver_cpu", cost_between(own, own_after));
    report_number("cost", packets > 0 ? cost_between(before, after) * 1e6 / packets : 0);
    report_number("messages_per_read", reads > 0 ? got / reads : 0);
    relay_report_loss(r);
    report_delays("rtt", relay_delays(r));
    report_end();
    relay_destroy(r);
    return 0;
}
