/* RFC 8016 with a TCP allocation (RFC 6062): its control connection moves, also to another worker; data
 * connections stand by themselves; what peers and Connects bring while the client is away is told later. */
#include "mobility_rig.h"
#include "modules/turn/pipe.h"
#include "turn_tcp_rig.h"

static struct peer peer; /* listens */
static struct worker *away;
static struct conn second, elsewhere;

static void open_conn(struct worker *w, struct conn *c, const char *from)
{
    *c = (struct conn){.w = w, .module = &turn_module, .transport = TRANSPORT_TLS, .peer = addr_text(from)};
    turn_module.opened(c);
}

static int setup(void **state)
{
    struct bench *b = bench_create(LOOPBACK_SETTINGS);
    away = second_worker(b, LOOPBACK_SETTINGS);
    open_conn(b->w, &second, "198.51.100.2:5000");
    open_conn(away, &elsewhere, "198.51.100.3:6000");
    peer = listen_open(8);
    *state = b;
    return 0;
}

static void drop_conn(struct conn *c)
{
    if (c->state)
        turn_module.closed(c);
    c->state = NULL;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    close(peer.fd);
    drop_conn(&second);
    drop_conn(&elsewhere);
    settle_with(b, away);
    turn_module.stop(away);
    assert_int_equal(away->timers.count, 0);
    worker_destroy(away);
    bench_destroy(b);
    return 0;
}

static struct allocation *the_allocation(struct bench *b)
{
    uint32_t cursor = 0;
    return slots_next(&b->t->allocations, &cursor);
}

static struct peer_connection *first_connection(struct bench *b)
{
    return container_of(the_allocation(b)->tcp->connections.next, struct peer_connection, link);
}

static void go_to(struct bench *b, struct conn *c)
{
    b->at = c;
    if (b->closed_conn == c)
        b->closed = false;
    bench_challenge(b);
}

/* From wherever the client is now. */
static unsigned resume(struct bench *b, struct held_ticket *t)
{
    struct ask a;
    struct reply r;
    resume_begin(b, &a, t, 600);
    ask_sign(b, &a);
    ask_send(b, &a);
    settle_with(b, away);
    unsigned code = take_code(b, &r);
    if (!code)
        keep_ticket(&r, t);
    return code;
}

static void poll_all(struct bench *b)
{
    for (int i = 0; i < 100 && bench_silent(b); i++) {
        bench_poll(b);
        settle_with(b, away);
    }
}

static unsigned connect_from_here(struct bench *b, const struct addr *to, uint32_t *id)
{
    struct reply r;
    begin_connect(b, to);
    poll_all(b);
    unsigned code = take_code(b, &r);
    if (!code)
        assert_true(stun_find_u32(&r.m, STUN_A_CONNECTION_ID, id));
    return code;
}

/* A data connection of the first worker binds that id: the client's half of a pipe from then on. */
static unsigned bind_on(struct bench *b, struct conn *data, uint32_t id)
{
    struct bench was = *b; /* a nonce is for one address */
    *data = data_conn(b);
    b->at = data;
    bench_challenge(b);
    unsigned code = bind_id(b, id);
    b->at = was.at;
    memcpy(b->nonce, was.nonce, sizeof(b->nonce));
    b->nonce_n = was.nonce_n;
    return code;
}

static void drop_data(struct bench *b, struct conn *data)
{
    pipe_module.closed(data);
    bench_pass(b, 3000); /* its peer's time to close */
    settle_with(b, away);
}

/* RFC 6062 5.1: such an allocation is not for a client over UDP, so it cannot move there. */
static void moves_to_streams_only(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    assert_int_equal(allocate_mobile_of(b, TCP, &t), 0);
    b->stream = false;
    bench_challenge(b);
    assert_int_equal(resume(b, &t), 400);
    b->stream = true;
    go_to(b, &second);
    assert_int_equal(resume(b, &t), 0);
    assert_non_null(bench_allocation(b));
}

