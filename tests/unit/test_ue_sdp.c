#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "modules/ue/sdp.h"
#include <errno.h>

static struct addr address(const char *text)
{
    struct addr a;
    assert_true(addr_parse(bytes_str(text), 0, &a));
    return a;
}

static void assert_addr(const struct addr *have, const char *want)
{
    struct addr w = address(want);
    assert_true(addr_eq(have, &w));
}

static void assert_line(struct bytes text, const char *line)
{
    if (bytes_find(text, bytes_str(line)) == BYTES_NOT_FOUND)
        fail_msg("no \"%s\" in\n%.*s", line, BYTES_FMT(text));
}

static void description_names_the_relay(void **state)
{
    struct sdp s;
    struct buf out;
    struct addr relay = address("192.0.2.7:50000"), mapped = address("198.51.100.9:1234");
    buf_init(&out);
    sdp_make(&s, &relay, 77);
    assert_true(sdp_write(&s, &mapped, &out));
    assert_line(buf_bytes(&out),
                "v=0\r\no=- 77 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n");
    assert_line(buf_bytes(&out), "\r\nm=audio 50000 RTP/AVP 0\r\n");
    /* RFC 8445 5.1.2.1: 2^24 * 0 + 2^8 * 65535 + (256 - 1) = 16777215; shape of RFC 8839 5.1. */
    assert_line(buf_bytes(&out),
                "\r\na=candidate:1 1 UDP 16777215 192.0.2.7 50000 typ relay raddr 198.51.100.9 "
                "rport 1234\r\n");
    assert_int_equal(bytes_find(buf_bytes(&out), BYTES("ice-ufrag")), BYTES_NOT_FOUND);
    buf_fini(&out);
}

static void ipv6_is_written_as_ip6_without_brackets(void **state)
{
    struct sdp s;
    struct buf out;
    struct addr relay = address("[2001:db8::1]:50000");
    buf_init(&out);
    sdp_make(&s, &relay, 1);
    assert_true(sdp_write(&s, NULL, &out));
    assert_line(buf_bytes(&out), "c=IN IP6 2001:db8::1\r\n");
    assert_line(buf_bytes(&out), "typ relay raddr :: rport 9\r\n");
    buf_fini(&out);
}

static void what_is_written_is_read_back(void **state)
{
    struct sdp s, back;
    struct buf out;
    struct addr relay = address("192.0.2.7:50000");
    buf_init(&out);
    sdp_make(&s, &relay, 1);
    assert_true(sdp_write(&s, NULL, &out));
    assert_int_equal(sdp_parse(buf_bytes(&out), &back), 0);
    assert_addr(&back.media, "192.0.2.7:50000");
    assert_true(sdp_has_payload(&back, 0));
    assert_true(back.sends && back.receives && back.rtcp_mux);
    assert_int_equal(back.n_candidates, 1);
    buf_fini(&out);
}

/* RFC 4566 5 (the same in RFC 8866): an example with c= of the session and two streams. */
static void rfc_example_takes_the_audio_stream(void **state)
{
    static const char text[] = "v=0\r\no=jdoe 2890844526 2890842807 IN IP4 10.47.16.5\r\ns=SDP Seminar\r\n"
                               "i=A Seminar on the session description protocol\r\n"
                               "u=http://www.example.com/seminars/sdp.pdf\r\n"
                               "e=j.doe@example.com (Jane Doe)\r\nc=IN IP4 224.2.17.12/127\r\n"
                               "t=2873397496 2873404696\r\na=recvonly\r\nm=audio 49170 RTP/AVP 0\r\n"
                               "m=video 51372 RTP/AVP 99\r\na=rtpmap:99 h263-1998/90000\r\n";
    struct sdp s;
    assert_int_equal(sdp_parse(bytes_str(text), &s), 0);
    assert_addr(&s.media, "224.2.17.12:49170");
    assert_int_equal(s.n_payloads, 1);
    assert_false(s.sends);
    assert_true(s.receives);
}

static void address_of_the_stream_wins_over_that_of_the_session(void **state)
{
    static const char text[] = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
                               "m=video 1000 RTP/AVP 99\nc=IN IP4 192.0.2.2\n"
                               "m=audio 2000 RTP/AVP 8 0\nc=IN IP4 192.0.2.3\n"
                               "m=audio 3000 RTP/AVP 0\nc=IN IP4 192.0.2.4\n";
    struct sdp s;
    assert_int_equal(sdp_parse(bytes_str(text), &s), 0);
    assert_addr(&s.media, "192.0.2.3:2000");
    assert_int_equal(s.n_payloads, 2);
    assert_int_equal(s.payloads[0], 8);
}

