/* A client of this worker whose allocation is on another one (roaming.h). */
#include "modules/stun/frame.h"
#include "modules/turn/allocation.h"
#include "modules/turn/dispatch.h"
#include "modules/turn/roaming.h"
#include "mux/conn.h"
#include <errno.h>

struct guest {
    struct roaming_end end;
    struct conn_user user;
    struct turn *turn;
    struct client client;
    struct map_node by_client; /* over UDP */
    bool pending;              /* the answer to its ticket has not come */
};

size_t guest_size(void)
{
    return sizeof(struct guest);
}

static struct guest *find_by_client(struct turn *t, const struct client *c)
{
    uint64_t hash = client_hash(&t->w->hash_key, c);
    for (struct map_node *n = map_find(&t->roaming.guests_by_client, hash); n; n = map_next(n)) {
        struct guest *g = container_of(n, struct guest, by_client);
        if (client_eq(&g->client, c))
            return g;
    }
    return NULL;
}

/* The connection is not this guest's any more. */
static void let_go(struct guest *g)
{
    if (g->client.conn)
        g->client.conn->state = NULL;
    else if (g->client.udp)
        map_remove(&g->turn->roaming.guests_by_client, &g->by_client);
    g->client = CLIENT_NONE;
}

void guest_forget(struct roaming_end *e)
{
    let_go(container_of(e, struct guest, end));
    end_destroy(e);
}

/* No more is read until the answer is here: it decides whose what comes next is. */
static void settle_in(struct guest *g, const struct client *c)
{
    struct turn *t = g->turn;
    g->client = *c;
    if (c->udp) {
        map_insert(&t->roaming.guests_by_client, &g->by_client, client_hash(&t->w->hash_key, c));
        return;
    }
    c->conn->state = &g->user;
    conn_pause(c->conn);
}

static bool send_first(struct guest *g, const struct request *rq)
{
    struct parcel *p = g->end.out = parcel_create(PARCEL_FIRST);
    if (!p || end_send(g->turn, &g->end, rq->message.raw) < 0)
        return false;
    p->transport = rq->client.transport;
    p->client = rq->client.addr;
    return true;
}

unsigned guest_begin(struct request *rq, uint16_t home)
{
    struct turn *t = rq->turn;
    if (!gateway_worker(t->w->gw, home) || rq->client.remote)
        return 437;
    struct guest *g = end_create(&t->roaming.guests, home, remote_open_parcel);
    if (!g)
        return 508;
    g->turn = t;
    g->user.is_guest = true;
    g->pending = true;
    if (!send_first(g, rq)) {
        end_destroy(&g->end);
        return 508;
    }
    settle_in(g, &rq->client);
    turn_count(t, TS_GUESTS);
    return 0;
}

static void send_on(struct guest *g, struct bytes frame)
{
    if (end_send(g->turn, &g->end, frame) < 0)
        turn_count(g->turn, TS_DROP_ROAMING);
}

bool guest_datagram(struct turn *t, const struct client *from, struct bytes frame)
{
    struct guest *g = t->roaming.guests_by_client.count ? find_by_client(t, from) : NULL;
    if (!g)
        return false;
    /* A retransmission: its answer is on the way. RFC 8016 3.2.2 lets other things be dropped as well. */
    if (g->pending)
        turn_count(t, TS_DROP_ROAMING);
    else
        send_on(g, frame);
    return true;
}

static struct guest *guest_of(const struct conn *c)
{
    struct conn_user *u = c->state;
    return u && u->is_guest ? container_of(u, struct guest, user) : NULL;
}

bool conn_is_guest(const struct conn *c)
{
    return guest_of(c) != NULL;
}

size_t guest_data(struct conn *c, struct bytes in)
{
    struct guest *g = guest_of(c);
    size_t eaten = 0;
    while (!g->pending && eaten < in.n) {
        struct frame f = frame_of_stream(bytes_skip(in, eaten));
        if (f.kind == FRAME_MORE)
            break;
        if (f.kind == FRAME_BAD) {
            turn_count(g->turn, TS_DROP_MALFORMED);
            conn_close(c, CLOSE_PROTOCOL);
            break;
        }
        send_on(g, bytes_of(in.p + eaten, f.size));
        eaten += f.size;
    }
    return eaten;
}

void guest_closed(struct conn *c)
{
    struct guest *g = guest_of(c);
    struct turn *t = g->turn;
    let_go(g);
    /* While the answer to the ticket is underway there is nobody to tell: deliver() will. */
    if (!g->pending)
        end_finish(t, &g->end, PARCEL_OVER);
    roaming_flush(t);
}

static void deliver(struct guest *g, struct bytes frame)
{
    int rc = client_send(&g->client, frame);
    if (rc < 0)
        turn_count(g->turn, TS_DROP_CLIENT_FULL);
    /* As in dispatch.c: media is dropped, signalling is not. */
    if (rc == -ENOBUFS && g->client.conn && frame_of_stream(frame).kind == FRAME_STUN)
        conn_close(g->client.conn, CLOSE_BACKLOG);
}

static void stop_waiting(struct guest *g)
{
    struct conn *c = g->client.conn;
    if (!g->pending)
        return;
    g->pending = false;
    if (!c)
        return;
    conn_resume(c);
    conn_idle_timeout(c, 0);
    conn_frame_limits(c, (uint64_t)g->turn->config->frame_timeout, FRAME_CLIENT_MAX);
}

/* The other end is no more; the connection is an ordinary one again, or has had its time. */
static void on_over(struct guest *g, enum parcel_kind kind)
{
    struct conn *c = g->client.conn;
    const struct turn_config *config = g->turn->config;
    let_go(g);
    end_destroy(&g->end);
    if (c && kind == PARCEL_CLOSE)
        conn_close(c, CLOSE_MODULE);
    if (!c || kind == PARCEL_CLOSE)
        return;
    conn_idle_timeout(c, (uint64_t)config->idle_timeout);
    conn_frame_limits(c, (uint64_t)config->frame_timeout, FRAME_STRANGER_MAX);
}

static void take(struct turn *t, struct guest *g, const struct parcel *p)
{
    struct bytes frame;
    bool was_gone = client_is_none(&g->client);
    g->end.peer = p->from;
    for (size_t at = 0; !was_gone && parcel_next(p, &at, &frame);)
        deliver(g, frame);
    stop_waiting(g);
    if (p->kind != PARCEL_FRAMES)
        on_over(g, p->kind);
    else if (was_gone)
        end_finish(t, &g->end, PARCEL_OVER);
}

void guest_open_parcel(struct worker *w, struct letter *l)
{
    struct parcel *p = container_of(l, struct parcel, letter);
    struct turn *t = parcel_arrived(w, p);
    struct guest *g = t ? slots_get(&t->roaming.guests, p->to) : NULL;
    if (g && !g->end.over)
        take(t, g, p);
    parcel_destroy(p);
}
