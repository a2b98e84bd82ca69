#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/edit.h"
#include "sip_text.h"
#include <errno.h>

#define START "INVITE sip:bob@biloxi.com SIP/2.0\r\n"
#define V1    "Via: SIP/2.0/TLS a.com;branch=z9hG4bK1;rport, SIP/2.0/UDP b.com\r\n"
#define V2    "v: SIP/2.0/TCP c.com\r\n"
#define R1    "Route: <sip:r1;lr> , <sip:r2;lr>,<sip:r3;lr>\r\n"
#define R2    "Route: <sip:r4;lr>\r\n"
#define MF    "Max-Forwards: 70\r\n"
#define PARTY "To: <sip:b@c>\r\nFrom: <sip:a@b>;tag=1\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
#define SUP   "Supported: path, outbound,\r\n gruu\r\n"
#define LEN   "Content-Length: 4\r\n"
#define TEXT  START V1 R1 V2 MF R2 PARTY SUP LEN "\r\nbody"

static struct sip_msg m;
static struct sip_edit e;

static int setup(void **state)
{
    struct sip_fault fault;
    if (sip_msg_parse(&m, BYTES(TEXT), SIP_STREAM, &fault) < 0)
        return -1;
    sip_edit_init(&e, &m);
    return 0;
}

static void expect(const char *want)
{
    struct buf out;
    struct iovec iov[300];
    buf_init(&out);
    assert_int_equal(sip_edit_apply(&e, &out), 0);
    assert_int_equal(sip_edit_size(&e), strlen(want));
    int n = sip_edit_iov(&e, iov, 300);
    assert_true(n >= 0);
    size_t at = 0;
    for (int i = 0; i < n; at += iov[i++].iov_len)
        assert_memory_equal(iov[i].iov_base, buf_bytes(&out).p + at, iov[i].iov_len);
    assert_int_equal(at, buf_len(&out));
    buf_append(&out, BYTES("\0"));
    assert_string_equal((const char *)buf_bytes(&out).p, want);
    buf_fini(&out);
}

static void nothing_changed_is_the_same_bytes(void **state)
{
    expect(TEXT);
    assert_int_equal(sip_edit_iov(&e, NULL, 0), -E2BIG);
}

static void the_request_uri(void **state)
{
    sip_edit_ruri(&e, BYTES("sip:bob@192.0.2.4"));
    expect("INVITE sip:bob@192.0.2.4 SIP/2.0\r\n" V1 R1 V2 MF R2 PARTY SUP LEN "\r\nbody");
}

/* RFC 3261 16.6 4: the last pushed Record-Route is the topmost; a Via stands above all Vias. */
static void pushes_stand_above(void **state)
{
    sip_edit_push(&e, SIP_H_RECORD_ROUTE, BYTES("<sip:one;lr>"));
    sip_edit_push(&e, SIP_H_RECORD_ROUTE, BYTES("<sip:two;lr>"));
    sip_edit_push(&e, SIP_H_ROUTE, BYTES("<sip:r0;lr>"));
    sip_edit_push(&e, SIP_H_VIA, BYTES("SIP/2.0/UDP me;branch=z9hG4bK2"));
    expect(START "Via: SIP/2.0/UDP me;branch=z9hG4bK2\r\nRecord-Route: <sip:two;lr>\r\nRecord-Route: "
                 "<sip:one;lr>\r\n" V1 "Route: <sip:r0;lr>\r\n" R1 V2 MF R2 PARTY SUP LEN "\r\nbody");
}

static void additions_stand_below(void **state)
{
    sip_edit_add(&e, SIP_H_ROUTE, BYTES("<sip:r5>"));
    sip_edit_add(&e, SIP_H_ROUTE, BYTES("<sip:r6>"));
    sip_edit_add(&e, SIP_H_REQUIRE, BYTES("path"));
    sip_edit_add_named(&e, BYTES("X-Own"), BYTES("1"));
    expect(START V1 R1 V2 MF R2 "Route: <sip:r5>\r\nRoute: <sip:r6>\r\n" PARTY SUP LEN
                                "Require: path\r\nX-Own: 1\r\n\r\nbody");
}

