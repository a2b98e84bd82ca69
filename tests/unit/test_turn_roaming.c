/* RFC 8016 with two workers: the connection on one, the allocation on the other. */
#include "mobility_rig.h"
#include "modules/turn/quota.h"

static struct peer peer;
static struct worker *away; /* the second worker; the bench is the first */
static struct conn second;
static struct udp_port away_udp;

static int setup(void **state)
{
    struct bench *b = bench_create(LOOPBACK_SETTINGS);
    away = second_worker(b, LOOPBACK_SETTINGS);
    second = (struct conn){.w = away,
                           .module = &turn_module,
                           .transport = TRANSPORT_TLS,
                           .peer = addr_text("198.51.100.2:5000")};
    away_udp = (struct udp_port){.w = away, .module = &turn_module, .index = 3};
    turn_module.opened(&second);
    peer = peer_open();
    *state = b;
    return 0;
}

static void settle(struct bench *b)
{
    settle_with(b, away);
}

static int teardown(void **state)
{
    struct bench *b = *state;
    close(peer.fd);
    if (second.state)
        turn_module.closed(&second);
    second.state = NULL;
    settle(b);
    turn_module.stop(away);
    assert_int_equal(away->timers.count, 0);
    worker_destroy(away);
    bench_destroy(b);
    return 0;
}

static void allocate_mobile(struct bench *b, struct held_ticket *out)
{
    assert_int_equal(allocate_mobile_of(b, UDP, out), 0);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
}

static void ask_there(struct bench *b, struct ask *a)
{
    ask_sign(b, a);
    ask_send(b, a);
}

static void send_resume(struct bench *b, const struct held_ticket *t)
{
    struct ask a;
    resume_begin(b, &a, t, 600);
    ask_there(b, &a);
}

static unsigned resume(struct bench *b, struct held_ticket *t)
{
    struct reply r;
    send_resume(b, t);
    assert_int_equal(bench_silent(b), b->at == &second || !b->stream); /* here it is answered at once */
    settle(b);
    unsigned code = take_code(b, &r);
    if (!code)
        keep_ticket(&r, t);
    return code;
}

static void go_there(struct bench *b)
{
    b->at = &second;
    bench_challenge(b);
}

/* A mobile allocation whose client is on the other worker now. */
static void move_there(struct bench *b, struct held_ticket *t)
{
    allocate_mobile(b, t);
    go_there(b);
    assert_int_equal(resume(b, t), 0);
}

static struct allocation *the_allocation(struct bench *b)
{
    uint32_t cursor = 0;
    return slots_next(&b->t->allocations, &cursor);
}

/* Break before make, then data both ways, several frames a turn. */
static void a_client_goes_on_at_another_worker(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    uint8_t frames[64];
    allocate_mobile(b, &t);
    struct addr relayed = the_allocation(b)->relay.relayed;
    turn_module.closed(&b->conn);
    b->conn.state = NULL;
    go_there(b);
    assert_int_equal(resume(b, &t), 0);
    assert_int_equal(bench_count(b, TS_GUESTS), 1);
    size_t n = put_channel_data(frames, 0x4000, BYTES("one"));
    n += put_channel_data(frames + n, 0x4000, BYTES("three"));
    bench_give(b, bytes_of(frames, n));
    settle(b);
    peer_expect(&peer, BYTES("one"));
    peer_expect(&peer, BYTES("three"));
    peer_send(&peer, &relayed, BYTES("four"));
    peer_send(&peer, &relayed, BYTES("fives"));
    bench_poll(b);
    bench_poll(b);
    assert_true(bench_silent(b));
    settle(b);
    assert_ptr_equal(b->sent_on, &second);
    assert_memory_equal(buf_bytes(&b->sent).p,
                        "\x40\x00\x00\x04"
                        "four"
                        "\x40\x00\x00\x05"
                        "fives\0\0\0",
                        20);
    assert_int_equal(buf_len(&b->sent), 20);
    buf_clear(&b->sent);
}

