/* From a URI to addresses: what is asked in which order, and what is made of the answers (RFC 3263 4.1, 4.2),
 * with a resolver that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "modules/pcscf/core/core_lookup.h"
#include "scripted_dns.h"
#include <cmocka.h>

#define ALL (1u << TRANSPORT_UDP | 1u << TRANSPORT_TCP | 1u << TRANSPORT_TLS)

static struct {
    unsigned n;
    enum dns_verdict verdict;
    char text[2048]; /* "UDP 10.0.0.1:5060 rank/weight|" */
    uint32_t ttl;
    char why[128];
} done;

static void on_done(struct core_lookup *l, enum dns_verdict verdict)
{
    done.n++;
    done.verdict = verdict;
    done.ttl = l->ttl;
    done.text[0] = '\0';
    snprintf(done.why, sizeof(done.why), "%s", l->why ? l->why : "");
    for (unsigned i = 0; i < l->targets.n; i++) {
        const struct core_target *t = &l->targets.items[i];
        char addr[ADDR_TEXT];
        size_t n = strlen(done.text);
        addr_format(&t->addr, addr);
        snprintf(done.text + n, sizeof(done.text) - n, "%s %s %x/%u|", transport_name(t->transport), addr,
                 (unsigned)t->rank, t->weight);
    }
}

static struct core_uri uri;
static struct core_lookup lookup;
static struct scripted_dns dns;

static void begin(const char *text, const struct scripted_line *lines, unsigned transports)
{
    const char *why = "";
    memset(&done, 0, sizeof(done));
    if (!core_uri_parse(bytes_str(text), &uri, &why))
        fail_msg("%s: %s", text, why);
    dns = scripted_dns(lines);
    lookup = (struct core_lookup){
        .uri = &uri, .resolver = &dns.pub, .transports = transports, .v4_first = true, .done = on_done};
    core_lookup_start(&lookup);
}

static void look_up(const char *text, const struct scripted_line *lines, unsigned transports)
{
    begin(text, lines, transports);
    for (int i = 0; i < 100 && scripted_answer(&dns); i++) {
    }
    assert_int_equal(done.n, 1);
}

static void expect(const char *asked, const char *targets, uint32_t ttl)
{
    assert_string_equal(dns.asked, asked);
    assert_string_equal(done.text, targets);
    assert_int_equal(done.verdict, DNS_OK);
    assert_int_equal(done.ttl, ttl);
}

#define NO_MORE                                                                                              \
    {                                                                                                        \
        0, NULL, 0, NULL                                                                                     \
    }

static void a_literal_asks_nobody(void **state)
{
    static const struct scripted_line none[] = {NO_MORE};
    look_up("tls:10.0.0.1", none, ALL);
    expect("", "TLS 10.0.0.1:5061 0/0|", UINT32_MAX);
    look_up("udp:10.0.0.1", none, ALL & ~(1u << TRANSPORT_UDP)); /* we have no listener for it */
    assert_int_equal(done.verdict, DNS_EMPTY);
}

static const struct scripted_line full[] = {
    {DNS_NAPTR, "core.test", 300,
     "20 10 s SIP+D2U _sip._udp.core.test, 10 20 s SIP+D2T _sip._tcp.core.test, 10 10 s SIPS+D2T "
     "_sips._tcp.core.test, 1 1 s SIP+D2S _sip._sctp.core.test, 5 5 u SIP+D2U x.test"},
    {DNS_SRV, "_sips._tcp.core.test", 200,
     "10 60 5061 a.core.test, 10 40 5062 b.core.test, 20 0 5061 c.core.test"},
    {DNS_SRV, "_sip._tcp.core.test", 400, "1 1 5060 a.core.test"},
    {DNS_SRV, "_sip._udp.core.test", 400, "1 1 5060 a.core.test"},
    {DNS_A, "a.core.test", 100, "10.0.0.2, 10.0.0.1"},
    {DNS_AAAA, "a.core.test", 90, "2001:db8::1"},
    {DNS_A, "b.core.test", 100, "10.0.0.3"},
    {DNS_A, "c.core.test", 100, "10.0.0.4"},
    NO_MORE};

