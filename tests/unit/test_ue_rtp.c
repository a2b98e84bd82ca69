#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "modules/ue/media.h"
#include "modules/ue/rtp.h"
#include <errno.h>
#include <math.h>

/* The other end: sends packet i of the talk at 20 ms a piece. */
static struct rtp_packet talk(uint16_t first_seq, uint32_t i)
{
    return (struct rtp_packet){.measured = true,
                               .part = RTP_TALK,
                               .seq = (uint16_t)(first_seq + i),
                               .timestamp = 1000 + i * RTP_FRAME,
                               .sent = i + 1};
}

static uint64_t on_time(uint32_t i)
{
    return 1000000 + i * 20000ull;
}

static void receive(struct rtp_stats *s, uint16_t first_seq, uint32_t i)
{
    struct rtp_packet p = talk(first_seq, i);
    rtp_stats_packet(s, &p, on_time(i));
}

static void header_is_that_of_rfc_3550(void **state)
{
    uint8_t out[RTP_PACKET];
    struct rtp_packet p = {
        .payload = 8, .marker = true, .seq = 0x1234, .timestamp = 0x01020304, .ssrc = 0xa1b2c3d4};
    rtp_write(&p, out);
    static const uint8_t head[12] = {0x80, 0x88, 0x12, 0x34, 1, 2, 3, 4, 0xa1, 0xb2, 0xc3, 0xd4};
    assert_memory_equal(out, head, sizeof head);
}

static void measures_survive_the_wire(void **state)
{
    uint8_t out[RTP_PACKET];
    struct rtp_packet p = {.part = RTP_TAIL,
                           .stamp = 0x1122334455667788,
                           .echo = 42,
                           .held = 7,
                           .sent = 200,
                           .received = 199,
                           .heard = true,
                           .heard_tail = true};
    struct rtp_packet q;
    rtp_write(&p, out);
    assert_int_equal(rtp_read(bytes_of(out, sizeof out), &q), 0);
    assert_true(q.measured && q.heard && q.heard_tail);
    assert_int_equal(q.part, RTP_TAIL);
    assert_int_equal(q.stamp, p.stamp);
    assert_int_equal(q.echo, 42);
    assert_int_equal(q.held, 7);
    assert_int_equal(q.sent, 200);
    assert_int_equal(q.received, 199);
}

static void csrc_extension_and_padding_are_stepped_over(void **state)
{
    uint8_t plain[RTP_PACKET], odd[RTP_PACKET + 4 + 8 + 4];
    struct rtp_packet p = {.part = RTP_TALK, .sent = 5}, q;
    rtp_write(&p, plain);
    memcpy(odd, plain, 12);
    odd[0] |= 0x20 | 0x10 | 1;               /* padding, extension, one CSRC */
    memset(odd + 12, 0, 4);                  /* CSRC */
    memcpy(odd + 16, "\0\0\0\1\0\0\0\0", 8); /* extension of one word */
    memcpy(odd + 24, plain + 12, RTP_PACKET - 12);
    memcpy(odd + 24 + RTP_PACKET - 12, "\0\0\0\4", 4);
    assert_int_equal(rtp_read(bytes_of(odd, sizeof odd), &q), 0);
    assert_true(q.measured);
    assert_int_equal(q.sent, 5);
}

static void packets_that_lie_are_refused(void **state)
{
    uint8_t out[RTP_PACKET];
    struct rtp_packet p = {.part = RTP_TALK}, q;
    rtp_write(&p, out);
    assert_int_equal(rtp_read(bytes_of(out, 11), &q), -EBADMSG);
    out[0] = 0x40; /* version 1 */
    assert_int_equal(rtp_read(bytes_of(out, sizeof out), &q), -EBADMSG);
    out[0] = 0x8f; /* 15 CSRCs in 12 bytes */
    assert_int_equal(rtp_read(bytes_of(out, 12), &q), -EBADMSG);
    out[0] = 0xa0; /* padding of 255 */
    assert_int_equal(rtp_read(bytes_of(out, sizeof out), &q), -EBADMSG);
    out[0] = 0x90; /* extension that is longer than the packet */
    out[14] = out[15] = 0xff;
    assert_int_equal(rtp_read(bytes_of(out, sizeof out), &q), -EBADMSG);
}

