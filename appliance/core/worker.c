#include "appliance/core/worker.h"
#include "appliance/base/token.h"
#include "appliance/core/clock.h"
#include "appliance/core/config.h"
#include "appliance/core/keyring.h"
#include "appliance/core/stats.h"
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What only this file needs to know of a worker. */
struct home {
    struct worker w;
    atomic_bool awake; /* the loop exists and its bell may be rung */
    char name[16];     /* of the thread; 15 characters is the kernel's limit */
    uint64_t tick_due; /* what the tick is armed for */
    struct letter stop;
    int (*begin)(struct worker *w);
    void (*end)(struct worker *w);
    int begun; /* what begin returned, once `ready` was posted */
    sem_t ready;
};

static struct home *home_of(struct worker *w)
{
    return container_of(w, struct home, w);
}

static void look_at_clock(struct worker *w)
{
    w->now = clock_ms();
    w->wall = (int64_t)time(NULL);
}

uint64_t worker_turn_took(const struct worker *w)
{
    uint64_t now = w->loop ? clock_ms() : 0;
    return now > w->now ? now - w->now : 0;
}

static void name_worker(struct home *h)
{
    if (h->w.management)
        snprintf(h->name, sizeof h->name, "management");
    else
        snprintf(h->name, sizeof h->name, "worker-%u", h->w.id);
}

struct worker *worker_create(struct gateway *gw, uint16_t id)
{
    struct home *h = id > WORKER_MAX ? NULL : calloc(1, sizeof *h);
    if (!h)
        return NULL;
    struct worker *w = &h->w;
    w->scratch = malloc(WORKER_SCRATCH);
    if (!w->scratch) {
        free(h);
        return NULL;
    }
    w->id = id;
    w->gw = gw;
    w->management = gw && gw->n_workers > 0 && id == gw->n_workers;
    w->hash_key = random_hash_key();
    w->stats = gw && gw->stats ? stats_worker(gw->stats, id) : NULL;
    timers_init(&w->timers, 0);
    inbox_init(&w->inbox);
    list_init(&w->turn_hooks);
    name_worker(h);
    log_init(&w->log, STDERR_FILENO, LOG_INFO, LOG_TEXT, h->name);
    if (gw)
        gw->workers[id] = w;
    return w;
}

static void open_letters(struct worker *w)
{
    struct letter *next;
    for (struct letter *l = inbox_take(&w->inbox); l; l = next) {
        next = l->next;
        l->open(w, l);
    }
}

void worker_destroy(struct worker *w)
{
    if (!w)
        return;
    w->ended = true;
    open_letters(w);
    if (w->gw && w->gw->workers[w->id] == w)
        w->gw->workers[w->id] = NULL;
    if (w->loop)
        ev_loop_destroy(w->loop);
    token_box_destroy(w->tokens);
    keyring_destroy(w->keyring);
    config_drop(w->config);
    free(w->scratch);
    free(home_of(w));
}

void worker_turn(struct worker *w)
{
    timers_run(&w->timers, w, w->now);
    open_letters(w);
    list_each_safe (it, &w->turn_hooks) {
        struct turn_hook *h = container_of(it, struct turn_hook, link);
        h->at_end(w, h);
    }
}

/* A due time that libev meets a moment early costs one more turn, so the fraction is left alone. */
static void arm_tick(struct worker *w)
{
    struct home *h = home_of(w);
    uint64_t due = timers_next(&w->timers);
    if (due == h->tick_due && ev_is_active(&w->tick))
        return;
    ev_timer_stop(w->loop, &w->tick);
    h->tick_due = due;
    if (due == UINT64_MAX)
        return;
    ev_timer_set(&w->tick, due <= w->now ? 0. : (double)(due - w->now) / 1000., 0.);
    ev_timer_start(w->loop, &w->tick);
}

/* Last before the loop sleeps. A letter that comes after the box was emptied finds it empty and rings, so
 * none is left lying through the sleep, not even one that this turn posts to itself. */
static void on_prepare(struct ev_loop *loop, ev_prepare *p, int events)
{
    struct worker *w = p->data;
    worker_turn(w);
    arm_tick(w);
}

static void on_check(struct ev_loop *loop, ev_check *c, int events)
{
    look_at_clock(c->data);
}

/* Timers and letters are served by on_prepare; these two only wake the loop. */
static void on_tick(struct ev_loop *loop, ev_timer *t, int events) {}
static void on_bell(struct ev_loop *loop, ev_async *a, int events) {}