static void naptr_orders_the_transports_and_srv_the_hosts(void **state)
{
    look_up("dns:core.test", full, ALL);
    /* order before preference; what we cannot speak, and what is no SRV, is passed over */
    expect("NAPTR core.test|SRV _sips._tcp.core.test|SRV _sip._tcp.core.test|SRV _sip._udp.core.test|"
           "A a.core.test|AAAA a.core.test|A b.core.test|AAAA b.core.test|A c.core.test|AAAA c.core.test|"
           "A a.core.test|AAAA a.core.test|A a.core.test|AAAA a.core.test|",
           "TLS 10.0.0.1:5061 1000a/0|TLS 10.0.0.2:5061 1000a/60|TLS 10.0.0.3:5062 1000a/40|"
           "TLS [2001:db8::1]:5061 1000a/0|TLS 10.0.0.4:5061 10014/0|"
           "TCP 10.0.0.1:5060 20001/0|TCP 10.0.0.2:5060 20001/1|TCP [2001:db8::1]:5060 20001/0|"
           "UDP 10.0.0.1:5060 30001/0|UDP 10.0.0.2:5060 30001/1|UDP [2001:db8::1]:5060 30001/0|",
           90);
}

static void sips_takes_nothing_but_tls(void **state)
{
    look_up("sips:core.test", full, ALL);
    assert_null(strstr(done.text, "TCP"));
    assert_null(strstr(done.text, "UDP"));
    assert_non_null(strstr(done.text, "TLS 10.0.0.3:5062"));
}

static void a_transport_that_was_written_skips_naptr(void **state)
{
    look_up("sip:core.test;transport=tcp", full, ALL);
    expect("SRV _sip._tcp.core.test|A a.core.test|AAAA a.core.test|",
           "TCP 10.0.0.1:5060 10001/0|TCP 10.0.0.2:5060 10001/1|TCP [2001:db8::1]:5060 10001/0|", 90);
}

static void a_port_that_was_written_skips_srv(void **state)
{
    look_up("sip:b.core.test:5099", full, ALL);
    expect("A b.core.test|AAAA b.core.test|", "UDP 10.0.0.3:5099 0/0|", 100);
}

static void without_naptr_srv_is_asked_for_each_transport(void **state)
{
    static const struct scripted_line lines[] = {{DNS_SRV, "_sip._tcp.core.test", 50, "1 1 5070 a.core.test"},
                                                 {DNS_A, "a.core.test", 60, "10.0.0.1"},
                                                 NO_MORE};
    look_up("dns:core.test", lines, ALL);
    expect("NAPTR core.test|SRV _sip._udp.core.test|SRV _sip._tcp.core.test|SRV _sips._tcp.core.test|"
           "A a.core.test|AAAA a.core.test|",
           "TCP 10.0.0.1:5070 10001/1|", 50);
}

static void without_srv_the_name_is_the_host(void **state)
{
    static const struct scripted_line lines[] = {{DNS_A, "core.test", 60, "10.0.0.1"}, NO_MORE};
    look_up("dns:core.test", lines, ALL);
    assert_string_equal(done.text, "UDP 10.0.0.1:5060 0/0|");
    look_up("dns:core.test", lines, ALL & ~(1u << TRANSPORT_UDP)); /* RFC 3263 4.1 would take UDP */
    assert_string_equal(done.text, "TCP 10.0.0.1:5060 0/0|");
    look_up("sips:core.test", lines, ALL);
    assert_string_equal(done.text, "TLS 10.0.0.1:5061 0/0|");
    look_up("tls:core.test", lines, ALL);
    assert_string_equal(done.text, "TLS 10.0.0.1:5061 0/0|");
}

static void a_root_target_says_decidedly_not_here(void **state)
{
    static const struct scripted_line lines[] = {{DNS_SRV, "_sip._tcp.core.test", 50, "0 0 0 ."}, NO_MORE};
    look_up("tcp:core.test", lines, ALL);
    assert_int_equal(done.verdict, DNS_EMPTY);
}

