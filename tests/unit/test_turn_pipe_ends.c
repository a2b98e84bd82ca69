/* How pipes end (RFC 6062 5.5): half closed from either side, cut off, silent, or with their allocation. */
#include "pipe_rig.h"

#define HALF_CLOSED_MS 60000u /* turn.tcp_half_closed_timeout */

static bool is_closed(int fd)
{
    uint8_t byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void reset(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
}

/* One side sends more than the other is ready to read, and ends; what came before arrives, then the end; then
 * the other side answers at length, and ends too. */
static void half_closed_from(bool by_client, bool other)
{
    struct house *h = house_open("");
    struct pair p = pipe_open(h, other);
    int from = by_client ? p.near : p.far, to = by_client ? p.far : p.near;
    size_t sent = send_all(h, from, 0, MUCH);
    assert_true(sent < MUCH);
    shutdown(from, SHUT_WR);
    pass(h, 2 * HALF_CLOSED_MS); /* a slow reader is not a silent one */
    read_upto(h, to, 0, sent);
    expect_over(h, to);
    assert_int_equal(send_all(h, to, 0, 300000), 300000);
    read_upto(h, from, 0, 300000);
    assert_false(is_over(from));
    size_t back = send_all(h, to, 0, MUCH);
    assert_true(back < MUCH);
    close(to);
    pass(h, 2 * HALF_CLOSED_MS);
    read_upto(h, from, 0, back);
    expect_over(h, from);
    close(from);
    turns(h, 4);
    assert_int_equal(count(h, TS_TCP_CONNECTIONS), 0);
    assert_null(the_pipe(h, p.worker));
    house_close(h);
}

static void half_closed_by_the_client(void **state)
{
    half_closed_from(true, false);
    half_closed_from(true, true);
}

static void half_closed_by_the_peer(void **state)
{
    half_closed_from(false, false);
    half_closed_from(false, true);
}

/* Each byte gives it the whole time anew. */
static void the_silence_of_the_other_half_is_bounded(void **state)
{
    for (int by_client = 0; by_client < 2; by_client++) {
        struct house *h = house_open("");
        struct pair p = pipe_open(h, true);
        int from = by_client ? p.near : p.far, to = by_client ? p.far : p.near;
        shutdown(from, SHUT_WR);
        turns(h, 4);
        expect_over(h, to);
        for (size_t i = 0; i < 3; i++) {
            pass(h, HALF_CLOSED_MS - 1000);
            assert_int_equal(send_all(h, to, i, i + 1), i + 1);
            read_upto(h, from, i, i + 1);
        }
        pass(h, HALF_CLOSED_MS - 1000);
        assert_non_null(the_pipe(h, p.worker));
        pass(h, 1000);
        pass(h, 3000); /* its time to close */
        assert_int_equal(count(h, TS_TCP_CONNECTIONS), 0);
        assert_int_equal(stats_sum(h->gw.stats, &door_stats, DOOR_CLOSES + CLOSE_IDLE), 1);
        pair_close(h, &p);
        house_close(h);
    }
}

/* A client that closed has no use for what the peer still sends, and says so by a reset. */
static void nobody_reads_the_answer(void **state)
{
    struct house *h = house_open("");
    struct pair p = pipe_open(h, true);
    size_t sent = send_all(h, p.near, 0, MUCH);
    close(p.near);
    turns(h, 4);
    read_upto(h, p.far, 0, sent);
    expect_over(h, p.far);
    send_all(h, p.far, 0, 100000);
    turns(h, 4);
    assert_int_equal(stats_sum(h->gw.stats, &door_stats, DOOR_CLOSES + CLOSE_RESET), 1);
    pass(h, 3000); /* the peer's time to close */
    assert_int_equal(count(h, TS_TCP_CONNECTIONS), 0);
    close(p.far);
    house_close(h);
}

/* We have it, whoever has not read it. */
static void carry_all(struct house *h, const struct pair *p, uint64_t to_peer, uint64_t to_client)
{
    const struct pipe_count *have = &the_pipe(h, p->worker)->count;
    for (int i = 0; i < 2000 && (have->to_peer < to_peer || have->to_client < to_client); i++) {
        turns(h, 1);
        poll(NULL, 0, 1);
    }
    assert_true(have->to_peer >= to_peer && have->to_client >= to_client);
}

static void cut_off_by_the_client(void **state)
{
    struct house *h = house_open("");
    struct pair p = pipe_open(h, true);
    assert_int_equal(send_all(h, p.near, 0, 300000), 300000);
    carry_all(h, &p, 300000, 0);
    reset(p.near);
    turns(h, 4);
    read_upto(h, p.far, 0, 300000);
    expect_over(h, p.far);
    pass(h, 3000);
    assert_int_equal(count(h, TS_TCP_CONNECTIONS), 0);
    close(p.far);
    house_close(h);
}

/* What it sent before has come to us, so it comes to the client, however slow that reads. */
static void cut_off_by_the_peer(void **state)
{
    struct house *h = house_open("");
    struct pair p = pipe_open(h, true);
    assert_int_equal(send_all(h, p.far, 0, 300000), 300000);
    carry_all(h, &p, 0, 300000);
    reset(p.far);
    pass(h, 60000);
    read_upto(h, p.near, 0, 300000);
    pass(h, 50);
    expect_over(h, p.near);
    close(p.near);
    turns(h, 4);
    assert_int_equal(count(h, TS_TCP_CONNECTIONS), 0);
    house_close(h);
}

/* The loop must not turn for the rest that a peer with a reset will never take. */
static void cut_off_with_a_rest(void **state)
{
    struct house *h = house_open("");
    struct pair p = pipe_open(h, true);
    assert_true(send_all(h, p.near, 0, MUCH) < MUCH);
    assert_true(buf_len(&the_pipe(h, p.worker)->left) > 0);
    close(p.near);
    turns(h, 4);
    reset(p.far);
    turns(h, 4);
    assert_null(the_pipe(h, p.worker));
    assert_int_equal(count(h, TS_TCP_CONNECTIONS), 0);
    house_close(h);
}

static void half_closed_with_a_limit_of_bandwidth(void **state)
{
    struct house *h = house_open("user_bandwidth = 100k\n");
    struct pair p = pipe_open(h, true);
    for (int way = 0; way < 2; way++) {
        int from = way ? p.far : p.near, to = way ? p.near : p.far;
        size_t sent = send_all(h, from, 0, 1 << 20), got = 0;
        shutdown(from, SHUT_WR);
        for (int i = 0; i < 400 && got < sent; i++) {
            pass(h, 50);
            got = read_all(h, to, got);
        }
        assert_int_equal(got, sent);
        for (int i = 0; i < 20; i++) /* the last bytes are paid behind */
            pass(h, 50);
        expect_over(h, to);
    }
    pair_close(h, &p);
    assert_int_equal(count(h, TS_TCP_CONNECTIONS), 0);
    house_close(h);
}

/* An allocation has carried something also when it ends with its pipes standing. */
static void counts_what_the_allocation_carried(void **state)
{
    static const enum turn_stat expected[] = {TS_ENDED_UNUSED, TS_ENDED_ONE_WAY, TS_ENDED_BOTH_WAYS};
    for (size_t ways = 0; ways < 3; ways++) {
        for (int other = 0; other < 2; other++) {
            struct house *h = house_open("");
            struct pair p = pipe_open(h, other);
            if (ways > 0) {
                assert_int_equal(send_all(h, p.near, 0, 1), 1);
                read_upto(h, p.far, 0, 1);
            }
            if (ways > 1) {
                assert_int_equal(send_all(h, p.far, 0, 1), 1);
                read_upto(h, p.near, 0, 1);
            }
            close(h->control);
            h->control = -1;
            turns(h, 6);
            assert_int_equal(count(h, expected[ways]), 1);
            pair_close(h, &p);
            house_close(h);
        }
    }
}

static void ends_with_the_allocation(void **state)
{
    struct house *h = house_open("");
    struct pair p = pipe_open(h, true);
    close(h->control);
    h->control = -1;
    turns(h, 6);
    assert_true(is_closed(p.near));
    assert_true(is_closed(p.far));
    assert_int_equal(count(h, TS_TCP_CONNECTIONS), 0);
    pair_close(h, &p);
    assert_null(the_pipe(h, p.worker));
    house_close(h);
}

/* No letter finds a worker that has ended; nothing leaks. */
static void ends_with_its_worker(void **state)
{
    struct house *h = house_open("");
    struct pair p = pipe_open(h, true);
    door_stop(h->gw.workers[h->home]);
    turn_one(h, p.worker);
    expect_over(h, p.near);
    pair_close(h, &p);
    house_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_closed_by_the_client),
        cmocka_unit_test(half_closed_by_the_peer),
        cmocka_unit_test(the_silence_of_the_other_half_is_bounded),
        cmocka_unit_test(nobody_reads_the_answer),
        cmocka_unit_test(cut_off_by_the_client),
        cmocka_unit_test(cut_off_by_the_peer),
        cmocka_unit_test(cut_off_with_a_rest),
        cmocka_unit_test(half_closed_with_a_limit_of_bandwidth),
        cmocka_unit_test(counts_what_the_allocation_carried),
        cmocka_unit_test(ends_with_the_allocation),
        cmocka_unit_test(ends_with_its_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
