/* conn: connections through the door, with a real TLS client on loopback and virtual time. */
#include "door_echo.h"

static void large_echo_with_back_pressure(void **state)
{
    struct rig *r = open_rig("");
    const size_t total = 3 * 1024 * 1024;
    uint8_t *data = malloc(total), *back = malloc(total);
    size_t sent = 0, got = 0;
    for (size_t i = 0; i < total; i++)
        data[i] = (uint8_t)('E' + i * 31 / 17);
    struct client c = client_open(r);
    narrow(r, 65536);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &(int){131072}, sizeof(int));
    for (int i = 0; i < 60000 && got < total; i++) {
        size_t k = 0;
        ERR_clear_error();
        if (sent < total &&
            SSL_write_ex(c.ssl, data + sent, total - sent < 50000 ? total - sent : 50000, &k) == 1)
            sent += k;
        rig_turn(r);
        assert_true(conn_unsent(seen.last ? seen.last : &the_entry(r)->conn) <= 256 * 1024 + WIRE_MARK);
        if (i % 8 == 0 || sent == total) {
            int n = client_read(&c, back + got, total - got);
            got += n > 0 ? (size_t)n : 0;
        }
    }
    assert_int_equal(got, total);
    assert_memory_equal(back, data, total);
    assert_true(seen.drained > 0);
    rig_turns(r, 3);
    assert_holds_no_bytes(r);
    client_close(&c);
    free(data);
    free(back);
    rig_close(r);
}

static void frames_over_record_borders(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    client_send(&c, "\x02", 1); /* half a frame in one record */
    assert_int_equal(buf_len(&the_entry(r)->rest), 1);
    client_send(&c, "ab\x03x", 4);
    client_expect(&c, "ab", 2);
    client_send(&c, "yz", 2);
    client_expect(&c, "xyz", 3);
    assert_holds_no_bytes(r);
    client_close(&c);
    rig_close(r);
}

/* Half a TLS record holds memory as well as half a frame does. */
static void half_a_record_is_slow(void **state)
{
    struct rig *r = open_rig("frame_timeout = 5s\n");
    struct client c = client_open(r);
    client_send(&c, "Echo", 4);
    client_expect(&c, "Echo", 4);
    assert_int_equal(send(c.fd, "\x17\x03\x03\x01\x00", 5, 0), 5);
    rig_turns(r, 2);
    for (int i = 0; i < 4; i++) {
        rig_pass(r, 1200);
        send(c.fd, "x", 1, 0);
        rig_turns(r, 2);
        assert_int_equal(rig_closes(r, CLOSE_SLOW), 0);
    }
    rig_pass(r, 300);
    assert_int_equal(rig_closes(r, CLOSE_SLOW), 1);
    client_close(&c);
    rig_close(r);
}

static void a_slow_frame_gets_no_new_time_with_each_byte(void **state)
{
    struct rig *r = open_rig("frame_timeout = 5s\n");
    struct client c = client_open(r);
    client_send(&c, "\x02zz", 3);
    client_send(&c, "\x20", 1);
    for (int i = 0; i < 4; i++) {
        rig_pass(r, 1200);
        client_send(&c, "x", 1);
    }
    assert_int_equal(rig_closes(r, CLOSE_SLOW), 0);
    rig_pass(r, 300);
    assert_int_equal(rig_closes(r, CLOSE_SLOW), 1);
    assert_int_equal(seen.closed, 1);
    client_close(&c);
    rig_close(r);
}

static void a_frame_over_the_limit(void **state)
{
    struct rig *r = open_rig("frame_max = 4k\n");
    uint8_t much[6000];
    memset(much, 'N', sizeof much);
    struct client c = client_open(r);
    client_send(&c, much, 4096);
    assert_int_equal(rig_closes(r, CLOSE_TOO_BIG), 0);
    client_send(&c, much, 1);
    assert_int_equal(rig_closes(r, CLOSE_TOO_BIG), 1);
    assert_int_equal(client_ending(&c), -1);
    client_close(&c);
    rig_close(r);
}

