/* ue_loop: the UE's one thread: a libev loop, a wheel of timers, and a way to wait for something to happen.
 *
 * Room modules/ue, floor 3. The UE is a program of its own with one thread, so it has no workers: timers fire
 * with a NULL worker and find their owner by container_of. Everything the UE does is driven from
 * ue_loop_until(): what callbacks change is looked at by the caller between turns, so a sequence of steps
 * reads from top to bottom. */
#pragma once
#include "appliance/core/timer.h"
#include <ev.h>

struct ue_loop {
    struct ev_loop *ev;
    struct timers timers;
    uint64_t now; /* monotonic ms; moves once a turn */
    ev_timer tick;
    ev_signal on_int, on_term;
    struct timer limit; /* of the wait that is on */
    uint64_t deadline;  /* ms: no wait goes beyond it; 0: none */
    bool interrupted;   /* SIGINT or SIGTERM came */
    uint64_t signalled; /* ms: when it came last; 0: never */
};

int ue_loop_init(struct ue_loop *l); /* 0 or -ENOMEM */
void ue_loop_fini(struct ue_loop *l);

/* Turns the loop until `done` says so: 0, -ETIMEDOUT after ms, -EINTR when a signal asked to stop. Never from
 * a callback. */
int ue_loop_until(struct ue_loop *l, bool (*done)(void *arg), void *arg, uint64_t ms);
/* Turns the loop for that long: 0 or -EINTR. */
int ue_loop_for(struct ue_loop *l, uint64_t ms);

void ue_loop_arm(struct ue_loop *l, struct timer *t, uint64_t in_ms);
void ue_loop_disarm(struct ue_loop *l, struct timer *t);
uint64_t ue_clock_us(void); /* monotonic */
