#include "modules/ue/ue_loop.h"
#include <errno.h>
#include <signal.h>
#include <time.h>

uint64_t ue_clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void on_tick(struct ev_loop *ev, ev_timer *t, int events)
{
    /* waking up is all it is for */
}

/* timeout(1) and terminals may send one signal to the process and to its group: that is one wish. */
static void on_signal(struct ev_loop *ev, ev_signal *s, int events)
{
    struct ue_loop *l = s->data;
    uint64_t now = ue_clock_us() / 1000;
    if (!l->signalled || now - l->signalled > 500)
        l->interrupted = true;
    l->signalled = now;
}

static void on_limit(struct worker *w, struct timer *t)
{
    /* ue_loop_until() looks at the time itself */
}

static void watch_signal(struct ue_loop *l, ev_signal *s, int number)
{
    ev_signal_init(s, on_signal, number);
    s->data = l;
    ev_signal_start(l->ev, s);
}

int ue_loop_init(struct ue_loop *l)
{
    *l = (struct ue_loop){.now = ue_clock_us() / 1000, .limit.fire = on_limit};
    l->ev = ev_loop_new(EVFLAG_AUTO);
    if (!l->ev)
        return -ENOMEM;
    timers_init(&l->timers, l->now);
    ev_timer_init(&l->tick, on_tick, 0., 0.);
    signal(SIGPIPE, SIG_IGN);
    watch_signal(l, &l->on_int, SIGINT);
    watch_signal(l, &l->on_term, SIGTERM);
    return 0;
}

void ue_loop_fini(struct ue_loop *l)
{
    if (!l->ev)
        return;
    ev_timer_stop(l->ev, &l->tick);
    ev_signal_stop(l->ev, &l->on_int);
    ev_signal_stop(l->ev, &l->on_term);
    ev_loop_destroy(l->ev);
    l->ev = NULL;
}

/* A timer of zero seconds still lets the kernel be asked, so a busy wheel starves no socket. */
static void arm_tick(struct ue_loop *l)
{
    uint64_t due = timers_next(&l->timers);
    ev_timer_stop(l->ev, &l->tick);
    if (due == UINT64_MAX)
        return;
    uint64_t now = ue_clock_us() / 1000;
    ev_now_update(l->ev);
    ev_timer_set(&l->tick, due <= now ? 0. : (double)(due - now) / 1000., 0.);
    ev_timer_start(l->ev, &l->tick);
}

static void turn(struct ue_loop *l)
{
    arm_tick(l);
    ev_run(l->ev, EVRUN_ONCE);
    l->now = ue_clock_us() / 1000;
    timers_run(&l->timers, NULL, l->now);
}

/* Told once: what is done after it to end cleanly may wait again, and be interrupted again. */
static int take_interrupt(struct ue_loop *l)
{
    l->interrupted = false;
    return -EINTR;
}

int ue_loop_until(struct ue_loop *l, bool (*done)(void *arg), void *arg, uint64_t ms)
{
    int rc = 0;
    l->now = ue_clock_us() / 1000;
    uint64_t end = l->now + ms;
    if (l->deadline && end > l->deadline)
        end = l->deadline;
    timer_set(&l->timers, &l->limit, end);
    while (rc == 0 && !done(arg)) {
        if (l->interrupted)
            rc = take_interrupt(l);
        else if (l->now >= end)
            rc = -ETIMEDOUT;
        else
            turn(l);
    }
    timer_stop(&l->timers, &l->limit);
    return rc;
}

static bool never(void *arg)
{
    return false;
}

int ue_loop_for(struct ue_loop *l, uint64_t ms)
{
    int rc = ue_loop_until(l, never, NULL, ms);
    return rc == -ETIMEDOUT ? 0 : rc;
}

void ue_loop_arm(struct ue_loop *l, struct timer *t, uint64_t in_ms)
{
    timer_set(&l->timers, t, l->now + in_ms);
}

void ue_loop_disarm(struct ue_loop *l, struct timer *t)
{
    timer_stop(&l->timers, t);
}