static void other_rtp_is_not_measured(void **state)
{
    uint8_t out[RTP_PACKET];
    struct rtp_packet p = {.part = RTP_TALK}, q;
    struct rtp_stats *s = test_malloc(sizeof *s);
    rtp_write(&p, out);
    memset(out + 12, 0xff, RTP_PACKET - 12);
    assert_int_equal(rtp_read(bytes_of(out, sizeof out), &q), 0);
    assert_false(q.measured);
    rtp_stats_init(s);
    rtp_stats_packet(s, &q, 1);
    assert_int_equal(s->received, 0);
    test_free(s);
}

static int make_stats(void **state)
{
    struct rtp_stats *s = test_malloc(sizeof *s);
    rtp_stats_init(s);
    *state = s;
    return 0;
}

static int free_stats(void **state)
{
    test_free(*state);
    return 0;
}

static void loss_is_what_was_sent_and_did_not_come(void **state)
{
    struct rtp_stats *s = *state;
    for (uint32_t i = 0; i < 200; i++)
        if (i % 20 != 3)
            receive(s, 100, i);
    assert_int_equal(s->received, 190);
    assert_int_equal(s->peer_sent, 200);
    assert_true(fabs(rtp_loss_in(s) - 0.05) < 1e-9);
    assert_int_equal(s->reordered, 0);
}

static void loss_at_the_end_shows_by_the_other_ends_count(void **state)
{
    struct rtp_stats *s = *state;
    for (uint32_t i = 0; i < 90; i++)
        receive(s, 100, i);
    struct rtp_packet tail = talk(100, 100);
    tail.part = RTP_TAIL;
    tail.sent = 100;
    rtp_stats_packet(s, &tail, on_time(100));
    assert_int_equal(s->received, 90);
    assert_true(fabs(rtp_loss_in(s) - 0.1) < 1e-9);
}

static void loss_of_ours_is_what_the_other_end_reports(void **state)
{
    struct rtp_stats *s = *state;
    s->sent = 50;
    struct rtp_packet p = talk(1, 0);
    p.received = 49;
    rtp_stats_packet(s, &p, on_time(0));
    p = talk(1, 1);
    p.received = 40; /* an older report must not take the place of a newer one */
    rtp_stats_packet(s, &p, on_time(1));
    assert_true(fabs(rtp_loss_out(s) - 0.02) < 1e-9);
}

static void nothing_known_is_all_lost(void **state)
{
    assert_true(rtp_loss_in(*state) == 1. && rtp_loss_out(*state) == 1.);
}

static void duplicates_are_not_received_twice(void **state)
{
    struct rtp_stats *s = *state;
    for (uint32_t i = 0; i < 10; i++) {
        receive(s, 0, i);
        receive(s, 0, i);
    }
    assert_int_equal(s->received, 10);
    assert_int_equal(s->duplicates, 10);
    assert_true(rtp_loss_in(s) == 0.);
}

static void overtaken_packets_count_once(void **state)
{
    static const uint32_t order[] = {0, 1, 4, 2, 3, 5, 2};
    struct rtp_stats *s = *state;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        receive(s, 65533, order[i]); /* across the wrap too */
    assert_int_equal(s->received, 6);
    assert_int_equal(s->reordered, 2);
    assert_int_equal(s->duplicates, 1);
}

static void packet_from_before_the_first_one_counts(void **state)
{
    struct rtp_stats *s = *state;
    receive(s, 65535, 1); /* number 0 */
    receive(s, 65535, 0); /* number 65535 */
    assert_int_equal(s->received, 2);
    assert_int_equal(s->reordered, 1);
}

static void sequence_numbers_wrap_again_and_again(void **state)
{
    struct rtp_stats *s = *state;
    for (uint32_t i = 0; i < 200000; i++)
        receive(s, 65000, i);
    assert_int_equal(s->received, 200000);
    assert_int_equal(s->duplicates + s->reordered + s->late, 0);
}

static void packet_behind_the_window_is_late(void **state)
{
    struct rtp_stats *s = *state;
    receive(s, 0, 0);
    receive(s, 0, RTP_SEEN_BITS + 10);
    receive(s, 0, 5);
    assert_int_equal(s->received, 2);
    assert_int_equal(s->late, 1);
}

