/* DNS responses: what is read of them, and that nothing in them does harm (RFC 1035 4.1, RFC 2782, RFC 3403).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "appliance/base/wire.h"
#include "modules/pcscf/core/dns_answer.h"
#include <cmocka.h>

/* A response that is being written: one question (QUESTION), then records. */
struct writer {
    uint8_t mem[2048];
    struct wire_out out;
    uint16_t n;
};

#define QUESTION 12 /* offset of its name, for pointers */

static void put_name(struct wire_out *o, const char *name)
{
    struct bytes rest = bytes_str(name), label;
    while (rest.n && bytes_split(&rest, '.', &label)) {
        wire_put_u8(o, (uint8_t)label.n);
        wire_put_bytes(o, label);
    }
    wire_put_u8(o, 0);
}

static void begin(struct writer *w, uint16_t flags)
{
    w->out = wire_out(w->mem, sizeof(w->mem));
    w->n = 0;
    wire_put_u16(&w->out, 0x1234);
    wire_put_u16(&w->out, flags);
    wire_put_u16(&w->out, 1);
    wire_put_u16(&w->out, 0);
    wire_put_u32(&w->out, 0);
    put_name(&w->out, "core.test");
    wire_put_u16(&w->out, 0);
    wire_put_u16(&w->out, 1);
}

/* Head of a record whose data follows; returns where its length is to be written. */
static uint8_t *record(struct writer *w, uint16_t type, uint32_t ttl)
{
    wire_put_u16(&w->out, 0xc000 | QUESTION);
    wire_put_u16(&w->out, type);
    wire_put_u16(&w->out, 1);
    wire_put_u32(&w->out, ttl);
    store_u16(w->mem + 6, ++w->n);
    uint8_t *at = w->out.p;
    wire_put_u16(&w->out, 0);
    return at;
}

static void end(struct writer *w, uint8_t *at)
{
    store_u16(at, (uint16_t)(w->out.p - at - 2));
}

static void put_a(struct writer *w, uint32_t ttl, uint8_t last)
{
    uint8_t *at = record(w, DNS_A, ttl);
    wire_put_u32(&w->out, 0x0a000000u | last);
    end(w, at);
}

static void put_srv(struct writer *w, uint16_t priority, uint16_t weight, uint16_t port, const char *target)
{
    uint8_t *at = record(w, DNS_SRV, 60);
    wire_put_u16(&w->out, priority);
    wire_put_u16(&w->out, weight);
    wire_put_u16(&w->out, port);
    put_name(&w->out, target);
    end(w, at);
}

static void put_string(struct wire_out *o, const char *s)
{
    wire_put_u8(o, (uint8_t)strlen(s));
    wire_put_bytes(o, bytes_str(s));
}

static void put_naptr(struct writer *w, const char *flags, const char *service, const char *replacement)
{
    uint8_t *at = record(w, DNS_NAPTR, 60);
    wire_put_u16(&w->out, 10);
    wire_put_u16(&w->out, 20);
    put_string(&w->out, flags);
    put_string(&w->out, service);
    put_string(&w->out, "");
    put_name(&w->out, replacement);
    end(w, at);
}

static struct dns_answer parse(const struct writer *w, enum dns_type type)
{
    struct dns_answer a;
    dns_answer_parse(bytes_of(w->mem, wire_len(&w->out)), type, &a);
    return a;
}

static void addresses_and_their_shortest_ttl(void **state)
{
    struct writer w;
    begin(&w, 0x8180);
    uint8_t *at = record(&w, DNS_CNAME, 30); /* the alias was followed; its time counts too */
    put_name(&w.out, "other.test");
    end(&w, at);
    put_a(&w, 300, 1);
    put_a(&w, 120, 2);
    struct dns_answer a = parse(&w, DNS_A);
    assert_int_equal(a.verdict, DNS_OK);
    assert_int_equal(a.n, 2);
    assert_int_equal(a.ttl, 30);
    assert_int_equal(a.records[1].addr.ip[3], 2);
    a = parse(&w, DNS_AAAA); /* an answer to another question */
    assert_int_equal(a.verdict, DNS_EMPTY);
}

static void a_ttl_of_zero_stays_the_shortest(void **state)
{
    struct writer w;
    begin(&w, 0x8180);
    put_a(&w, 0, 1);
    put_a(&w, 100, 2);
    assert_int_equal(parse(&w, DNS_A).ttl, 0);
    begin(&w, 0x8180);
    put_a(&w, 0x80000001, 1); /* RFC 2181 8: as zero */
    assert_int_equal(parse(&w, DNS_A).ttl, 0);
    begin(&w, 0x8180);
    uint8_t *at = record(&w, DNS_CNAME, 0);
    put_name(&w.out, "other.test");
    end(&w, at);
    put_a(&w, 100, 1);
    assert_int_equal(parse(&w, DNS_A).ttl, 0);
}

static void aaaa(void **state)
{
    struct writer w;
    begin(&w, 0x8180);
    uint8_t *at = record(&w, DNS_AAAA, 60);
    wire_put_zeros(&w.out, 15);
    wire_put_u8(&w.out, 1);
    end(&w, at);
    struct dns_answer a = parse(&w, DNS_AAAA);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.records[0].addr.family, ADDR_V6);
    assert_int_equal(a.records[0].addr.ip[15], 1);
}

