/* turn_walk: a client's life with the n-th allocation of memory failing, for every n, or with so many
 * descriptors to be had and no more. Whatever was refused on the way, at the end nothing is left of it: no
 * port, descriptor, timer or place in a quota. */
#pragma once
#include "failing_malloc.h"
#include "modules/turn/quota.h"
#include "modules/turn/tcp_room.h"
#include "turn_tcp_rig.h"
#include <dirent.h>
#include <sys/resource.h>

#ifdef FAILING_MALLOC

static inline unsigned open_files(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* The client signs with a key made before, and takes whatever comes. */
static struct user_key key;

static inline void ask(struct bench *b, struct ask *a)
{
    stun_put(&a->w, STUN_A_USERNAME, BYTES(USER));
    stun_put(&a->w, STUN_A_REALM, BYTES(REALM));
    stun_put(&a->w, STUN_A_NONCE, bytes_of(b->nonce, b->nonce_n));
    int was = countdown;
    countdown = -1;
    stun_put_integrity(&a->w, bytes_of(key.md5, sizeof(key.md5)));
    size_t n = stun_end(&a->w);
    countdown = was;
    if (b->stream)
        turn_module.data(b->at, bytes_of(a->mem, n));
    else
        turn_module.datagram(&b->udp, &b->from, bytes_of(a->mem, n));
}

static inline void allocate(struct bench *b, uint16_t with, struct bytes value)
{
    struct ask a;
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    if (with)
        stun_put(&a.w, with, value);
    ask(b, &a);
}

static inline void simple(struct bench *b, uint16_t method, const struct addr *peer)
{
    struct ask a;
    ask_begin(b, &a, method);
    if (method == STUN_CHANNEL_BIND)
        stun_put_channel(&a.w, 0x4001);
    if (method == STUN_REFRESH)
        stun_put_u32(&a.w, STUN_A_LIFETIME, 0);
    else
        stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, peer);
    ask(b, &a);
}

static inline void on_nothing(struct ev_loop *loop, ev_io *io, int revents) {}

/* libev ends the program when it cannot grow its tables, so they have their size before. */
static inline void grow_loop(struct bench *b)
{
    ev_io io[8];
    for (int priority = EV_MINPRI; priority <= EV_MAXPRI; priority++) {
        for (int i = 0; i < 8; i++) {
            int fd = dup2(STDIN_FILENO, 250 + i);
            ev_io_init(&io[i], on_nothing, fd, EV_READ);
            ev_set_priority(&io[i], priority);
            ev_io_start(b->w->loop, &io[i]);
            ev_feed_event(b->w->loop, &io[i], EV_READ);
        }
        ev_run(b->w->loop, EVRUN_NOWAIT);
        for (int i = 0; i < 8; i++) {
            ev_io_stop(b->w->loop, &io[i]);
            close(250 + i);
        }
        ev_run(b->w->loop, EVRUN_NOWAIT);
    }
}

/* What a room without clients has: every port but those of the range's odd ends, and the whole quota. */
static inline void assert_nothing_left(struct bench *b)
{
    for (unsigned i = 0; i < b->t->n_relays; i++)
        assert_int_equal(b->t->relays[i].used, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(quota_take(b->t->quota, BYTES(USER), 3, 3), 0);
    for (int i = 0; i < 3; i++)
        quota_give(b->t->quota, BYTES(USER));
    assert_true(list_empty(&quota_reservations(b->t->quota)->held));
    assert_int_equal(quota_sessions(b->t->quota)->by_id.count, 0);
    assert_int_equal(b->t->tcp->connections.count, 0);
}

static inline struct bench *walk_begin(const char *settings, bool stream)
{
    struct bench *b = bench_create(settings);
    grow_loop(b);
    bench_challenge(b);
    b->stream = stream;
    if (!stream)
        bench_challenge(b);
    assert_int_equal(user_key_derive(BYTES(REALM), BYTES(USER), BYTES(PASSWORD), &key), 0);
    return b;
}

static inline void walk_end(struct bench *b, unsigned files)
{
    if (b->conn.state) {
        turn_module.closed(&b->conn);
        assert_null(b->conn.state);
    }
    bench_pass(b, 3600 * 1000);
    assert_nothing_left(b);
    assert_int_equal(open_files(), files);
    bench_destroy(b);
}

static inline void walk(void (*play)(struct bench *b), const char *settings, bool stream)
{
    /* Once without a failure: what OpenSSL keeps for good is then there. */
    for (int nth = -1, more = 1; more; nth++) {
        struct bench *b = walk_begin(settings, stream);
        unsigned files = open_files();
        failed = false;
        countdown = nth;
        play(b);
        countdown = -1;
        more = nth < 0 || failed;
        walk_end(b, files);
        assert_true(nth < 1000);
    }
}

/* The same with so many descriptors more than there are, from none to enough. play: true when nothing was
 * refused; it opens what is not the server's before `limit_files`. */
static unsigned files_to_have;

static inline void limit_files(bool on)
{
    static struct rlimit before;
    if (!on) {
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        return;
    }
    int lowest = dup(STDIN_FILENO);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit now = {.rlim_cur = (rlim_t)lowest + files_to_have, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
}

static inline void walk_files(bool (*play)(struct bench *b), const char *settings, bool stream)
{
    bool enough = false;
    for (files_to_have = 0; !enough; files_to_have++) {
        struct bench *b = walk_begin(settings, stream);
        unsigned files = open_files();
        enough = play(b);
        assert_true(!enough || files_to_have > 0);
        walk_end(b, files);
        assert_true(files_to_have < 32);
    }
}

#endif
