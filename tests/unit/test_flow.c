/* flow: the fixed form for tokens, and the spelling of door.listen. */
#include "mux/flow.h"
#include "mux/listen_spec.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* last */
#include <cmocka.h>

static struct addr at(const char *text)
{
    struct addr a;
    assert_true(addr_parse(bytes_str(text), 0, &a));
    return a;
}

static void assert_round_trip(const struct flow *f)
{
    uint8_t packed[FLOW_WIRE];
    struct flow back;
    flow_pack(f, packed);
    assert_true(flow_unpack(bytes_of(packed, sizeof packed), &back));
    assert_true(flow_eq(f, &back));
}

static void packs_and_unpacks(void **state)
{
    struct flow f = {.transport = TRANSPORT_TLS,
                     .conn = {.worker = 63, .gen = 0xfffffffe, .slot = 0x01020304}};
    f.peer = at("[2001:db8::1]:5061");
    assert_round_trip(&f);
    f.peer.scope = 3;
    assert_round_trip(&f);
    f = (struct flow){.transport = TRANSPORT_UDP, .udp_index = 65535, .conn = {.worker = 1}};
    f.peer = at("192.0.2.1:5060");
    assert_round_trip(&f);
}

static void every_part_counts(void **state)
{
    uint8_t packed[FLOW_WIRE];
    struct flow f = {.transport = TRANSPORT_TLS, .udp_index = 5, .conn = {.worker = 1, .gen = 2, .slot = 3}},
                g;
    f.peer = at("[2001:db8::1]:5061");
    flow_pack(&f, packed);
    for (size_t i = 0; i < FLOW_WIRE; i++) {
        packed[i] ^= 1;
        if (flow_unpack(bytes_of(packed, FLOW_WIRE), &g))
            assert_false(flow_eq(&f, &g));
        packed[i] ^= 1;
    }
}

static void refuses_what_is_no_flow(void **state)
{
    uint8_t packed[FLOW_WIRE + 1] = {0};
    struct flow f = {.transport = TRANSPORT_TCP, .peer = at("192.0.2.1:1")}, g;
    assert_false(flow_unpack(bytes_of(packed, FLOW_WIRE), &g)); /* transport none */
    flow_pack(&f, packed);
    assert_true(flow_unpack(bytes_of(packed, FLOW_WIRE), &g));
    assert_false(flow_unpack(bytes_of(packed, FLOW_WIRE - 1), &g));
    assert_false(flow_unpack(bytes_of(packed, FLOW_WIRE + 1), &g));
    packed[0] = TRANSPORT_TLS + 1;
    assert_false(flow_unpack(bytes_of(packed, FLOW_WIRE), &g));
    packed[0] = TRANSPORT_TCP;
    packed[13] = 5; /* family */
    assert_false(flow_unpack(bytes_of(packed, FLOW_WIRE), &g));
}

static void to_a_worker_that_is_not(void **state)
{
    struct gateway gw;
    memset(&gw, 0, sizeof gw);
    gw.n_workers = 1;
    struct worker *w = worker_create(&gw, 0);
    struct flow f = {.transport = TRANSPORT_TLS, .conn = {.worker = 7, .gen = 1}, .peer = at("192.0.2.1:1")};
    assert_int_equal(flow_send(w, &f, BYTES("x")), -ENOTCONN);
    f.conn.worker = 0; /* here, but there is no door */
    assert_int_equal(flow_send(w, &f, BYTES("x")), -ENOTCONN);
    assert_false(flow_alive(w, &f));
    f.transport = TRANSPORT_UDP;
    assert_int_equal(flow_send(w, &f, BYTES("x")), -ENOTCONN);
    assert_true(flow_alive(w, &f));
    assert_null(udp_port_get(w, 0));
    f.transport = TRANSPORT_NONE;
    assert_int_equal(flow_send(w, &f, BYTES("x")), -ENOTCONN);
    worker_destroy(w);
}

/* A worker that lags opens its letters late: what waits for it is bounded. */
static void to_a_worker_that_lags(void **state)
{
    struct gateway gw;
    static uint8_t big[1 << 20];
    memset(&gw, 0, sizeof gw);
    gw.n_workers = 2;
    struct worker *w = worker_create(&gw, 0), *late = worker_create(&gw, 1);
    struct flow f = {.transport = TRANSPORT_TLS, .conn = {.worker = 1, .gen = 1}, .peer = at("192.0.2.1:1")};
    for (unsigned i = 0; i < WORKER_MAIL_MAX / sizeof big; i++)
        assert_int_equal(flow_send(w, &f, bytes_of(big, sizeof big)), 0);
    assert_int_equal(flow_send(w, &f, BYTES("x")), -ENOBUFS);
    worker_turn(late);
    assert_int_equal(flow_send(w, &f, BYTES("x")), 0);
    worker_turn(late);
    assert_int_equal(atomic_load(&late->mail), 0);
    worker_destroy(w);
    worker_destroy(late);
}

static size_t no_data(struct conn *c, struct bytes in)
{
    return in.n;
}
static void no_datagram(struct udp_port *u, const struct addr *from, struct bytes in) {}
static const struct module sip = {.name = "sip", .data = no_data, .datagram = no_datagram};
static const struct module http = {.name = "http", .data = no_data};
static const struct module *const modules[] = {&sip, &http, NULL};

static void listen_entries(void **state)
{
    struct listen_spec s;
    const char *why;
    assert_true(listen_parse("tls://*:443", modules, &s, &why));
    assert_true(s.star && s.transport == TRANSPORT_TLS && !s.module && s.addr.port == 443);
    assert_true(listen_parse("sip+udp://[2001:db8::1]:5060", modules, &s, &why));
    assert_true(!s.star && s.transport == TRANSPORT_UDP && s.module == &sip && s.addr.family == ADDR_V6);
    assert_true(listen_parse("sip+tcp://192.0.2.1:5060", modules, &s, &why));
    assert_true(s.transport == TRANSPORT_TCP && s.addr.port == 5060);
}

static void bad_listen_entries(void **state)
{
    static const char *const bad[] = {
        "",           "*:443",          "tls:/*:443",       "tls://",         "tls://*",
        "tls://*:0",  "tls://*:65536",  "tls://1.2.3.4",    "tls://host:443", "quic://*:443",
        "udp://*:53", "http+udp://*:1", "fax+tls://*:5061", "+tls://*:5061",  "tls://*:443x",
    };
    struct listen_spec s;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *why = NULL;
        assert_false(listen_parse(bad[i], modules, &s, &why));
        assert_non_null(why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_and_unpacks),       cmocka_unit_test(every_part_counts),
        cmocka_unit_test(refuses_what_is_no_flow), cmocka_unit_test(to_a_worker_that_is_not),
        cmocka_unit_test(to_a_worker_that_lags),   cmocka_unit_test(listen_entries),
        cmocka_unit_test(bad_listen_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