static void a_silent_connection_lives_and_ends_quietly(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    rig_pass(r, 9 * 60 * 1000);
    assert_int_equal(rig_standing(r), 1);
    assert_holds_no_bytes(r);
    rig_pass(r, 61 * 1000);
    assert_int_equal(rig_closes(r, CLOSE_SILENT), 1);
    assert_int_equal(client_ending(&c), -1);
    client_close(&c);
    assert_int_equal(rig_standing(r), 0);
    assert_int_equal(seen.opened, 0);
    rig_close(r);
}

static void first_bytes_that_never_get_whole(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    rig_pass(r, 60 * 1000);
    client_send(&c, "H", 1); /* wants three */
    rig_pass(r, 6000);
    client_send(&c, "i", 1);
    rig_pass(r, 4100);
    assert_int_equal(rig_closes(r, CLOSE_SLOW), 1);
    client_close(&c);
    rig_close(r);
}

static void half_a_record_as_first_bytes(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    send(c.fd, "\x17\x03\x03\x01", 4, 0);
    rig_turns(r, 2);
    rig_pass(r, 10100);
    assert_int_equal(rig_closes(r, CLOSE_SLOW), 1);
    client_close(&c);
    rig_close(r);
}

static void first_bytes_of_no_protocol(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    client_send(&c, "SSH-2.0-x\r\n", 11);
    assert_int_equal(client_ending(&c), -1);
    assert_int_equal(rig_closes(r, CLOSE_UNKNOWN), 1);
    client_close(&c);
    rig_close(r);
}

static void close_delivers_what_was_sent_before(void **state)
{
    struct rig *r = open_rig("");
    seen.burst_size = 250000;
    uint8_t *want = malloc(seen.burst_size);
    for (size_t i = 0; i < seen.burst_size; i++)
        want[i] = (uint8_t)(i * 7);
    struct client c = client_open(r);
    narrow(r, 8192);
    client_send(&c, "C", 1);
    send(c.fd, "unread bytes that would make close() a reset", 44, 0);
    rig_turns(r, 3);
    assert_int_equal(seen.closed, 1); /* told at the end of its turn, not when the last byte has left */
    client_expect(&c, want, seen.burst_size);
    assert_int_equal(client_ending(&c), -1);
    assert_int_equal(rig_closes(r, CLOSE_MODULE), 1);
    assert_int_equal(rig_closes(r, CLOSE_PROTOCOL), 0);
    assert_int_equal(rig_standing(r), 1); /* lingers for the peer's close */
    client_close(&c);
    assert_int_equal(rig_standing(r), 0);
    free(want);
    rig_close(r);
}

static void lingering_is_bounded(void **state)
{
    struct rig *r = open_rig("");
    seen.burst_size = 10;
    struct client c = client_open(r);
    client_send(&c, "C", 1);
    assert_int_equal(rig_standing(r), 1);
    rig_pass(r, 3100);
    assert_int_equal(rig_standing(r), 0);
    client_close(&c);
    rig_close(r);
}

static void a_peer_that_does_not_read(void **state)
{
    struct rig *r = open_rig("write_timeout = 5s\n");
    struct client c = client_new(r);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    assert_int_equal(client_try_shake(&c), SSL_ERROR_NONE);
    uint8_t block[16384];
    memset(block, 'E', sizeof block);
    client_send(&c, block, sizeof block);
    narrow(r, 8192);
    for (int i = 0; i < 400 && !the_entry(r)->paused; i++) {
        size_t k;
        SSL_write_ex(c.ssl, block, sizeof block, &k);
        rig_turn(r);
    }
    assert_true(the_entry(r)->paused);
    rig_pass(r, 4900);
    assert_int_equal(rig_standing(r), 1);
    rig_pass(r, 200);
    assert_int_equal(rig_closes(r, CLOSE_BACKLOG), 1);
    assert_int_equal(rig_standing(r), 0);
    client_close(&c);
    rig_close(r);
}

/* What is written never leaves whole, for more comes behind it all the time: that is a peer with a narrow
 * line, not one that does not read. */
