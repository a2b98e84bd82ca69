/* mobility_rig: what the tests of RFC 8016 share beside the bench: tickets, and a second worker. */
#pragma once
#include "modules/turn/ticket.h"
#include "turn_fixture.h"

#define UDP 17
#define TCP 6

struct held_ticket {
    uint8_t mem[TICKET_SIZE];
    size_t n;
};

static inline void keep_ticket(const struct reply *r, struct held_ticket *out)
{
    struct bytes v;
    assert_true(stun_find(&r->m, STUN_A_MOBILITY_TICKET, &v));
    assert_true(v.n > 0 && v.n <= sizeof(out->mem));
    memcpy(out->mem, v.p, v.n);
    out->n = v.n;
    assert_null(memchr(out->mem, 0, out->n)); /* clients keep it as a C string */
}

/* protocol: UDP or TCP. */
static inline unsigned allocate_mobile_of(struct bench *b, uint8_t protocol, struct held_ticket *out)
{
    struct ask a;
    struct reply r;
    bench_challenge(b);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, protocol);
    stun_put(&a.w, STUN_A_MOBILITY_TICKET, BYTES_NONE);
    unsigned code = bench_ask(b, &a, &r);
    if (!code)
        keep_ticket(&r, out);
    return code;
}

static inline void resume_begin(struct bench *b, struct ask *a, const struct held_ticket *t, uint32_t seconds)
{
    ask_begin(b, a, STUN_REFRESH);
    stun_put_u32(&a->w, STUN_A_LIFETIME, seconds);
    stun_put(&a->w, STUN_A_MOBILITY_TICKET, bytes_of(t->mem, t->n));
}

/* Where the answer comes at once. */
static inline unsigned resume_for(struct bench *b, struct held_ticket *t, uint32_t seconds)
{
    struct ask a;
    struct reply r;
    resume_begin(b, &a, t, seconds);
    unsigned code = bench_ask(b, &a, &r);
    if (!code && seconds)
        keep_ticket(&r, t);
    return code;
}

static inline unsigned resume_here(struct bench *b, struct held_ticket *t)
{
    return resume_for(b, t, 600);
}

/* The second worker, its clock a little off; the bench is the first. */
static inline struct worker *second_worker(struct bench *b, const char *settings)
{
    struct token_key key = {.id = 1, .key = {7}};
    b->gw.n_workers = 2;
    struct worker *w = worker_create(&b->gw, 1);
    assert_non_null(w);
    w->log.level = LOG_ERROR;
    w->loop = ev_loop_new(EVFLAG_AUTO);
    w->now = b->w->now + 3;
    w->wall = b->w->wall;
    timers_init(&w->timers, w->now);
    w->tokens = token_box_create(&key, NULL);
    w->config = bench_config(settings);
    assert_int_equal(turn_module.start(w), 0);
    return w;
}

/* What is underway between the two arrives, and its answers. */
static inline void settle_with(struct bench *b, struct worker *other)
{
    for (unsigned i = 0; i < 3; i++) {
        worker_turn(other);
        worker_turn(b->w);
    }
}