static void sets_and_removes(void **state)
{
    sip_edit_set(&e, SIP_H_ROUTE, BYTES("<sip:only>"));
    sip_edit_set(&e, SIP_H_EXPIRES, BYTES("5"));
    sip_edit_remove(&e, SIP_H_VIA);
    sip_edit_remove(&e, SIP_H_PATH);
    expect(START "Route: <sip:only>\r\n" MF PARTY SUP LEN "Expires: 5\r\n\r\nbody");
}

static void pops_one(void **state)
{
    sip_edit_pop(&e, SIP_H_VIA, 1);
    sip_edit_pop(&e, SIP_H_ROUTE, 2);
    expect(START "Via: SIP/2.0/UDP b.com\r\nRoute: <sip:r3;lr>\r\n" V2 MF R2 PARTY SUP LEN "\r\nbody");
}

static void pops_over_lines(void **state)
{
    sip_edit_pop(&e, SIP_H_VIA, 2);
    sip_edit_pop(&e, SIP_H_ROUTE, 99);
    expect(START V2 MF PARTY SUP LEN "\r\nbody");
}

static void pop_and_push_together(void **state)
{
    sip_edit_pop(&e, SIP_H_ROUTE, 3);
    sip_edit_push(&e, SIP_H_ROUTE, BYTES("<sip:new>"));
    sip_edit_pop(&e, SIP_H_VIA, 0);
    expect(START V1 "Route: <sip:new>\r\n" V2 MF R2 PARTY SUP LEN "\r\nbody");
}

static void removes_any_values(void **state)
{
    static const struct {
        uint64_t which;
        const char *want;
    } rows[] = {
        {0, R1},
        {1, "Route: <sip:r2;lr>,<sip:r3;lr>\r\n"},
        {2, "Route: <sip:r1;lr> , <sip:r3;lr>\r\n"},
        {4, "Route: <sip:r1;lr> , <sip:r2;lr>\r\n"},
        {3, "Route: <sip:r3;lr>\r\n"},
        {5, "Route: <sip:r2;lr>\r\n"},
        {6, "Route: <sip:r1;lr>\r\n"},
        {7, ""},
    };
    char want[600];
    for (size_t i = 0; i < 8; i++) {
        setup(state);
        sip_edit_remove_values(&e, sip_msg_first(&m, SIP_H_ROUTE), rows[i].which);
        snprintf(want, sizeof(want), "%s%s%s", START V1, rows[i].want, V2 MF R2 PARTY SUP LEN "\r\nbody");
        expect(want);
    }
}

static void removes_tokens(void **state)
{
    sip_edit_remove_token(&e, SIP_H_SUPPORTED, BYTES("OUTBOUND"));
    expect(START V1 R1 V2 MF R2 PARTY "Supported: path, gruu\r\n" LEN "\r\nbody");
    setup(state);
    sip_edit_remove_token(&e, SIP_H_SUPPORTED, BYTES("none"));
    expect(TEXT);
}

static void hops(void **state)
{
    sip_edit_max_forwards(&e);
    expect(START V1 R1 V2 "Max-Forwards: 69\r\n" R2 PARTY SUP LEN "\r\nbody");
    setup(state);
    m.max_forwards = -1;
    m.first[SIP_H_MAX_FORWARDS] = SIP_NO_HEADER;
    sip_edit_max_forwards(&e);
    expect(START V1 R1 V2 MF R2 PARTY SUP LEN "Max-Forwards: 70\r\n\r\nbody");
}

static void via_source(void **state)
{
    struct addr a;
    assert_true(addr_parse(BYTES("192.0.2.9:4711"), 0, &a));
    sip_edit_via_source(&e, &a);
    sip_edit_push(&e, SIP_H_VIA, BYTES("SIP/2.0/UDP me"));
    expect(START
           "Via: SIP/2.0/UDP me\r\n"
           "Via: SIP/2.0/TLS a.com;branch=z9hG4bK1;received=192.0.2.9;rport=4711, SIP/2.0/UDP b.com\r\n" R1 V2
               MF R2 PARTY SUP LEN "\r\nbody");
}