static void best_relay_candidate_is_the_destination(void **state)
{
    static const char text[] =
        "v=0\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n"
        "a=candidate:1 1 UDP 2130706431 10.0.0.1 4000 typ host\r\n"
        "a=candidate:2 2 UDP 900 192.0.2.9 5000 typ relay raddr 10.0.0.1 rport 4000\r\n"
        "a=candidate:3 1 UDP 100 192.0.2.7 5001 typ relay raddr 10.0.0.1 rport 4000\r\n"
        "a=candidate:4 1 udp 200 192.0.2.8 5002 typ relay raddr 10.0.0.1 rport 4000\r\n"
        "a=candidate:5 1 TCP 999 192.0.2.6 9 typ relay raddr 10.0.0.1 rport 4000\r\n";
    struct sdp s;
    assert_int_equal(sdp_parse(bytes_str(text), &s), 0);
    assert_int_equal(s.n_candidates, 4);
    struct addr to = sdp_destination(&s);
    assert_addr(&to, "192.0.2.8:5002");
}

static void refused_stream_has_port_zero(void **state)
{
    static const char text[] = "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 0 RTP/AVP 0\r\n"
                               "a=candidate:3 1 UDP 100 192.0.2.7 5001 typ relay\r\n";
    struct sdp s;
    assert_int_equal(sdp_parse(bytes_str(text), &s), 0);
    struct addr to = sdp_destination(&s);
    assert_int_equal(to.port, 0);
}

static void broken_candidates_are_passed_over(void **state)
{
    static const char text[] = "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 1 RTP/AVP 0\r\n"
                               "a=candidate:1 1 UDP x 192.0.2.7 5001 typ relay\r\n"
                               "a=candidate:1 1 UDP 5 name.local 5001 typ host\r\n"
                               "a=candidate:1 1 UDP 5 192.0.2.7 70000 typ relay\r\n"
                               "a=candidate:1 1 UDP 5 192.0.2.7 0 typ relay\r\n"
                               "a=candidate:1 0 UDP 5 192.0.2.7 5 typ relay\r\n"
                               "a=candidate:1 1 UDP 5 192.0.2.7 5 typ what\r\n"
                               "a=candidate:1 1 UDP\r\n";
    struct sdp s;
    assert_int_equal(sdp_parse(bytes_str(text), &s), 0);
    assert_int_equal(s.n_candidates, 0);
}

static void what_is_not_sdp_is_refused(void **state)
{
    struct sdp s;
    assert_int_equal(sdp_parse(BYTES(""), &s), -EBADMSG);
    assert_int_equal(sdp_parse(BYTES("hello"), &s), -EBADMSG);
    assert_int_equal(sdp_parse(BYTES("v=0\r\nbroken\r\n"), &s), -EBADMSG);
    assert_int_equal(sdp_parse(BYTES("v=0\r\nc=IN IP4 10.0.0.1\r\nm=video 1 RTP/AVP 0\r\n"), &s), -ENOENT);
    assert_int_equal(sdp_parse(BYTES("v=0\r\nm=audio 1 RTP/AVP 0\r\n"), &s), -ENOENT);
    assert_int_equal(sdp_parse(BYTES("v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 65536 RTP/AVP 0\r\n"), &s),
                     -ENOENT);
}

static void too_many_payloads_and_candidates_are_cut(void **state)
{
    struct buf t;
    struct sdp s;
    buf_init(&t);
    buf_str(&t, "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 1 RTP/AVP");
    for (unsigned i = 0; i < 100; i++)
        buf_printf(&t, " %u", i);
    buf_str(&t, "\r\n");
    for (unsigned i = 0; i < 100; i++)
        buf_printf(&t, "a=candidate:1 1 UDP %u 192.0.2.7 5 typ relay\r\n", i);
    assert_int_equal(sdp_parse(buf_bytes(&t), &s), 0);
    assert_int_equal(s.n_payloads, SDP_PAYLOADS_MAX);
    assert_int_equal(s.n_candidates, SDP_CANDIDATES_MAX);
    buf_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(description_names_the_relay),
        cmocka_unit_test(ipv6_is_written_as_ip6_without_brackets),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(rfc_example_takes_the_audio_stream),
        cmocka_unit_test(address_of_the_stream_wins_over_that_of_the_session),
        cmocka_unit_test(best_relay_candidate_is_the_destination),
        cmocka_unit_test(refused_stream_has_port_zero),
        cmocka_unit_test(broken_candidates_are_passed_over),
        cmocka_unit_test(what_is_not_sdp_is_refused),
        cmocka_unit_test(too_many_payloads_and_candidates_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
