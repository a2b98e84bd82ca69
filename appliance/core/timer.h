/* timer: a hierarchical wheel of 1 ms ticks; setting, stopping and firing cost the same at any count.
 *
 * Floor 1. A timer is a link inside its owner: nothing is allocated, nothing can fail. Time is an argument,
 * so tests run it with virtual time. A worker's wheel is turned by one ev_timer. One thread. */
#pragma once
#include "appliance/base/list.h"
#include <stdbool.h>
#include <stdint.h>

struct worker;
struct timer;
typedef void timer_fire(struct worker *w, struct timer *t);

struct timer {
    struct list link;
    uint64_t due; /* ms, worker time */
    timer_fire *fire;
};

#define WHEEL_LEVELS 5
#define WHEEL_BITS   6 /* 64 rows a level: 1 ms .. 2^30 ms = 12 days; later ones wait in `far` */

struct timers {
    uint64_t now;                /* all that was due by then has fired or waits in `late` */
    uint64_t position;           /* the tick where the wheel stands; equals now except within timers_run */
    uint64_t busy[WHEEL_LEVELS]; /* which rows have timers */
    struct list rows[WHEEL_LEVELS][1 << WHEEL_BITS];
    struct list late; /* set for a time that was past already: fire first at the next run */
    struct list far;  /* due after the whole wheel */
    unsigned count;
};

void timers_init(struct timers *ts, uint64_t now_ms);
/* (Re)arms t to fire at due_ms; a due time that is past fires at the next run. t->fire must be set. */
void timer_set(struct timers *ts, struct timer *t, uint64_t due_ms);
void timer_stop(struct timers *ts, struct timer *t); /* fine on one that is not armed or never was (zeroed) */
static inline bool timer_armed(const struct timer *t)
{
    return list_linked(&t->link);
}
/* Fires what is due at now_ms, in order of due time (a tick's timers in order of setting). The callback may
 * set and stop any timer and free its own. */
void timers_run(struct timers *ts, struct worker *w, uint64_t now_ms);
/* When timers_run is next needed at the latest, UINT64_MAX when nothing is armed. May be early, never late.
 */
uint64_t timers_next(const struct timers *ts);