static void srv_and_naptr(void **state)
{
    struct writer w;
    begin(&w, 0x8180);
    put_srv(&w, 1, 2, 5060, "A.Core.Test");
    put_srv(&w, 3, 4, 0, "");
    struct dns_answer a = parse(&w, DNS_SRV);
    assert_int_equal(a.n, 2);
    assert_int_equal(a.records[0].priority, 1);
    assert_int_equal(a.records[0].weight, 2);
    assert_int_equal(a.records[0].port, 5060);
    assert_string_equal(a.records[0].target, "a.core.test");
    assert_string_equal(a.records[1].target, "");
    begin(&w, 0x8180);
    put_naptr(&w, "s", "SIP+D2T", "_sip._tcp.core.test");
    put_naptr(&w, "u", "a-service-that-is-much-too-long", "x.test");
    a = parse(&w, DNS_NAPTR);
    assert_int_equal(a.n, 2);
    assert_string_equal(a.records[0].service, "SIP+D2T");
    assert_string_equal(a.records[0].flags, "s");
    assert_string_equal(a.records[0].target, "_sip._tcp.core.test");
    assert_int_equal(a.records[0].priority, 10);
    assert_int_equal(a.records[0].weight, 20);
    assert_string_equal(a.records[1].service, "");
}

static void nothing_and_failure_are_told_apart(void **state)
{
    static const struct {
        uint16_t flags;
        enum dns_verdict verdict;
    } cases[] = {{0x8180, DNS_EMPTY},
                 {0x8183, DNS_EMPTY},
                 {0x8182, DNS_FAILED},
                 {0x8185, DNS_FAILED},
                 {0x8181, DNS_FAILED},
                 {0x818f, DNS_FAILED},
                 {0x0180, DNS_FAILED /* a question */}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct writer w;
        begin(&w, cases[i].flags);
        struct dns_answer a = parse(&w, DNS_A);
        assert_int_equal(a.verdict, cases[i].verdict);
        assert_true(a.verdict != DNS_FAILED || a.why);
    }
}

static void records_that_cannot_be_used_are_passed_over(void **state)
{
    struct writer w;
    begin(&w, 0x8180);
    uint8_t *at = record(&w, DNS_A, 60); /* three bytes are no address */
    wire_put_u16(&w.out, 1);
    wire_put_u8(&w.out, 1);
    end(&w, at);
    put_a(&w, 60, 9);
    struct dns_answer a = parse(&w, DNS_A);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.records[0].addr.ip[3], 9);
    begin(&w, 0x8180);
    put_srv(&w, 1, 1, 5060, "sp ace.test");
    put_srv(&w, 1, 1, 5060, "new\nline.test");
    put_srv(&w, 1, 1, 5060, "good.test");
    a = parse(&w, DNS_SRV);
    assert_int_equal(a.n, 1);
    assert_string_equal(a.records[0].target, "good.test");
}

static void more_than_fit_are_left_out(void **state)
{
    struct writer w;
    begin(&w, 0x8180);
    for (uint8_t i = 0; i < DNS_RECORDS_MAX + 5; i++)
        put_a(&w, 60, i);
    assert_int_equal(parse(&w, DNS_A).n, DNS_RECORDS_MAX);
}

static void names_that_point_in_circles_end(void **state)
{
    struct writer w;
    begin(&w, 0x8180);
    uint8_t *at = record(&w, DNS_SRV, 60);
    wire_put_u16(&w.out, 1);
    wire_put_u16(&w.out, 1);
    wire_put_u16(&w.out, 5060);
    uint16_t here = (uint16_t)wire_len(&w.out);
    wire_put_u16(&w.out, 0xc000 | here); /* itself */
    end(&w, at);
    assert_int_equal(parse(&w, DNS_SRV).n, 0);
    begin(&w, 0x8180);
    at = record(&w, DNS_SRV, 60);
    wire_put_u32(&w.out, 0);
    wire_put_u16(&w.out, 5060);
    here = (uint16_t)wire_len(&w.out);
    put_string(&w.out, "a");
    wire_put_u16(&w.out, 0xc000 | here); /* a.a.a.a... */
    end(&w, at);
    assert_int_equal(parse(&w, DNS_SRV).n, 0);
}

static void a_name_that_is_too_long_is_none(void **state)
{
    char name[400] = "";
    struct writer w;
    for (int i = 0; i < 6; i++) {
        memset(name + strlen(name), 'a', 60);
        strcat(name, ".");
    }
    begin(&w, 0x8180);
    put_srv(&w, 1, 1, 5060, name);
    assert_int_equal(parse(&w, DNS_SRV).n, 0);
}

static void every_cut_is_refused_or_harmless(void **state)
{
    struct writer w;
    begin(&w, 0x8180);
    put_srv(&w, 1, 2, 5060, "a.core.test");
    put_naptr(&w, "s", "SIP+D2T", "_sip._tcp.core.test");
    size_t n = wire_len(&w.out);
    for (size_t cut = 0; cut < n; cut++) {
        struct dns_answer a;
        dns_answer_parse(bytes_of(w.mem, cut), DNS_SRV, &a);
        assert_int_equal(a.verdict, DNS_FAILED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_their_shortest_ttl),
        cmocka_unit_test(a_ttl_of_zero_stays_the_shortest),
        cmocka_unit_test(aaaa),
        cmocka_unit_test(srv_and_naptr),
        cmocka_unit_test(nothing_and_failure_are_told_apart),
        cmocka_unit_test(records_that_cannot_be_used_are_passed_over),
        cmocka_unit_test(more_than_fit_are_left_out),
        cmocka_unit_test(names_that_point_in_circles_end),
        cmocka_unit_test(a_name_that_is_too_long_is_none),
        cmocka_unit_test(every_cut_is_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