/* The pipe stands, what was connected before may be bound after, and new ones are to be had. */
static void connections_outlive_a_move(struct bench *b, struct conn *to)
{
    struct held_ticket t;
    struct conn bound, late;
    uint32_t first, pending, third;
    struct peer other = listen_open(8), more = listen_open(8);
    assert_int_equal(allocate_mobile_of(b, TCP, &t), 0);
    assert_int_equal(connect_from_here(b, &peer.addr, &first), 0);
    assert_int_equal(bind_on(b, &bound, first), 0);
    assert_int_equal(connect_from_here(b, &other.addr, &pending), 0);
    drop_conn(&b->conn);
    assert_true(the_allocation(b)->mobility.away);
    go_to(b, to);
    assert_int_equal(resume(b, &t), 0);
    assert_true(bench_silent(b)); /* it was told of the pending one */
    assert_false(the_allocation(b)->mobility.away);
    assert_int_equal(bind_on(b, &late, pending), 0);
    assert_int_equal(connect_from_here(b, &more.addr, &third), 0);
    assert_int_equal(connect_from_here(b, &peer.addr, &third), 446);
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 3);
    drop_data(b, &late);
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 2);
    drop_data(b, &bound);
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 1);
    close(other.fd);
    close(more.fd);
}

static void connections_outlive_a_move_here(void **state)
{
    connections_outlive_a_move(*state, &second);
}

static void connections_outlive_a_move_to_another_worker(void **state)
{
    connections_outlive_a_move(*state, &elsewhere);
}

/* While it is away a peer's connection waits; the ConnectionAttempt comes behind the answer to the ticket. */
static void an_attempt_is_told_to_who_comes_back(struct bench *b, struct conn *to)
{
    struct held_ticket t;
    struct conn data;
    struct addr here = addr_text("127.0.0.1:0");
    assert_int_equal(allocate_mobile_of(b, TCP, &t), 0);
    assert_int_equal(bench_permit(b, &here), 0);
    struct addr relayed = the_allocation(b)->relay.relayed;
    drop_conn(&b->conn);
    int fd = dial(&relayed);
    bench_poll(b);
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 1);
    bench_pass(b, 29000);
    go_to(b, to);
    assert_int_equal(resume(b, &t), 0);
    struct addr from = name_of(fd);
    uint32_t id = take_attempt(b, &from);
    assert_true(bench_silent(b)); /* once */
    assert_int_equal(bind_on(b, &data, id), 0);
    close(fd);
    drop_data(b, &data);
}

static void an_attempt_is_told_here(void **state)
{
    an_attempt_is_told_to_who_comes_back(*state, &second);
}

static void an_attempt_is_told_at_another_worker(void **state)
{
    an_attempt_is_told_to_who_comes_back(*state, &elsewhere);
}

/* The peer answers a Connect while the client is away. */
static void an_answer_is_given_to_who_comes_back(struct bench *b, struct conn *to)
{
    struct held_ticket t;
    struct conn data;
    struct reply r;
    uint32_t id;
    assert_int_equal(allocate_mobile_of(b, TCP, &t), 0);
    begin_connect(b, &peer.addr);
    uint32_t asked = b->next_id;
    drop_conn(&b->conn);
    for (int i = 0; i < 100 && bench_count(b, TS_TCP_CONNECTED) == 0; i++)
        bench_poll(b);
    assert_true(bench_silent(b));
    go_to(b, to);
    assert_int_equal(resume(b, &t), 0);
    take_reply(b, &r);
    assert_int_equal(load_u32(r.m.id + 8), asked);
    assert_int_equal(r.m.class, STUN_SUCCESS);
    assert_true(stun_find_u32(&r.m, STUN_A_CONNECTION_ID, &id));
    assert_true(bench_silent(b));
    assert_int_equal(bind_on(b, &data, id), 0);
    drop_data(b, &data);
}

static void an_answer_is_given_here(void **state)
{
    an_answer_is_given_to_who_comes_back(*state, &second);
}

static void an_answer_is_given_at_another_worker(void **state)
{
    an_answer_is_given_to_who_comes_back(*state, &elsewhere);
}

/* The next message is the 447 to that Connect. */
static void take_447(struct bench *b, uint32_t asked)
{
    struct reply r;
    take_reply(b, &r);
    assert_int_equal(load_u32(r.m.id + 8), asked);
    assert_int_equal(r.m.method, STUN_CONNECT);
    assert_int_equal(stun_error_code(&r.m, NULL), 447);
}

/* The peer refuses while the client is away: the 447 waits for it, and takes nobody's place. */
static void a_failure_is_told_to_who_comes_back(struct bench *b, struct conn *to)
{
    struct held_ticket t;
    struct peer nobody = listen_open(1);
    close(nobody.fd);
    assert_int_equal(allocate_mobile_of(b, TCP, &t), 0);
    begin_connect(b, &nobody.addr);
    uint32_t asked = b->next_id, id;
    drop_conn(&b->conn);
    for (int i = 0; i < 100 && timer_armed(&first_connection(b)->timer); i++)
        bench_poll(b);
    assert_int_equal(first_connection(b)->state, PEER_FAILED);
    assert_true(bench_silent(b));
    bench_pass(b, 100000);
    go_to(b, to);
    assert_int_equal(resume(b, &t), 0);
    take_447(b, asked);
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 0);
    assert_int_equal(connect_from_here(b, &nobody.addr, &id), 447); /* not 446 */
}