static void a_failure_ends_it(void **state)
{
    static const struct scripted_line naptr[] = {{DNS_NAPTR, "core.test", 0, NULL}, NO_MORE};
    static const struct scripted_line srv[] = {{DNS_SRV, "_sip._tcp.core.test", 0, NULL}, NO_MORE};
    static const struct scripted_line host[] = {
        {DNS_A, "core.test", 0, NULL}, {DNS_AAAA, "core.test", 0, NULL}, NO_MORE};
    static const struct scripted_line *const scripts[] = {naptr, srv, host};
    static const char *const uris[] = {"dns:core.test", "tcp:core.test", "tcp:core.test:5060"};
    for (size_t i = 0; i < 3; i++) {
        look_up(uris[i], scripts[i], ALL);
        assert_int_equal(done.verdict, DNS_FAILED);
        assert_string_equal(done.why, "no DNS server answered");
    }
}

/* Servers that know nothing of AAAA. */
static void one_kind_of_address_is_enough(void **state)
{
    static const struct scripted_line lines[] = {
        {DNS_A, "core.test", 60, "10.0.0.1"}, {DNS_AAAA, "core.test", 0, NULL}, NO_MORE};
    look_up("tcp:core.test:5060", lines, ALL);
    assert_int_equal(done.verdict, DNS_OK);
    assert_true(lookup.partial);
    assert_string_equal(done.text, "TCP 10.0.0.1:5060 0/0|");
}

static void what_cannot_be_asked_is_a_failure(void **state)
{
    static const struct scripted_line none[] = {NO_MORE};
    begin("dns:core.test", none, ALL);
    dns.refuses = true;
    scripted_answer(&dns);
    assert_int_equal(done.n, 1);
    assert_int_equal(done.verdict, DNS_FAILED);
    lookup.resolver = NULL;
    core_lookup_start(&lookup);
    assert_int_equal(done.verdict, DNS_FAILED);
}

static void one_that_was_stopped_says_nothing(void **state)
{
    begin("dns:core.test", full, ALL);
    core_lookup_stop(&lookup);
    assert_false(scripted_answer(&dns));
    assert_int_equal(done.n, 0);
    core_lookup_start(&lookup); /* and may begin again */
    while (scripted_answer(&dns)) {
    }
    assert_int_equal(done.verdict, DNS_OK);
}

static void more_than_fit_are_left_out(void **state)
{
    static const struct scripted_line lines[] = {
        {DNS_A, "core.test", 60,
         "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6,10.0.0.7,10.0.0.8,10.0.0.9,10.0.0.10"},
        {DNS_AAAA, "core.test", 60,
         "2001:db8::1,2001:db8::2,2001:db8::3,2001:db8::4,2001:db8::5,2001:db8::6,"
         "2001:db8::7,2001:db8::8,2001:db8::9,2001:db8::a"},
        NO_MORE};
    look_up("tcp:core.test:5060", lines, ALL);
    assert_int_equal(lookup.targets.n, CORE_TARGETS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_literal_asks_nobody),
        cmocka_unit_test(naptr_orders_the_transports_and_srv_the_hosts),
        cmocka_unit_test(sips_takes_nothing_but_tls),
        cmocka_unit_test(a_transport_that_was_written_skips_naptr),
        cmocka_unit_test(a_port_that_was_written_skips_srv),
        cmocka_unit_test(without_naptr_srv_is_asked_for_each_transport),
        cmocka_unit_test(without_srv_the_name_is_the_host),
        cmocka_unit_test(a_root_target_says_decidedly_not_here),
        cmocka_unit_test(a_failure_ends_it),
        cmocka_unit_test(one_kind_of_address_is_enough),
        cmocka_unit_test(what_cannot_be_asked_is_a_failure),
        cmocka_unit_test(one_that_was_stopped_says_nothing),
        cmocka_unit_test(more_than_fit_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
