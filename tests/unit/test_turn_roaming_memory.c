/* The n-th allocation fails, for every n, while a dual, mobile allocation is made, its client moves to
 * another worker and back, and ends it: answered, refused or met with silence, and nothing is left behind on
 * either. */
#include "failing_malloc.h"
#include "mobility_rig.h"
#include "modules/turn/quota.h"

#ifndef FAILING_MALLOC
int main(void)
{
    puts("skipped: ThreadSanitizer's malloc cannot be replaced");
    return 77;
}
#else

#define SETTINGS                                                                                             \
    "realm = \"" REALM "\"\n"                                                                                \
    "relay_addresses = {\"127.0.0.1\", \"::1\"}\n"                                                           \
    "relay_ports = \"22400-22499\"\n"                                                                        \
    "allow_peers = {\"127.0.0.0/8\"}\n"                                                                      \
    "user_bandwidth = 1000000\n"

static struct worker *away;
static struct conn second;
static struct udp_port away_udp;
static struct user_key key;
static struct addr peer;

/* The client has memory enough. */
static void ask(struct bench *b, struct ask *a)
{
    int was = countdown;
    countdown = -1;
    stun_put(&a->w, STUN_A_USERNAME, BYTES(USER));
    stun_put(&a->w, STUN_A_REALM, BYTES(REALM));
    stun_put(&a->w, STUN_A_NONCE, bytes_of(b->nonce, b->nonce_n));
    stun_put_integrity(&a->w, bytes_of(key.md5, sizeof(key.md5)));
    size_t n = stun_end(&a->w);
    buf_clear(&b->sent);
    countdown = was;
    if (b->stream)
        turn_module.data(b->at, bytes_of(a->mem, n));
    else
        turn_module.datagram(&b->udp, &b->from, bytes_of(a->mem, n));
    settle_with(b, away);
}

static bool answered_with_ticket(struct bench *b, uint8_t out[static TICKET_SIZE])
{
    struct stun_message m;
    struct bytes v;
    if (stun_read(buf_bytes(&b->sent), &m) < 0 || !stun_find(&m, STUN_A_MOBILITY_TICKET, &v) ||
        v.n != TICKET_SIZE)
        return false;
    memcpy(out, v.p, TICKET_SIZE);
    return true;
}

static void challenge(struct bench *b)
{
    int was = countdown;
    countdown = -1;
    buf_clear(&b->sent);
    bench_challenge(b);
    countdown = was;
}

static void refresh(struct bench *b, uint32_t seconds, struct bytes ticket)
{
    struct ask a;
    ask_begin(b, &a, STUN_REFRESH);
    stun_put_u32(&a.w, STUN_A_LIFETIME, seconds);
    if (ticket.n)
        stun_put(&a.w, STUN_A_MOBILITY_TICKET, ticket);
    ask(b, &a);
}

static void data(struct bench *b)
{
    uint8_t frame[16];
    size_t n = put_channel_data(frame, 0x4000, BYTES("x"));
    if (b->stream)
        turn_module.data(b->at, bytes_of(frame, n));
    else
        turn_module.datagram(&b->udp, &b->from, bytes_of(frame, n));
    worker_turn(away);
    worker_turn(b->w);
    worker_turn(away);
}

static void move_away(struct bench *b)
{
    b->at = &second;
    b->udp.w = away;
    b->from.port++;
    challenge(b);
}

static void life(struct bench *b)
{
    uint8_t ticket[TICKET_SIZE];
    struct ask a;
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put(&a.w, STUN_A_MOBILITY_TICKET, BYTES_NONE);
    stun_put_byte(&a.w, STUN_A_ADDITIONAL_ADDRESS_FAMILY, STUN_FAMILY_V6);
    ask(b, &a);
    if (!answered_with_ticket(b, ticket))
        return;
    ask_begin(b, &a, STUN_CHANNEL_BIND);
    stun_put_channel(&a.w, 0x4000);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &peer);
    ask(b, &a);
    move_away(b);
    refresh(b, 600, bytes_of(ticket, sizeof(ticket)));
    data(b);
    refresh(b, 0, BYTES_NONE);
}

static void drop(struct conn *c)
{
    if (c->state)
        turn_module.closed(c);
    assert_null(c->state);
}

static unsigned live(const struct slots *s)
{
    unsigned n = 0;
    uint32_t cursor = 0;
    while (slots_next(s, &cursor))
        n++;
    return n;
}

static void assert_nothing_left(struct bench *b)
{
    struct turn *t[] = {b->t, turn_of(away)};
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(live(&t[i]->allocations), 0);
        assert_int_equal(live(&t[i]->roaming.guests), 0);
        assert_int_equal(live(&t[i]->roaming.remotes), 0);
        assert_int_equal(t[i]->roaming.guests_by_client.count, 0);
        assert_int_equal(atomic_load(&t[i]->w->mail), 0);
    }
    assert_int_equal(quota_take(b->t->quota, BYTES(USER), 1, 1), 0);
    quota_give(b->t->quota, BYTES(USER));
}

static void pass_an_hour(struct bench *b)
{
    for (unsigned i = 0; i < 3; i++) {
        away->now += 3600 * 1000;
        worker_turn(away);
        bench_pass(b, 3600 * 1000);
    }
}

/* libev ends the program when it cannot grow its tables: there is no loop here. */
static bool play(bool stream, int nth)
{
    struct bench *b = bench_create(SETTINGS);
    ev_loop_destroy(b->w->loop);
    b->w->loop = NULL;
    away = second_worker(b, SETTINGS);
    second = (struct conn){.w = away,
                           .module = &turn_module,
                           .transport = TRANSPORT_TLS,
                           .peer = addr_text("198.51.100.2:5000")};
    away_udp = (struct udp_port){.w = away, .module = &turn_module, .index = 3};
    b->stream = stream;
    challenge(b);
    failed = false;
    countdown = nth;
    life(b);
    countdown = -1;
    bool more = nth < 0 || failed;
    if (nth < 0)
        assert_int_equal(bench_count(b, TS_MOVED), 1);
    drop(&b->conn);
    drop(&second);
    pass_an_hour(b);
    assert_nothing_left(b);
    turn_module.stop(away);
    worker_destroy(away);
    bench_destroy(b);
    return more;
}

static void walk(bool stream)
{
    assert_int_equal(user_key_derive(BYTES(REALM), BYTES(USER), BYTES(PASSWORD), &key), 0);
    peer = addr_text("127.0.0.1:9");
    for (int nth = -1; play(stream, nth); nth++)
        assert_true(nth < 1000);
}

static void a_move_over_tls_survives_every_failed_allocation(void **state)
{
    walk(true);
}

static void a_move_over_udp_survives_every_failed_allocation(void **state)
{
    walk(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_move_over_tls_survives_every_failed_allocation),
        cmocka_unit_test(a_move_over_udp_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
