/* tls_phone: phones of a sip_world that have a TLS connection: one that stands in the door's table and has no
 * socket. What is sent there is caught like everything else. */
#pragma once
#include "mux/conn_private.h"
#include "sip_world.h"

static inline struct door *tls_door(struct worker *w)
{
    static const struct door_config config;
    struct door *d = worker_room(w, &door_settings);
    if (d)
        return d;
    d = calloc(1, sizeof(*d));
    assert_non_null(d);
    d->w = w;
    d->config = &config;
    assert_int_equal(slots_init(&d->conns, sizeof(struct entry), 64, w->id), 0);
    assert_int_equal(worker_set_room(w, &door_settings, d), 0);
    return d;
}

/* The phone gets a connection on that worker; the one it had, if any, stays open. */
static inline void tls_connect(struct fake_phone *ph, uint16_t worker, uint16_t port)
{
    struct door *d = tls_door(ph->world->w[worker]);
    struct entry *e = slots_take(&d->conns);
    assert_non_null(e);
    e->door = d;
    e->stage = STAGE_OPEN;
    e->conn.w = d->w;
    e->conn.transport = TRANSPORT_TLS;
    e->conn.peer = ph->flow.peer;
    e->conn.peer.port = port;
    e->conn.local.port = 443;
    ph->flow =
        (struct flow){.transport = TRANSPORT_TLS, .conn = slots_ref(&d->conns, e), .peer = e->conn.peer};
}

static inline struct entry *tls_entry(const struct fake_phone *ph)
{
    return slots_get(&tls_door(ph->world->w[ph->flow.conn.worker])->conns, ph->flow.conn);
}

static inline void tls_close(struct fake_phone *ph)
{
    struct worker *w = ph->world->w[ph->flow.conn.worker];
    struct entry *e = tls_entry(ph);
    timer_stop(&w->timers, &e->timer);
    pcscf_flow_closed(pcscf_of(w), &ph->flow);
    slots_give(&tls_door(w)->conns, e);
    world_run(ph->world);
}

static inline void tls_world_destroy(struct world *world)
{
    struct door *doors[WORLD_WORKERS];
    for (unsigned i = 0; i < WORLD_WORKERS; i++)
        doors[i] = worker_room(world->w[i], &door_settings);
    world_destroy(world);
    for (unsigned i = 0; i < WORLD_WORKERS; i++) {
        if (doors[i])
            slots_fini(&doors[i]->conns);
        free(doors[i]);
    }
}
