/* RFC 8016 on one worker: tickets, moves, the old path, and a client that is away. */
#include "mobility_rig.h"
#include "modules/turn/quota.h"

static struct peer peer;

static struct conn second, third;

static void init_conn(struct bench *b, struct conn *c, const char *from)
{
    *c =
        (struct conn){.w = b->w, .module = &turn_module, .transport = TRANSPORT_TLS, .peer = addr_text(from)};
    turn_module.opened(c);
}

static int setup_with(void **state, const char *settings)
{
    struct bench *b = bench_create(settings);
    init_conn(b, &second, "198.51.100.2:5000");
    init_conn(b, &third, "198.51.100.3:6000");
    peer = peer_open();
    *state = b;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, LOOPBACK_SETTINGS "user_allocations = 1\n");
}

static int setup_forbidden(void **state)
{
    return setup_with(state, LOOPBACK_SETTINGS "mobility = no\n");
}

static int teardown(void **state)
{
    close(peer.fd);
    if (second.state)
        turn_module.closed(&second);
    if (third.state)
        turn_module.closed(&third);
    bench_destroy(*state);
    return 0;
}

static unsigned allocate_mobile(struct bench *b, struct held_ticket *out)
{
    return allocate_mobile_of(b, UDP, out);
}

/* The client goes on from another connection. */
static void go_to(struct bench *b, struct conn *c)
{
    b->at = c;
    if (b->closed_conn == c)
        b->closed = false; /* it is a new one at the same place */
    bench_challenge(b);
}

static void drop_conn(struct bench *b, struct conn *c)
{
    turn_module.closed(c);
    c->state = NULL;
}

/* What the peer sends arrives on that connection; NULL: nowhere. */
static void expect_at(struct bench *b, const struct conn *c)
{
    struct addr relayed = bench_allocation(b)->relay.relayed;
    buf_clear(&b->sent);
    b->sent_on = NULL;
    peer_send(&peer, &relayed, BYTES("ring"));
    bench_poll(b);
    assert_ptr_equal(b->sent_on, c);
    assert_int_equal(bench_silent(b), c == NULL);
    buf_clear(&b->sent);
}

static void ticket_only_for_who_asks(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_challenge(b);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 0);
    assert_false(stun_has(&r.m, STUN_A_MOBILITY_TICKET));
    assert_false(bench_allocation(b)->mobility.on);
}

/* 3.1.2 */
static void allocate_with_a_ticket_is_400(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    bench_challenge(b);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put(&a.w, STUN_A_MOBILITY_TICKET, BYTES("x"));
    assert_int_equal(bench_ask(b, &a, &r), 400);
    assert_null(bench_allocation(b));
}

/* 3.1.2 and 3.2.2 */
static void forbidden_is_405(void **state)
{
    struct bench *b = *state;
    struct held_ticket t = {.mem = {1}, .n = TICKET_SIZE};
    assert_int_equal(allocate_mobile(b, &t), 405);
    assert_null(bench_allocation(b));
    assert_int_equal(resume_here(b, &t), 405);
    assert_int_equal(bench_count(b, TS_ERROR_405), 2);
}

static void forbidden_by_reload_is_405(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    assert_int_equal(allocate_mobile(b, &t), 0);
    bench_reload(b, LOOPBACK_SETTINGS "mobility = no\n");
    go_to(b, &second);
    assert_int_equal(resume_here(b, &t), 405);
}

/* 3.2.2: both paths work, what peers send goes to the old one until data comes in on the new one; then the
 * old one is closed. */
static void make_before_break(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    assert_int_equal(allocate_mobile(b, &t), 0);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    struct allocation *a = bench_allocation(b);
    go_to(b, &second);
    assert_int_equal(resume_here(b, &t), 0);
    assert_ptr_equal(bench_allocation(b), a);
    expect_at(b, &b->conn);
    b->at = &b->conn;
    bench_channel_data(b, 0x4000, BYTES("old way"));
    peer_expect(&peer, BYTES("old way"));
    expect_at(b, &b->conn);
    assert_false(b->closed);
    b->at = &second;
    bench_channel_data(b, 0x4000, BYTES("new way"));
    peer_expect(&peer, BYTES("new way"));
    assert_true(b->closed && b->closed_conn == &b->conn);
    assert_int_equal(b->why, CLOSE_MODULE);
    assert_null(b->conn.state);
    expect_at(b, &second);
    assert_int_equal(bench_count(b, TS_MOVED), 1);
}