/* Requests are answered by the allocation's worker. */
static void requests_go_through(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    struct ask a;
    struct reply r;
    move_there(b, &t);
    struct addr other = addr_text("127.0.0.9:99");
    ask_begin(b, &a, STUN_CREATE_PERMISSION);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &other);
    ask_there(b, &a);
    settle(b);
    assert_int_equal(take_code(b, &r), 0);
    assert_non_null(permission_find(the_allocation(b), &other));
    ask_begin(b, &a, STUN_BINDING);
    ask_send(b, &a);
    settle(b);
    struct addr mapped;
    assert_int_equal(take_code(b, &r), 0);
    assert_true(stun_find_xor(&r.m, STUN_A_XOR_MAPPED_ADDRESS, &mapped));
    assert_true(addr_eq(&mapped, &second.peer));
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    ask_there(b, &a);
    settle(b);
    assert_int_equal(take_code(b, &r), 437);
}

/* The old path here is closed once data came in over there; back again likewise. */
static void there_and_back(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    move_there(b, &t);
    assert_false(b->closed);
    bench_channel_data(b, 0x4000, BYTES("x"));
    settle(b);
    assert_true(b->closed && b->closed_conn == &b->conn);
    b->closed = false;
    struct conn back = {
        .w = b->w, .module = &turn_module, .transport = TRANSPORT_TLS, .peer = addr_text("192.0.2.78:40001")};
    b->at = &back;
    turn_module.opened(&back);
    bench_challenge(b);
    assert_int_equal(resume(b, &t), 0);
    bench_channel_data(b, 0x4000, BYTES("y"));
    settle(b);
    peer_expect(&peer, BYTES("x"));
    peer_expect(&peer, BYTES("y"));
    assert_true(b->closed && b->closed_conn == &second);
    assert_null(second.state);
    turn_module.closed(&back);
    assert_int_equal(bench_count(b, TS_AWAY), 1);
}

static void the_end_over_there_is_told_here(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    allocate_mobile(b, &t);
    turn_module.closed(&b->conn);
    b->conn.state = NULL;
    go_there(b);
    assert_int_equal(resume(b, &t), 0);
    assert_int_equal(bench_count(b, TS_AWAY), 0);
    turn_module.closed(&second);
    second.state = NULL;
    settle(b);
    assert_int_equal(bench_count(b, TS_AWAY), 1);
    assert_true(client_is_none(&the_allocation(b)->client));
    bench_pass(b, 120000);
    assert_null(the_allocation(b));
}

/* The connection ends while its ticket is being judged. */
static void the_end_before_the_answer(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    allocate_mobile(b, &t);
    turn_module.closed(&b->conn);
    b->conn.state = NULL;
    go_there(b);
    send_resume(b, &t);
    worker_turn(away);
    turn_module.closed(&second);
    second.state = NULL;
    settle(b);
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_AWAY), 1);
    uint32_t cursor = 0;
    assert_null(slots_next(&b->t->roaming.remotes, &cursor));
    cursor = 0;
    assert_null(slots_next(&turn_of(away)->roaming.guests, &cursor));
}

/* A refused guest is an ordinary client again, on its own worker. */
static void a_refusal_lets_go(void **state)
{
    struct bench *b = *state;
    struct held_ticket t, dead;
    struct reply r;
    allocate_mobile(b, &t);
    dead = t;
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    go_there(b);
    assert_int_equal(resume(b, &dead), 437);
    assert_null(second.state);
    assert_false(b->paused);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 0);
    uint32_t cursor = 0;
    assert_non_null(slots_next(&turn_of(away)->allocations, &cursor));
    turn_module.closed(&second);
    second.state = NULL;
}

static void another_user_is_refused_over_there_too(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    allocate_mobile(b, &t);
    b->name = "bob";
    b->password = "other";
    go_there(b);
    assert_int_equal(resume(b, &t), 441);
    assert_null(second.state);
}

/* A stranger with a stolen ticket does not even get a letter sent. */
static void a_ticket_without_credentials_stays_where_it_is(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    struct reply r;
    allocate_mobile(b, &t);
    b->password = "wrong";
    go_there(b);
    send_resume(b, &t);
    assert_int_equal(take_code(b, &r), 401);
    assert_null(second.state);
    assert_int_equal(bench_count(b, TS_GUESTS), 0);
}