static void warm_up_and_tail_are_not_counted(void **state)
{
    struct rtp_stats *s = *state;
    struct rtp_packet p = talk(9, 0);
    p.part = RTP_WARM_UP;
    p.sent = 0;
    rtp_stats_packet(s, &p, on_time(0));
    assert_int_equal(s->received, 0);
    assert_int_equal(s->peer_sent, 0);
}

/* RFC 3550 6.4.1 by hand: D = 80 samples (10 ms) once, then back: J = 80/16 = 5, then 5 + (80 - 5)/16
 * = 9.6875. */
static void jitter_is_that_of_rfc_3550(void **state)
{
    struct rtp_stats *s = *state;
    for (uint32_t i = 0; i < 3; i++) {
        struct rtp_packet p = talk(0, i);
        rtp_stats_packet(s, &p, on_time(i) + (i == 1 ? 10000 : 0));
    }
    assert_true(fabs(s->jitter - 9.6875) < 1e-9);
    assert_true(fabs(rtp_jitter_ms(s) - 9.6875 / 8) < 1e-9);
}

static void steady_stream_has_no_jitter_across_the_timestamp_wrap(void **state)
{
    struct rtp_stats *s = *state;
    for (uint32_t i = 0; i < 100; i++) {
        struct rtp_packet p = talk(0, i);
        p.timestamp = 0xffffff00u + i * RTP_FRAME;
        rtp_stats_packet(s, &p, on_time(i));
    }
    assert_true(s->jitter < 1e-9);
}

static void round_trip_leaves_out_the_time_at_the_other_end(void **state)
{
    struct rtp_stats *s = *state;
    for (uint32_t i = 0; i < 100; i++) {
        struct rtp_packet p = talk(0, i);
        p.held = 15000;
        p.echo = on_time(i) - 15000 - (i + 1) * 100; /* round trips of 100, 200 .. 10000 us */
        rtp_stats_packet(s, &p, on_time(i));
    }
    assert_int_equal(rtp_rtt_us(s, 500), 5000);
    assert_int_equal(rtp_rtt_us(s, 990), 9900);
    assert_int_equal(rtp_rtt_us(s, 1000), 10000);
}

static void round_trip_that_cannot_be_is_left_out(void **state)
{
    struct rtp_stats *s = *state;
    struct rtp_packet p = talk(0, 0);
    rtp_stats_packet(s, &p, on_time(0)); /* no echo yet */
    p = talk(0, 1);
    p.echo = on_time(1) + 1; /* from the future */
    rtp_stats_packet(s, &p, on_time(1));
    p = talk(0, 2);
    p.echo = on_time(2) - 10;
    p.held = 11;
    rtp_stats_packet(s, &p, on_time(2));
    assert_int_equal(s->n_rtt, 0);
    assert_int_equal(rtp_rtt_us(s, 500), 0);
}

/* --- two ends that talk to each other, on virtual time --- */

struct wire {
    struct media a, b;
    struct ue_loop loop;
    unsigned drop_every, n; /* from a to b */
    bool cut, plain;
    unsigned ended;
};
static struct wire *the_wire; /* a send has only its media */

static void from_a(struct media *m, struct bytes packet)
{
    struct wire *w = the_wire;
    uint8_t other[RTP_PACKET];
    memcpy(other, packet.p, packet.n);
    if (w->plain)
        memset(other + RTP_HEADER, 0xff, RTP_PACKET - RTP_HEADER);
    if (!w->cut && (!w->drop_every || ++w->n % w->drop_every))
        media_packet(&w->b, bytes_of(other, packet.n));
}

static void from_b(struct media *m, struct bytes packet)
{
    media_packet(&the_wire->a, packet);
}

static void on_ended(struct media *m)
{
    the_wire->ended++;
}