static void a_send_indication_switches_too(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    assert_int_equal(allocate_mobile(b, &t), 0);
    assert_int_equal(bench_permit(b, &peer.addr), 0);
    go_to(b, &second);
    assert_int_equal(resume_here(b, &t), 0);
    bench_send(b, &peer.addr, BYTES("hello"));
    peer_expect(&peer, BYTES("hello"));
    assert_true(b->closed && b->closed_conn == &b->conn);
}

static void the_end_of_the_old_path_switches(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    assert_int_equal(allocate_mobile(b, &t), 0);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    go_to(b, &second);
    assert_int_equal(resume_here(b, &t), 0);
    drop_conn(b, &b->conn);
    expect_at(b, &second);
    assert_int_equal(bench_count(b, TS_AWAY), 0);
}

static void the_end_of_the_new_path_changes_nothing(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    assert_int_equal(allocate_mobile(b, &t), 0);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    go_to(b, &second);
    assert_int_equal(resume_here(b, &t), 0);
    drop_conn(b, &second);
    b->at = &b->conn;
    expect_at(b, &b->conn);
    assert_int_equal(bench_count(b, TS_AWAY), 0);
}

/* Break before make: the allocation waits, with its quota, permissions and channels. */
static void a_client_that_is_away_finds_all_again(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    struct reply r;
    assert_int_equal(allocate_mobile(b, &t), 0);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    struct addr relayed = bench_allocation(b)->relay.relayed;
    drop_conn(b, &b->conn);
    assert_int_equal(bench_count(b, TS_AWAY), 1);
    peer_send(&peer, &relayed, BYTES("nobody there"));
    bench_poll(b);
    assert_int_equal(bench_count(b, TS_DROP_CLIENT_AWAY), 1);
    assert_true(bench_silent(b));
    go_to(b, &second);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 486); /* one is all that the user may have */
    bench_pass(b, 119000);
    assert_int_equal(resume_here(b, &t), 0);
    assert_int_equal(bench_count(b, TS_AWAY), 0);
    assert_true(addr_eq(&bench_allocation(b)->relay.relayed, &relayed));
    expect_at(b, &second);
    bench_pass(b, 300000); /* the lifetime that the Refresh asked for counts, not the wait */
    assert_non_null(bench_allocation(b));
}

static void the_wait_is_bounded(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    struct reply r;
    assert_int_equal(allocate_mobile(b, &t), 0);
    drop_conn(b, &b->conn);
    bench_pass(b, 119999);
    assert_int_equal(bench_count(b, TS_ALLOCATIONS), 1);
    bench_pass(b, 1);
    assert_int_equal(bench_count(b, TS_ALLOCATIONS), 0);
    assert_int_equal(bench_count(b, TS_AWAY), 0);
    go_to(b, &second);
    assert_int_equal(resume_here(b, &t), 437);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 0);
}

/* 3.2.2: the same 5-tuple */
static void a_ticket_on_its_own_path_is_400(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    assert_int_equal(allocate_mobile(b, &t), 0);
    assert_int_equal(resume_here(b, &t), 400);
    go_to(b, &second);
    assert_int_equal(resume_here(b, &t), 0);
    assert_int_equal(resume_here(b, &t), 400); /* the new ticket, where it came from */
}

/* 3.2.2 */
static void another_users_ticket_is_441(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    assert_int_equal(allocate_mobile(b, &t), 0);
    b->name = "bob";
    b->password = "other";
    go_to(b, &second);
    assert_int_equal(resume_here(b, &t), 441);
    assert_null(bench_allocation(b));
    b->at = &b->conn;
    assert_non_null(bench_allocation(b));
}

/* 3.2.2: what is no ticket of ours, down to any one bit of one. */
static void a_forged_ticket_is_400(void **state)
{
    struct bench *b = *state;
    struct held_ticket t, forged = {.n = 0};
    assert_int_equal(allocate_mobile(b, &t), 0);
    go_to(b, &second);
    assert_int_equal(resume_here(b, &forged), 400);
    for (size_t i = 0; i < t.n; i++) {
        forged = t;
        forged.mem[i] ^= 1;
        assert_int_equal(resume_here(b, &forged), 400);
    }
    for (size_t n = 0; n < t.n; n++) {
        forged = t;
        forged.n = n;
        assert_int_equal(resume_here(b, &forged), 400);
    }
    assert_int_equal(resume_here(b, &t), 0);
}