static void watch(struct worker *w)
{
    ev_prepare_init(&w->prepare, on_prepare);
    ev_check_init(&w->check, on_check);
    ev_timer_init(&w->tick, on_tick, 0., 0.);
    ev_async_init(&w->bell, on_bell);
    w->prepare.data = w->check.data = w->tick.data = w->bell.data = w;
    ev_set_priority(&w->prepare, EV_MINPRI); /* after the prepares of libraries that share the loop */
    ev_set_priority(&w->check, EV_MAXPRI);   /* the time is right before any callback looks at it */
    ev_prepare_start(w->loop, &w->prepare);
    ev_check_start(w->loop, &w->check);
    ev_async_start(w->loop, &w->bell);
}

static void unwatch(struct worker *w)
{
    ev_async_stop(w->loop, &w->bell);
    ev_check_stop(w->loop, &w->check);
    ev_prepare_stop(w->loop, &w->prepare);
    ev_timer_stop(w->loop, &w->tick);
}

static void close_rooms(struct worker *w, struct home *h)
{
    worker_turn(w); /* what came while the loop ended */
    if (h->end)
        h->end(w);
    memset(w->rooms, 0, sizeof w->rooms);
    w->ended = true;
    open_letters(w);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct home *h = home_of(w);
    look_at_clock(w);
    watch(w);
    /* From here on posts ring. What was posted before lies in the box and is found by the first turn. */
    atomic_store(&h->awake, true);
    int rc = h->begin ? h->begin(w) : 0;
    h->begun = rc;
    sem_post(&h->ready);
    if (rc == 0) {
        ev_run(w->loop, 0);
        close_rooms(w, h);
    }
    atomic_store(&h->awake, false);
    unwatch(w);
    return NULL;
}

/* Signals are the main thread's business; a worker that takes one could be interrupted anywhere. */
static int start_thread(struct home *h)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&h->w.thread, NULL, run, &h->w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_setname_np(h->w.thread, h->name);
    return -rc;
}

int worker_start(struct worker *w, int (*begin)(struct worker *w), void (*end)(struct worker *w))
{
    struct home *h = home_of(w);
    if (!w->loop)
        w->loop = ev_loop_new(EVFLAG_NOSIGMASK | EVBACKEND_EPOLL);
    if (!w->loop)
        return -ENOMEM;
    h->begin = begin;
    h->end = end;
    h->tick_due = 0;
    w->ended = false;
    w->running = true;
    sem_init(&h->ready, 0, 0);
    int rc = start_thread(h);
    if (rc == 0) {
        while (sem_wait(&h->ready) < 0 && errno == EINTR)
            ;
        rc = h->begun;
        if (rc != 0)
            pthread_join(w->thread, NULL);
    }
    sem_destroy(&h->ready);
    if (rc != 0)
        w->running = false;
    return rc;
}

static void open_stop(struct worker *w, struct letter *l)
{
    if (!w->ended)
        ev_break(w->loop, EVBREAK_ALL);
}

void worker_stop(struct worker *w)
{
    if (!w || !w->running)
        return;
    struct home *h = home_of(w);
    h->stop.open = open_stop;
    worker_post(w, &h->stop);
    pthread_join(w->thread, NULL);
    w->running = false;
}

void worker_post(struct worker *to, struct letter *l)
{
    struct home *h = home_of(to);
    if (inbox_put(&to->inbox, l) && atomic_load(&h->awake))
        ev_async_send(to->loop, &to->bell);
}

void worker_hook_turn(struct worker *w, struct turn_hook *h)
{
    list_push_back(&w->turn_hooks, &h->link);
}

void *worker_room(const struct worker *w, const void *key)
{
    for (size_t i = 0; i < WORKER_ROOMS; i++)
        if (w->rooms[i].key == key && w->rooms[i].state)
            return w->rooms[i].state;
    return NULL;
}

int worker_set_room(struct worker *w, const void *key, void *state)
{
    size_t spare = WORKER_ROOMS;
    for (size_t i = 0; i < WORKER_ROOMS; i++) {
        if (w->rooms[i].key == key && w->rooms[i].state) {
            w->rooms[i].state = state;
            return 0;
        }
        if (!w->rooms[i].state && spare == WORKER_ROOMS)
            spare = i;
    }
    if (!state)
        return 0;
    if (spare == WORKER_ROOMS)
        return -ENOSPC;
    w->rooms[spare].key = key;
    w->rooms[spare].state = state;
    return 0;
}