/* Until the answer is there nothing more is eaten: the door keeps it. */
static void what_follows_the_ticket_waits(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    struct reply r;
    uint8_t frame[16];
    allocate_mobile(b, &t);
    go_there(b);
    send_resume(b, &t);
    assert_true(b->paused);
    size_t n = put_channel_data(frame, 0x4000, BYTES("later"));
    assert_int_equal(turn_module.data(&second, bytes_of(frame, n)), 0);
    settle(b);
    assert_false(b->paused);
    assert_int_equal(take_code(b, &r), 0);
    assert_int_equal(turn_module.data(&second, bytes_of(frame, n)), n);
    settle(b);
    peer_expect(&peer, BYTES("later"));
}

/* Deleting it from over there: the answer arrives, and the connection is an ordinary one. */
static void lifetime_0_from_over_there(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    struct ask a;
    struct reply r;
    move_there(b, &t);
    ask_begin(b, &a, STUN_REFRESH);
    stun_put_u32(&a.w, STUN_A_LIFETIME, 0);
    ask_there(b, &a);
    settle(b);
    assert_int_equal(take_code(b, &r), 0);
    assert_null(the_allocation(b));
    assert_null(second.state);
    assert_int_equal(bench_count(b, TS_ALLOCATIONS), 0);
}

static void expiry_lets_the_guest_go(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    move_there(b, &t);
    bench_pass(b, 600000);
    settle(b);
    assert_null(the_allocation(b));
    assert_null(second.state);
    assert_false(b->closed);
}

static void bad_bytes_from_a_guest_close_it(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    move_there(b, &t);
    turn_module.data(&second, BYTES("\xff\xff\xff\xff"));
    assert_true(b->closed && b->closed_conn == &second);
    assert_int_equal(b->why, CLOSE_PROTOCOL);
}

/* Over UDP the kernel may give the new 5-tuple to any worker. */
static void a_guest_over_udp(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    uint8_t frame[16];
    b->stream = false;
    allocate_mobile(b, &t);
    struct addr relayed = the_allocation(b)->relay.relayed;
    b->from = addr_text("198.51.100.7:7777");
    b->udp.w = away;
    bench_challenge(b);
    assert_int_equal(resume(b, &t), 0);
    size_t n = put_channel_data(frame, 0x4000, BYTES("hello"));
    bench_give(b, bytes_of(frame, n));
    settle(b);
    peer_expect(&peer, BYTES("hello"));
    peer_send(&peer, &relayed, BYTES("a"));
    bench_poll(b);
    settle(b);
    assert_true(addr_eq(&b->sent_to, &b->from));
    assert_int_equal(buf_len(&b->sent), 5); /* no padding */
    buf_clear(&b->sent);
    struct ask a;
    struct reply r;
    ask_begin(b, &a, STUN_REFRESH);
    stun_put_u32(&a.w, STUN_A_LIFETIME, 0);
    ask_there(b, &a);
    settle(b);
    assert_int_equal(take_code(b, &r), 0);
    assert_int_equal(turn_of(away)->roaming.guests_by_client.count, 0);
}

/* What does not fit between two workers is dropped and counted. */
static void a_parcel_is_bounded(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    static uint8_t frame[65536];
    move_there(b, &t);
    uint8_t data[60000] = {0};
    size_t n = put_channel_data(frame, 0x4000, bytes_of(data, sizeof(data)));
    for (unsigned i = 0; i < 20; i++)
        turn_module.data(&second, bytes_of(frame, n));
    assert_int_equal(bench_count(b, TS_DROP_ROAMING), 20 - PARCEL_MAX / n);
    assert_int_equal(atomic_load(&b->t->w->mail), 0);
    worker_turn(away);
    assert_true(atomic_load(&b->t->w->mail) > 0);
    settle(b);
    assert_int_equal(atomic_load(&b->t->w->mail), 0);
}

/* The allocation's worker ends first. */
static void shutdown_here_leaves_nothing(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    move_there(b, &t);
    bench_channel_data(b, 0x4000, BYTES("never delivered"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_client_goes_on_at_another_worker),
        T(requests_go_through),
        T(there_and_back),
        T(the_end_over_there_is_told_here),
        T(the_end_before_the_answer),
        T(a_refusal_lets_go),
        T(another_user_is_refused_over_there_too),
        T(a_ticket_without_credentials_stays_where_it_is),
        T(what_follows_the_ticket_waits),
        T(lifetime_0_from_over_there),
        T(expiry_lets_the_guest_go),
        T(bad_bytes_from_a_guest_close_it),
        T(a_guest_over_udp),
        T(a_parcel_is_bounded),
        T(shutdown_here_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
