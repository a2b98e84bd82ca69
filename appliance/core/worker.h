/* worker: a thread with a libev loop, and all that lives and dies on it.
 *
 * Floor 1. The law: nothing moves. What a worker made (connection, allocation, transaction) is touched by
 * that worker alone; others hold a `struct ref` and post letters. So there are no locks on any packet.
 * A worker turn: epoll, callbacks, due timers, letters, then the end-of-turn hooks (flush, reap).
 * All functions run on the worker's own thread unless they say "any thread". */
#pragma once
#include "appliance/base/log.h"
#include "appliance/base/random.h"
#include "appliance/core/letter.h"
#include "appliance/core/timer.h"
#include <ev.h>
#include <pthread.h>

struct config;
struct directory;
struct store;
struct gateway;
struct keyring;
struct token_box;
struct guard;
struct location;
struct abuse;
struct bans;
struct quota;
struct whereabouts;

#define WORKER_MAX     64
#define WORKER_ROOMS   16
#define WORKER_SCRATCH (256 * 1024)

/* Called once at the end of each turn (ev_prepare), in order of registration. */
struct turn_hook {
    struct list link;
    void (*at_end)(struct worker *w, struct turn_hook *h);
};

struct worker {
    uint16_t id; /* 0 .. gateway->n_workers-1 carry traffic; n_workers is management */
    bool management;
    struct gateway *gw;
    struct ev_loop *loop; /* NULL in tests with virtual time */
    uint64_t now;         /* monotonic ms; moves once a turn */
    int64_t wall;         /* seconds since 1970; moves once a turn */
    struct timers timers;
    struct inbox inbox;
    _Atomic size_t mail; /* bytes of letters underway to it that strangers' traffic has caused */
    struct log log;
    struct hash_key hash_key; /* of this worker's tables */
    struct keyring *keyring;  /* this worker's copy, replaced on rotation; NULL in tests: keys are made up */
    struct token_box *tokens; /* of the keyring; ask w for it each time. NULL until boot sets it */
    const struct config *config; /* this worker's view, held: worker_destroy drops it; swapped on reload */
    _Atomic uint64_t
        *stats;       /* this worker's row of all tables (stats_row finds one); NULL without gw->stats */
    uint8_t *scratch; /* WORKER_SCRATCH bytes: valid within one callback only */
    struct {
        const void *key;
        void *state;
    } rooms[WORKER_ROOMS];
    struct list turn_hooks;

    pthread_t thread;
    ev_async bell;
    ev_timer tick;
    ev_prepare prepare;
    ev_check check;
    bool running; /* its thread exists */
    bool ended;   /* its rooms are gone: a letter opened now only frees itself */
};

/* Everything the workers share; made by boot before they start, freed after they ended. */
struct gateway {
    unsigned n_workers; /* that carry traffic; workers[n_workers] is management */
    struct worker *workers[WORKER_MAX + 1];
    struct store *store;
    struct directory *directory;
    struct stats *stats;
    struct abuse *abuse;                       /* failures and bans; NULL in tests: nobody is suspected */
    struct bans *bans;                         /* of abuse: what is asked for each connection */
    _Atomic(struct guard *) guard;             /* the door's: connections counted over all workers */
    _Atomic(struct location *) location;       /* the embedded home network's: bindings of all workers */
    _Atomic(struct quota *) quota;             /* TURN's: allocations by user, over all workers */
    _Atomic(struct whereabouts *) whereabouts; /* the P-CSCF's: on which flow each phone is */
    _Atomic uint64_t registrations; /* granted on phones' flows so far: the order of them over all workers */
    uint32_t node;                  /* this node's number in sealed identifiers */
    int64_t started;                /* wall seconds */
    void *roof;                     /* boot's own state */
};

/* The worker that a number means which came in a flow, a token or a ticket; NULL: none that carries traffic.
 */
static inline struct worker *gateway_worker(const struct gateway *gw, unsigned id)
{
    return id < gw->n_workers ? gw->workers[id] : NULL;
}

/* In memory only: no thread, no loop; now and wall are 0. For boot, and for tests (which set w->now
 * themselves). Enters itself in gw->workers[id] (gw may be NULL in tests). NULL: out of memory or a bad id.
 */
struct worker *worker_create(struct gateway *gw, uint16_t id);
/* Opens the letters that are left (w->ended is set by then), leaves gw->workers. NULL is fine. */
void worker_destroy(struct worker *w);

/* Starts the thread and its loop; `begin` runs on the thread first (its failure, 0 or -errno, is returned
 * here and the thread is gone), `end` last. Any thread. */
int worker_start(struct worker *w, int (*begin)(struct worker *w), void (*end)(struct worker *w));
/* Asks the loop to end after the current turn and joins the thread. Not from the worker itself. */
void worker_stop(struct worker *w);

/* Gives the letter away; the worker opens it in its next turn. Any thread. */
void worker_post(struct worker *to, struct letter *l);
/* What strangers' traffic makes travel between workers is bounded, for a worker that lags opens its letters
 * late: who posts such a letter asks whether there is room and adds its bytes first; who opens it takes them
 * off. Any thread. */
#define WORKER_MAIL_MAX (64u * 1024 * 1024)
static inline bool worker_mail_is_full(const struct worker *to, size_t most)
{
    return atomic_load_explicit(&to->mail, memory_order_relaxed) > most;
}
static inline void worker_mail_add(struct worker *to, size_t n)
{
    atomic_fetch_add_explicit(&to->mail, n, memory_order_relaxed);
}
static inline void worker_mail_opened(struct worker *w, size_t n)
{
    atomic_fetch_sub_explicit(&w->mail, n, memory_order_relaxed);
}

/* Tests without a loop: opens what is in the box, fires what is due at w->now, runs the end-of-turn hooks. */
void worker_turn(struct worker *w);

/* ms since the turn began, by the clock: how late the next one will be. 0 without a loop. */
uint64_t worker_turn_took(const struct worker *w);

void worker_hook_turn(struct worker *w,
                      struct turn_hook *h); /* list_remove(&h->link) ends it, within it too */

/* A room's state on this worker; the key is the address of something const of that room. */
void *worker_room(const struct worker *w, const void *key);          /* NULL when none */
int worker_set_room(struct worker *w, const void *key, void *state); /* NULL state removes; 0 or -ENOSPC */