static void a_failure_is_told_here(void **state)
{
    a_failure_is_told_to_who_comes_back(*state, &second);
}

static void a_failure_is_told_at_another_worker(void **state)
{
    a_failure_is_told_to_who_comes_back(*state, &elsewhere);
}

/* What failed and was not told goes with the allocation at the latest. */
static void a_failure_goes_with_its_allocation(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    struct peer nobody = listen_open(1);
    close(nobody.fd);
    assert_int_equal(allocate_mobile_of(b, TCP, &t), 0);
    begin_connect(b, &nobody.addr);
    drop_conn(&b->conn);
    for (int i = 0; i < 100 && timer_armed(&first_connection(b)->timer); i++)
        bench_poll(b);
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 1);
    bench_reload(b, LOOPBACK_SETTINGS "deny_peers = {\"127.0.0.1/32\"}\n"); /* nothing to end any more */
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 1);
    bench_pass(b, 120000);
    assert_int_equal(bench_count(b, TS_ALLOCATIONS), 0);
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 0);
    assert_true(bench_silent(b));
}

/* RFC 6062 5.2, 5.3: 30 seconds, be the client there or not. A peer's connection is forgotten; a Connect gets
 * its answer all the same, which is 447 now. */
static void who_stays_away_finds_nothing(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    struct addr here = addr_text("127.0.0.1:0");
    assert_int_equal(allocate_mobile_of(b, TCP, &t), 0);
    assert_int_equal(bench_permit(b, &here), 0);
    begin_connect(b, &peer.addr);
    uint32_t asked = b->next_id;
    struct addr relayed = the_allocation(b)->relay.relayed;
    drop_conn(&b->conn);
    int fd = dial(&relayed);
    for (int i = 0; i < 100 && bench_count(b, TS_TCP_CONNECTED) == 0; i++)
        bench_poll(b);
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 2);
    bench_pass(b, 30000);
    assert_int_equal(bench_count(b, TS_TCP_UNBOUND), 2);
    assert_true(is_over(fd));
    go_to(b, &second);
    assert_int_equal(resume(b, &t), 0);
    take_447(b, asked);
    assert_true(bench_silent(b));
    assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 0);
    close(fd);
}

/* Both paths stand until a request comes on the new one: Send and ChannelData, which RFC 8016 3.2.2 looks
 * for, have no place here. */
static void any_request_on_the_new_path_switches(void **state)
{
    struct bench *b = *state;
    struct held_ticket t;
    struct addr here = addr_text("127.0.0.1:0");
    assert_int_equal(allocate_mobile_of(b, TCP, &t), 0);
    assert_int_equal(bench_permit(b, &here), 0);
    struct addr relayed = the_allocation(b)->relay.relayed;
    go_to(b, &second);
    assert_int_equal(resume(b, &t), 0);
    int first = dial(&relayed), next = dial(&relayed);
    struct addr first_from = name_of(first), next_from = name_of(next);
    close(next);
    bench_poll(b);
    assert_ptr_equal(b->sent_on, &b->conn);
    take_attempt(b, &first_from);
    take_attempt(b, &next_from);
    assert_false(b->closed);
    uint32_t id;
    assert_int_equal(connect_from_here(b, &peer.addr, &id), 0);
    assert_ptr_equal(b->sent_on, &second);
    assert_true(b->closed && b->closed_conn == &b->conn);
    assert_null(b->conn.state);
    next = dial(&relayed);
    next_from = name_of(next);
    bench_poll(b);
    assert_ptr_equal(b->sent_on, &second);
    take_attempt(b, &next_from);
    close(first);
    close(next);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(moves_to_streams_only),
        T(connections_outlive_a_move_here),
        T(connections_outlive_a_move_to_another_worker),
        T(an_attempt_is_told_here),
        T(an_attempt_is_told_at_another_worker),
        T(an_answer_is_given_here),
        T(an_answer_is_given_at_another_worker),
        T(a_failure_is_told_here),
        T(a_failure_is_told_at_another_worker),
        T(a_failure_goes_with_its_allocation),
        T(who_stays_away_finds_nothing),
        T(any_request_on_the_new_path_switches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