static void run_wire(struct wire *w, uint64_t talk_ms, uint64_t run_ms)
{
    the_wire = w;
    w->loop.now = 1000;
    timers_init(&w->loop.timers, w->loop.now);
    w->a.loop = w->b.loop = &w->loop;
    w->a.send = from_a;
    w->b.send = from_b;
    w->a.ended = w->b.ended = on_ended;
    media_start(&w->a, talk_ms);
    media_start(&w->b, 0);
    for (uint64_t i = 0; i < run_ms; i++)
        timers_run(&w->loop.timers, NULL, ++w->loop.now);
    media_stop(&w->a);
    media_stop(&w->b);
}

static void both_ends_agree_on_a_clean_call(void **state)
{
    struct wire *w = test_calloc(1, sizeof *w);
    run_wire(w, 2000, 10000);
    assert_int_equal(w->ended, 2);
    assert_int_equal(w->a.end, MEDIA_DONE);
    assert_int_equal(w->b.end, MEDIA_DONE);
    assert_in_range(w->a.stats.sent, 99, 101);
    assert_int_equal(w->a.stats.sent, w->b.stats.received);
    assert_int_equal(w->b.stats.sent, w->a.stats.received);
    assert_true(rtp_loss_in(&w->a.stats) == 0. && rtp_loss_out(&w->a.stats) == 0.);
    assert_true(w->a.stats.n_rtt > 90);
    test_free(w);
}

static void both_ends_see_the_loss_of_one_direction(void **state)
{
    struct wire *w = test_calloc(1, sizeof *w);
    w->drop_every = 10;
    run_wire(w, 4000, 12000);
    assert_int_equal(w->a.end, MEDIA_DONE);
    assert_int_equal(w->b.end, MEDIA_DONE);
    assert_true(fabs(rtp_loss_in(&w->b.stats) - 0.1) < 0.01);
    assert_true(rtp_loss_out(&w->a.stats) == rtp_loss_in(&w->b.stats));
    assert_true(rtp_loss_in(&w->a.stats) == 0. && rtp_loss_out(&w->b.stats) == 0.);
    test_free(w);
}

static void one_way_path_is_told_apart_at_each_end(void **state)
{
    struct wire *w = test_calloc(1, sizeof *w);
    w->cut = true;
    run_wire(w, 2000, 8000);
    assert_int_equal(w->a.end, MEDIA_NOT_HEARD);
    assert_int_equal(w->b.end, MEDIA_NOT_HEARING);
    test_free(w);
}

static void rtp_that_does_not_measure_is_said_so(void **state)
{
    struct wire *w = test_calloc(1, sizeof *w);
    w->plain = true;
    run_wire(w, 2000, 8000);
    assert_int_equal(w->b.end, MEDIA_PLAIN);
    test_free(w);
}

int main(void)
{
#define WITH_STATS(f) cmocka_unit_test_setup_teardown(f, make_stats, free_stats)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_that_of_rfc_3550),
        cmocka_unit_test(measures_survive_the_wire),
        cmocka_unit_test(csrc_extension_and_padding_are_stepped_over),
        cmocka_unit_test(packets_that_lie_are_refused),
        cmocka_unit_test(other_rtp_is_not_measured),
        WITH_STATS(loss_is_what_was_sent_and_did_not_come),
        WITH_STATS(loss_at_the_end_shows_by_the_other_ends_count),
        WITH_STATS(loss_of_ours_is_what_the_other_end_reports),
        WITH_STATS(nothing_known_is_all_lost),
        WITH_STATS(duplicates_are_not_received_twice),
        WITH_STATS(overtaken_packets_count_once),
        WITH_STATS(packet_from_before_the_first_one_counts),
        WITH_STATS(sequence_numbers_wrap_again_and_again),
        WITH_STATS(packet_behind_the_window_is_late),
        WITH_STATS(warm_up_and_tail_are_not_counted),
        WITH_STATS(jitter_is_that_of_rfc_3550),
        WITH_STATS(steady_stream_has_no_jitter_across_the_timestamp_wrap),
        WITH_STATS(round_trip_leaves_out_the_time_at_the_other_end),
        WITH_STATS(round_trip_that_cannot_be_is_left_out),
        cmocka_unit_test(both_ends_agree_on_a_clean_call),
        cmocka_unit_test(both_ends_see_the_loss_of_one_direction),
        cmocka_unit_test(one_way_path_is_told_apart_at_each_end),
        cmocka_unit_test(rtp_that_does_not_measure_is_said_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