static void a_peer_that_reads_but_never_all(void **state)
{
    struct rig *r = open_rig("write_timeout = 5s\n");
    struct client c = client_new(r);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &(int){65536}, sizeof(int));
    assert_int_equal(client_try_shake(&c), SSL_ERROR_NONE);
    client_send(&c, "Q", 1);
    narrow(r, 16384);
    uint8_t block[4096] = {0};
    for (int i = 0; i < 200 && seen.last; i++) {
        while (conn_send(seen.last, bytes_of(block, sizeof block)) != -ENOBUFS)
            ;
        rig_pass(r, 100);
        for (int k = 0; k < 4; k++)
            client_read(&c, block, sizeof block);
        assert_true(i < 10 || !seen.last || the_entry(r)->write_since);
    }
    assert_int_equal(rig_closes(r, CLOSE_BACKLOG), 0);
    for (int i = 0; i < 60 && seen.last; i++) /* a byte now and then is not reading */ {
        client_read(&c, block, 1);
        rig_pass(r, 100);
    }
    assert_int_equal(rig_closes(r, CLOSE_BACKLOG), 1);
    client_close(&c);
    rig_close(r);
}

static void a_full_batch_takes_no_more(void **state)
{
    struct rig *r = open_rig("out_high = 4k\nout_max = 16k\n");
    struct client c = client_open(r);
    client_send(&c, "E", 1);
    client_expect(&c, "E", 1);
    uint8_t block[4096] = {0};
    assert_int_equal(conn_send(seen.last, bytes_of(block, 4096)), 0);
    assert_int_equal(conn_send(seen.last, bytes_of(block, 1)), -EAGAIN);
    assert_null(conn_reserve(seen.last, 12288));
    assert_int_equal(conn_send(seen.last, bytes_of(block, 4096)), -EAGAIN);
    assert_int_equal(conn_send(seen.last, bytes_of(block, 4096)), -EAGAIN);
    assert_int_equal(conn_send(seen.last, bytes_of(block, 4096)), -ENOBUFS);
    assert_int_equal(conn_unsent(seen.last), 3 * 4096 + 1);
    int before = seen.drained;
    rig_turns(r, 2);
    assert_int_equal(seen.drained, before + 1);
    assert_int_equal(conn_unsent(seen.last), 0);
    client_close(&c);
    rig_close(r);
}

static void an_idle_connection(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    client_send(&c, "E", 1);
    conn_idle_timeout(seen.last, 5000);
    rig_pass(r, 4000);
    client_send(&c, "E", 1);
    rig_pass(r, 4900);
    assert_int_equal(rig_closes(r, CLOSE_IDLE), 0);
    rig_pass(r, 200);
    assert_int_equal(rig_closes(r, CLOSE_IDLE), 1);
    client_close(&c);
    rig_close(r);
}

static void hand_over_with_the_unread_bytes(void **state)
{
    struct rig *r = open_rig("");
    struct client c = client_open(r);
    client_send(&c, "Hello", 5);
    client_expect(&c, "ello", 4);
    assert_ptr_equal(seen.last->module, &echo);
    assert_int_equal(seen.opened, 1);
    conn_hand_over(seen.last, &frames); /* outside of data: at the end of the turn */
    rig_turn(r);
    client_send(&c, "\x01x", 2);
    client_expect(&c, "x", 1);
    assert_int_equal(seen.opened, 2);
    assert_int_equal(seen.closed, 0);
    client_close(&c);
    assert_int_equal(seen.closed, 1);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_echo_with_back_pressure),
        cmocka_unit_test(frames_over_record_borders),
        cmocka_unit_test(half_a_record_is_slow),
        cmocka_unit_test(a_slow_frame_gets_no_new_time_with_each_byte),
        cmocka_unit_test(a_frame_over_the_limit),
        cmocka_unit_test(a_silent_connection_lives_and_ends_quietly),
        cmocka_unit_test(first_bytes_that_never_get_whole),
        cmocka_unit_test(half_a_record_as_first_bytes),
        cmocka_unit_test(first_bytes_of_no_protocol),
        cmocka_unit_test(close_delivers_what_was_sent_before),
        cmocka_unit_test(lingering_is_bounded),
        cmocka_unit_test(a_peer_that_does_not_read),
        cmocka_unit_test(a_peer_that_reads_but_never_all),
        cmocka_unit_test(a_full_batch_takes_no_more),
        cmocka_unit_test(an_idle_connection),
        cmocka_unit_test(hand_over_with_the_unread_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
