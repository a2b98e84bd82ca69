/* The module's slots: from the door's bytes to frames, from frames to dispatch or to the relay. */
#include "modules/turn/turn.h"
#include "modules/stun/frame.h"
#include "modules/stun/stun.h"
#include "modules/turn/allocation.h"
#include "modules/turn/connection_bind.h"
#include "modules/turn/dispatch.h"
#include "modules/turn/quota.h"
#include "modules/turn/reservation.h"
#include "modules/turn/send.h"
#include "modules/turn/store_rows.h"
#include "mux/conn.h"
#include "mux/sniff.h"
#include <errno.h>
#include <stdlib.h>

struct turn *turn_of(const struct worker *w)
{
    return worker_room(w, &turn_module);
}

static int fill(struct turn *t)
{
    list_init(&t->reservations);
    rows_init(t);
    random_fill(t->none, sizeof(t->none));
    t->receive = malloc((size_t)RECEIVE_SLOTS * RECEIVE_SLOT);
    t->quota = quota_join(t->w->gw);
    t->mac = stun_mac_create();
    if (!t->receive || !t->quota || !t->mac)
        return -ENOMEM;
    int rc = slots_init(&t->allocations, sizeof(struct allocation), ALLOCATIONS_MAX, t->w->id);
    if (rc == 0)
        rc = map_init(&t->by_client, 256);
    if (rc == 0)
        rc = ports_init(t);
    if (rc == 0)
        rc = roaming_init(t);
    if (rc == 0)
        rc = tcp_room_open(t);
    return rc;
}

static void release(struct turn *t)
{
    if (t->quota)
        quota_part(t->w->gw);
    tcp_room_close(t);
    rows_fini(t);
    roaming_fini(t);
    peer_policy_fini(t);
    ports_fini(t);
    map_fini(&t->by_client);
    slots_fini(&t->allocations);
    stun_mac_destroy(t->mac);
    free(t->receive);
    free(t);
}

static int start(struct worker *w)
{
    struct turn *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->w = w;
    t->config = config_of(w->config, &turn_settings);
    t->relay_ports = t->config->relay_ports;
    t->stats = stats_row(w->gw->stats, &turn_stats, w->id);
    int rc = fill(t);
    if (rc == 0)
        rc = worker_set_room(w, &turn_module, t);
    if (rc < 0)
        release(t);
    return rc;
}

static void each_allocation(struct turn *t, void (*each)(struct allocation *a))
{
    uint32_t cursor = 0;
    struct allocation *a;
    while ((a = slots_next(&t->allocations, &cursor)) != NULL)
        each(a);
}

static void end_allocation(struct allocation *a)
{
    allocation_destroy(a, ALLOCATION_SHUTDOWN);
}

static void stop(struct worker *w)
{
    struct turn *t = turn_of(w);
    if (!t)
        return;
    each_allocation(t, end_allocation);
    reservation_drop_all(t);
    worker_set_room(w, &turn_module, NULL);
    release(t);
}

static void reload(struct worker *w, const struct config *old)
{
    struct turn *t = turn_of(w);
    if (!t)
        return;
    t->config = config_of(w->config, &turn_settings);
    each_allocation(t, allocation_check_peers);
}

static void on_channel_data(struct turn *t, const struct client *from, const struct frame *f)
{
    struct allocation *a = allocation_of(t, from);
    if (!a) {
        turn_count(t, TS_DROP_NO_ALLOCATION);
        return;
    }
    if (a->moving)
        mobility_heard(a, from);
    channel_data(a, f->channel, f->body);
}

void turn_frame(struct turn *t, const struct client *from, const struct frame *f)
{
    if (f->kind == FRAME_STUN)
        dispatch(t, from, f->body);
    else
        on_channel_data(t, from, f);
}

static void opened(struct conn *c)
{
    const struct turn *t = turn_of(c->w);
    conn_idle_timeout(c, (uint64_t)t->config->idle_timeout);
    conn_frame_limits(c, (uint64_t)t->config->frame_timeout, FRAME_STRANGER_MAX);
}

static size_t data(struct conn *c, struct bytes in)
{
    struct turn *t = turn_of(c->w);
    struct client from = client_of_conn(c);
    size_t eaten = 0;
    if (conn_is_guest(c))
        return guest_data(c, in);
    /* A frame may make it a guest: then the rest waits. */
    while (eaten < in.n && !conn_is_guest(c) && !connection_bind_holds(t, c)) {
        struct frame f = frame_of_stream(bytes_skip(in, eaten));
        if (f.kind == FRAME_MORE)
            break;
        if (f.kind == FRAME_BAD) {
            turn_count(t, TS_DROP_MALFORMED);
            conn_close(c, CLOSE_PROTOCOL);
            break;
        }
        turn_frame(t, &from, &f);
        if (connection_bind_keeps(t, c))
            break;
        eaten += f.size;
    }
    batch_flush(t);
    return eaten;
}

static void closed(struct conn *c)
{
    struct turn *t = turn_of(c->w);
    struct client gone = client_of_conn(c);
    connection_bind_drop(t, c);
    if (conn_is_guest(c)) {
        guest_closed(c);
        return;
    }
    allocation_client_gone(allocation_of(t, &gone), &gone);
    roaming_flush(t);
}

static void datagram(struct udp_port *u, const struct addr *from, struct bytes in)
{
    struct turn *t = turn_of(u->w);
    struct client client = client_of_datagram(u, from);
    struct frame f = frame_of_datagram(in);
    if (f.kind == FRAME_BAD) {
        turn_count(t, TS_DROP_MALFORMED);
        return;
    }
    if (guest_datagram(t, &client, in))
        return;
    turn_frame(t, &client, &f);
    batch_flush(t);
}

/* RFC 7443. */
static const char *const alpn[] = {"stun.turn", "stun.nat-discovery", NULL};

const struct module turn_module = {
    .name = "turn",
    .alpn = alpn,
    .settings = &turn_settings,
    .stats = &turn_stats,
    .sniff = sniff_stun,
    .start = start,
    .stop = stop,
    .reload = reload,
    .opened = opened,
    .data = data,
    .closed = closed,
    .datagram = datagram,
};