/* A sealed ticket of an allocation that is no more, though its slot is in use again. */
static void a_dead_allocations_ticket_is_437(void **state)
{
    struct bench *b = *state;
    struct held_ticket t, fresh;
    struct reply r;
    assert_int_equal(allocate_mobile(b, &t), 0);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    assert_int_equal(allocate_mobile(b, &fresh), 0);
    go_to(b, &second);
    assert_int_equal(resume_here(b, &t), 437);
    assert_int_equal(resume_here(b, &fresh), 0);
}

static void a_five_tuple_with_an_allocation_cannot_take_another(void **state)
{
    struct bench *b = *state;
    struct held_ticket t, other;
    bench_reload(b, LOOPBACK_SETTINGS "user_allocations = 2\n");
    assert_int_equal(allocate_mobile(b, &t), 0);
    b->at = &second;
    assert_int_equal(allocate_mobile(b, &other), 0);
    struct allocation *a = bench_allocation(b);
    assert_int_equal(resume_here(b, &t), 437);
    assert_ptr_equal(bench_allocation(b), a);
}

/* 3.2.2: the ticket before is good for a retransmission, for 30 seconds. */
static void a_retransmission_gets_its_answer_again(void **state)
{
    struct bench *b = *state;
    struct held_ticket t, old;
    assert_int_equal(allocate_mobile(b, &t), 0);
    go_to(b, &second);
    old = t;
    assert_int_equal(resume_here(b, &t), 0);
    assert_true(t.n != old.n || memcmp(t.mem, old.mem, t.n) != 0);
    struct held_ticket again = old;
    assert_int_equal(resume_here(b, &again), 0);
    assert_int_equal(bench_count(b, TS_MOVED), 1);
    bench_pass(b, 29999);
    again = old;
    assert_int_equal(resume_here(b, &again), 0);
    bench_pass(b, 1);
    again = old;
    assert_int_equal(resume_here(b, &again), 400);
}

/* The answer was lost with the connection, so the client has the old ticket only. */
static void the_old_ticket_moves_on_when_the_answer_was_lost(void **state)
{
    struct bench *b = *state;
    struct held_ticket t, old;
    assert_int_equal(allocate_mobile(b, &t), 0);
    drop_conn(b, &b->conn);
    go_to(b, &second);
    old = t;
    assert_int_equal(resume_here(b, &t), 0);
    drop_conn(b, &second);
    go_to(b, &third);
    assert_int_equal(resume_here(b, &old), 0);
    assert_non_null(bench_allocation(b));
}

/* 3.2.2: once data came on the new path the old ticket is no more. */
static void the_old_ticket_ends_with_the_old_path(void **state)
{
    struct bench *b = *state;
    struct held_ticket t, old;
    assert_int_equal(allocate_mobile(b, &t), 0);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    go_to(b, &second);
    old = t;
    assert_int_equal(resume_here(b, &t), 0);
    bench_channel_data(b, 0x4000, BYTES("x"));
    go_to(b, &third);
    assert_int_equal(resume_here(b, &old), 400);
    assert_int_equal(resume_here(b, &t), 0);
}

static void of_two_moves_the_last_one_counts(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    assert_int_equal(allocate_mobile(b, &t), 0);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    go_to(b, &second);
    assert_int_equal(resume_here(b, &t), 0);
    go_to(b, &third);
    assert_int_equal(resume_here(b, &t), 0);
    assert_true(b->closed && b->closed_conn == &second);
    assert_null(second.state);
    expect_at(b, &b->conn);
    bench_channel_data(b, 0x4000, BYTES("x"));
    expect_at(b, &third);
}

static void lifetime_0_with_a_ticket_ends_it(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    assert_int_equal(allocate_mobile(b, &t), 0);
    go_to(b, &second);
    assert_int_equal(resume_for(b, &t, 0), 0);
    assert_int_equal(bench_count(b, TS_ALLOCATIONS), 0);
    assert_null(b->conn.state);
    assert_false(b->closed); /* the old connection is a stranger's again */
}

