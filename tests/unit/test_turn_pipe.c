/* Pipes (RFC 6062): bytes both ways, slow readers, bandwidth, and what ends while a ConnectionBind is
 * underway.
 */
#include "pipe_rig.h"

static void bytes_go_both_ways(bool other)
{
    struct house *h = house_open("");
    struct pair p = pipe_open(h, other);
    assert_int_equal(send_all(h, p.near, 0, 300000), 300000);
    read_upto(h, p.far, 0, 300000);
    assert_int_equal(send_all(h, p.far, 0, 300000), 300000);
    read_upto(h, p.near, 0, 300000);
    assert_int_equal(count(h, TS_TCP_CONNECTIONS), 1);
    close(p.far);
    turns(h, 4);
    expect_over(h, p.near);
    close(p.near);
    turns(h, 4);
    assert_int_equal(count(h, TS_TCP_CONNECTIONS), 0);
    assert_null(the_pipe(h, p.worker));
    house_close(h);
}

static void both_ways_on_the_same_worker(void **state)
{
    bytes_go_both_ways(false);
}

static void both_ways_across_workers(void **state)
{
    bytes_go_both_ways(true);
}

/* RFC 6062 5.4: what the peer sent before ConnectionBind; and what a hasty client sends behind it. */
static void early_bytes_are_kept(void **state)
{
    struct house *h = house_open("");
    struct reply r;
    uint32_t id;
    uint8_t got[8];
    allocate(h);
    int far = connect_peer(h, &id), near = dial_worker(h, 1 - h->home);
    assert_int_equal(send(far, "early", 5, 0), 5);
    ask_bind(h, near, id);
    assert_int_equal(send(near, "hasty", 5, 0), 5);
    turns(h, 8);
    assert_true(take(near, &r));
    assert_int_equal(code_of(&r), 0);
    assert_int_equal(recv(near, got, sizeof(got), 0), 5);
    assert_memory_equal(got, "early", 5);
    assert_int_equal(recv(far, got, sizeof(got), 0), 5);
    assert_memory_equal(got, "hasty", 5);
    close(near);
    close(far);
    turns(h, 4);
    house_close(h);
}

/* It stops reading the peer, holds little, and goes on when the client reads, however late. */
static void slow_client_holds_the_peer(void **state)
{
    struct house *h = house_open("");
    struct pair p = pipe_open(h, true);
    size_t sent = send_all(h, p.far, 0, MUCH);
    assert_true(sent < MUCH);
    struct pipe *pipe = the_pipe(h, p.worker);
    assert_true(pipe->held);
    assert_true(conn_unsent(pipe->conn) <= 160 * 1024); /* the mark, and one read over it */
    pass(h, 300000);                                    /* door.write_timeout is long over */
    read_upto(h, p.near, 0, sent);
    assert_int_equal(conn_unsent(pipe->conn), 0);
    sent = send_all(h, p.far, sent, sent + 100000);
    read_upto(h, p.near, sent - 100000, sent);
    pair_close(h, &p);
    house_close(h);
}

static void slow_peer_holds_the_client(void **state)
{
    struct house *h = house_open("");
    struct pair p = pipe_open(h, true);
    size_t sent = send_all(h, p.near, 0, MUCH);
    assert_true(sent < MUCH);
    struct pipe *pipe = the_pipe(h, p.worker);
    assert_true(buf_len(&pipe->left) > 0 && buf_len(&pipe->left) <= 256 * 1024);
    pass(h, 300000);
    read_upto(h, p.far, 0, sent);
    assert_null(pipe->left.mem);
    pair_close(h, &p);
    house_close(h);
}

/* The connection ends while the other worker is being asked. */
static void client_gone_while_asking(void **state)
{
    struct house *h = house_open("");
    uint32_t id;
    allocate(h);
    unsigned worker = 1 - h->home;
    int far = connect_peer(h, &id), near = dial_worker(h, worker);
    ask_bind(h, near, id);
    turn_one(h, worker); /* asks */
    assert_false(list_empty(&turn_of(h->gw.workers[worker])->tcp->binding));
    struct conn *c = container_of(turn_of(h->gw.workers[worker])->tcp->binding.next, struct pipe, link)->conn;
    conn_close(c, CLOSE_MODULE);
    turn_one(h, worker); /* closes */
    turns(h, 4);         /* the answer finds nobody */
    expect_over(h, far);
    assert_int_equal(count(h, TS_TCP_CONNECTIONS), 0);
    assert_true(list_empty(&turn_of(h->gw.workers[worker])->tcp->binding));
    close(near);
    close(far);
    house_close(h);
}

/* The allocation ends while the answer with the socket is underway: its end comes behind it. */
static void allocation_gone_while_answering(void **state)
{
    struct house *h = house_open("");
    struct reply r;
    uint32_t id, cursor = 0;
    allocate(h);
    unsigned worker = 1 - h->home;
    int far = connect_peer(h, &id), near = dial_worker(h, worker);
    ask_bind(h, near, id);
    turn_one(h, worker);  /* asks */
    turn_one(h, h->home); /* answers */
    struct turn *t = turn_of(h->gw.workers[h->home]);
    allocation_destroy(slots_next(&t->allocations, &cursor), ALLOCATION_DELETED);
    turns(h, 4);
    assert_true(take(near, &r));
    assert_int_equal(code_of(&r), 400);
    expect_over(h, far);
    close(near);
    close(far);
    turns(h, 2);
    house_close(h);
}

/* turn.user_bandwidth: what is too fast waits, and nothing is lost. */
static void bandwidth_is_paid(void **state)
{
    struct house *h = house_open("user_bandwidth = 100k\n");
    struct pair p = pipe_open(h, true);
    for (int way = 0; way < 2; way++) {
        int from = way ? p.far : p.near, to = way ? p.near : p.far;
        size_t sent = send_all(h, from, 0, 1 << 20), got = read_all(h, to, 0);
        assert_int_equal(sent, 1 << 20);
        assert_true(got <= 300 * 1024); /* the bucket, and one read that is paid behind */
        for (int second = 0; second < 5; second++) {
            for (int i = 0; i < 20; i++) {
                pass(h, 50);
                got = read_all(h, to, got);
            }
            assert_true(got <= (size_t)(300 + 110 * (second + 1)) * 1024);
        }
        assert_true(got >= 450 * 1024);
        for (int i = 0; i < 400 && got < sent; i++) {
            pass(h, 50);
            got = read_all(h, to, got);
        }
        assert_int_equal(got, sent);
    }
    pair_close(h, &p);
    house_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_on_the_same_worker),
        cmocka_unit_test(both_ways_across_workers),
        cmocka_unit_test(early_bytes_are_kept),
        cmocka_unit_test(slow_client_holds_the_peer),
        cmocka_unit_test(slow_peer_holds_the_client),
        cmocka_unit_test(client_gone_while_asking),
        cmocka_unit_test(allocation_gone_while_answering),
        cmocka_unit_test(bandwidth_is_paid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