static void parameters(void **state)
{
    sip_edit_param(&e, m.from.params, BYTES("tag"), BYTES("22"));
    sip_edit_param(&e, m.from.params, BYTES("x"), BYTES("y"));
    sip_edit_param(&e, m.to.params, BYTES("tag"), BYTES("7"));
    sip_edit_param(&e, m.via.params, BYTES("rport"), BYTES("9"));
    sip_edit_param(&e, m.via.params, BYTES("branch"), BYTES(""));
    expect(START
           "Via: SIP/2.0/TLS a.com;branch;rport=9, SIP/2.0/UDP b.com\r\n" R1 V2 MF R2
           "To: <sip:b@c>;tag=7\r\nFrom: <sip:a@b>;tag=22;x=y\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n" SUP LEN
           "\r\nbody");
}

static void bodies(void **state)
{
    sip_edit_body(&e, BYTES("a/b"), BYTES("new body"));
    expect(START V1 R1 V2 MF R2 PARTY SUP "Content-Length: 8\r\nContent-Type: a/b\r\n\r\nnew body");
    setup(state);
    sip_edit_body(&e, BYTES_NONE, BYTES_NONE);
    expect(START V1 R1 V2 MF R2 PARTY SUP "Content-Length: 0\r\n\r\n");
    setup(state);
    sip_edit_need_length(&e);
    expect(TEXT);
}

static void what_is_cut_takes_its_edits_along(void **state)
{
    sip_edit_param(&e, m.from.params, BYTES("x"), BYTES("y"));
    sip_edit_remove(&e, SIP_H_FROM);
    sip_edit_remove(&e, SIP_H_FROM);
    expect(START V1 R1 V2 MF R2 "To: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n" SUP LEN "\r\nbody");
}

static void mistakes_never_reach_the_wire(void **state)
{
    struct buf out;
    buf_init(&out);
    sip_edit_replace(&e, BYTES("elsewhere"), BYTES("x"));
    assert_int_equal(sip_edit_apply(&e, &out), -EINVAL);
    setup(state);
    sip_edit_replace(&e, bytes_of(m.raw.p + 10, 10), BYTES("x"));
    sip_edit_replace(&e, bytes_of(m.raw.p + 15, 10), BYTES("y"));
    assert_int_equal(sip_edit_apply(&e, &out), -EINVAL);
    assert_int_equal(sip_edit_size(&e), 0);
    setup(state);
    sip_edit_replace(&e, bytes_of(m.raw.p + m.raw.n - 1, 2), BYTES("x"));
    assert_int_equal(sip_edit_iov(&e, NULL, 0), -EINVAL);
    setup(state);
    for (int i = 0; i <= SIP_EDITS_MAX; i++)
        sip_edit_cut(&e, bytes_of(m.raw.p + i, 1));
    assert_int_equal(sip_edit_apply(&e, &out), -ENOSPC);
    setup(state);
    assert_int_equal(sip_edit_text(&e, "%*s", SIP_EDIT_SCRATCH, "x").n, 0);
    assert_int_equal(sip_edit_apply(&e, &out), -ENOSPC);
    assert_int_equal(buf_len(&out), 0);
    buf_fini(&out);
}

static void no_room_for_the_result(void **state)
{
    uint8_t mem[32];
    struct buf out;
    buf_fixed(&out, mem, sizeof(mem));
    assert_int_equal(sip_edit_apply(&e, &out), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_changed_is_the_same_bytes, setup),
        cmocka_unit_test_setup(the_request_uri, setup),
        cmocka_unit_test_setup(pushes_stand_above, setup),
        cmocka_unit_test_setup(additions_stand_below, setup),
        cmocka_unit_test_setup(sets_and_removes, setup),
        cmocka_unit_test_setup(pops_one, setup),
        cmocka_unit_test_setup(pops_over_lines, setup),
        cmocka_unit_test_setup(pop_and_push_together, setup),
        cmocka_unit_test_setup(removes_any_values, setup),
        cmocka_unit_test_setup(removes_tokens, setup),
        cmocka_unit_test_setup(hops, setup),
        cmocka_unit_test_setup(via_source, setup),
        cmocka_unit_test_setup(parameters, setup),
        cmocka_unit_test_setup(bodies, setup),
        cmocka_unit_test_setup(what_is_cut_takes_its_edits_along, setup),
        cmocka_unit_test_setup(mistakes_never_reach_the_wire, setup),
        cmocka_unit_test_setup(no_room_for_the_result, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