static void too_many_moves_are_486(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    assert_int_equal(allocate_mobile(b, &t), 0);
    for (unsigned i = 0; i < RESUMES_MAX; i++) {
        go_to(b, i % 2 ? &second : &third);
        assert_int_equal(resume_here(b, &t), 0);
    }
    go_to(b, &third);
    assert_int_equal(resume_here(b, &t), 486);
    bench_pass(b, RESUMES_MS);
    go_to(b, &third);
    assert_int_equal(resume_here(b, &t), 0);
}

/* Over UDP there is no connection that could end: the 5-tuple is all. */
static void a_move_over_udp(void **state)
{
    struct bench *b = *state;
    struct held_ticket t, old;
    struct addr before = b->from;
    b->stream = false;
    assert_int_equal(allocate_mobile(b, &t), 0);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    struct allocation *a = bench_allocation(b);
    struct addr relayed = a->relay.relayed;
    b->from = addr_text("198.51.100.9:9999");
    bench_challenge(b);
    old = t;
    assert_int_equal(resume_here(b, &t), 0);
    assert_ptr_equal(bench_allocation(b), a);
    peer_send(&peer, &relayed, BYTES("ring"));
    bench_poll(b);
    assert_true(addr_eq(&b->sent_to, &before));
    buf_clear(&b->sent);
    assert_int_equal(resume_here(b, &old), 0); /* retransmitted */
    bench_channel_data(b, 0x4000, BYTES("here"));
    peer_expect(&peer, BYTES("here"));
    struct addr after = b->from;
    b->from = before;
    assert_null(bench_allocation(b));
    b->from = after;
    peer_send(&peer, &relayed, BYTES("ring"));
    bench_poll(b);
    assert_true(addr_eq(&b->sent_to, &after));
    buf_clear(&b->sent);
}

/* RFC 8656 21.4: a client that has moved behind a tunnel is refused, and goes on where it was. */
static void a_move_to_a_tunnel_is_403(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    assert_int_equal(allocate_mobile(b, &t), 0);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    second.peer = addr_text("[2002:808:808::1]:4000");
    go_to(b, &second);
    assert_int_equal(resume_here(b, &t), 403);
    assert_null(bench_allocation(b));
    b->at = &b->conn;
    expect_at(b, &b->conn);
}

/* From TLS to UDP and back: padding and framing follow the path. */
static void a_move_between_transports(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    assert_int_equal(allocate_mobile(b, &t), 0);
    assert_int_equal(bench_bind(b, 0x4000, &peer.addr), 0);
    struct addr relayed = bench_allocation(b)->relay.relayed;
    drop_conn(b, &b->conn);
    b->stream = false;
    bench_challenge(b);
    assert_int_equal(resume_here(b, &t), 0);
    peer_send(&peer, &relayed, BYTES("x"));
    bench_poll(b);
    assert_int_equal(buf_len(&b->sent), 5);
    buf_clear(&b->sent);
    b->stream = true;
    go_to(b, &second);
    assert_int_equal(resume_here(b, &t), 0);
    bench_channel_data(b, 0x4000, BYTES("y"));
    peer_send(&peer, &relayed, BYTES("x"));
    bench_poll(b);
    assert_int_equal(buf_len(&b->sent), 8);
    buf_clear(&b->sent);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ticket_only_for_who_asks),
        T(allocate_with_a_ticket_is_400),
        cmocka_unit_test_setup_teardown(forbidden_is_405, setup_forbidden, teardown),
        T(forbidden_by_reload_is_405),
        T(make_before_break),
        T(a_send_indication_switches_too),
        T(the_end_of_the_old_path_switches),
        T(the_end_of_the_new_path_changes_nothing),
        T(a_client_that_is_away_finds_all_again),
        T(the_wait_is_bounded),
        T(a_ticket_on_its_own_path_is_400),
        T(another_users_ticket_is_441),
        T(a_forged_ticket_is_400),
        T(a_dead_allocations_ticket_is_437),
        T(a_five_tuple_with_an_allocation_cannot_take_another),
        T(a_retransmission_gets_its_answer_again),
        T(the_old_ticket_moves_on_when_the_answer_was_lost),
        T(the_old_ticket_ends_with_the_old_path),
        T(of_two_moves_the_last_one_counts),
        T(lifetime_0_with_a_ticket_ends_it),
        T(too_many_moves_are_486),
        T(a_move_over_udp),
        T(a_move_to_a_tunnel_is_403),
        T(a_move_between_transports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
