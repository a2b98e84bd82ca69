/* Bounds: quotas (486), ports and total (508), and answers to strangers over UDP. */
#include "modules/turn/quota.h"
#include "turn_fixture.h"

/* Settings with a loopback address of this process alone: where every port counts, no other program may be.
 */
static struct bench *bench_alone(const char *ports, const char *more)
{
    char text[256];
    unsigned pid = (unsigned)getpid();
    snprintf(text, sizeof(text),
             "realm = \"" REALM "\"\nrelay_addresses = {\"127.%u.%u.%u\"}\nrelay_ports = \"%s\"\n%s",
             77 + pid / 65536 % 100, pid / 256 % 256, 1 + pid % 254, ports, more);
    return bench_create(text);
}

static void per_user_and_total(void **state)
{
    struct gateway gw = {0};
    struct quota *q = quota_join(&gw);
    assert_ptr_equal(quota_join(&gw), q);
    assert_int_equal(quota_take(q, BYTES("a"), 2, 3), 0);
    assert_int_equal(quota_take(q, BYTES("a"), 2, 3), 0);
    assert_int_equal(quota_take(q, BYTES("a"), 2, 3), -EDQUOT);
    assert_int_equal(quota_take(q, BYTES("b"), 2, 3), 0);
    assert_int_equal(quota_take(q, BYTES("c"), 2, 3), -ENOSPC);
    quota_give(q, BYTES("a"));
    assert_int_equal(quota_take(q, BYTES("a"), 2, 3), 0);
    quota_give(q, BYTES("nobody"));
    for (int i = 0; i < 50; i++)
        assert_int_equal(quota_take(q, BYTES("free"), 0, 0), 0);
    quota_part(&gw);
    assert_ptr_equal(gw.quota, q);
    quota_part(&gw);
    assert_null(gw.quota);
}

static unsigned allocate_from_port(struct bench *b, uint16_t port)
{
    struct reply r;
    b->from.port = port;
    bench_challenge(b);
    return bench_allocate_for(b, UINT32_MAX, &r);
}

/* RFC 8656 7.2 step 10: by user name, not by address; and the place is free again when one ends. */
static void user_quota_is_486(void **state)
{
    struct bench *b = bench_create(LOOPBACK_SETTINGS "user_allocations = 2\n");
    struct reply r;
    b->stream = false;
    assert_int_equal(allocate_from_port(b, 1001), 0);
    assert_int_equal(allocate_from_port(b, 1002), 0);
    assert_int_equal(allocate_from_port(b, 1003), 486);
    b->name = "bob";
    b->password = "other";
    assert_int_equal(allocate_from_port(b, 1004), 0);
    b->name = USER;
    b->password = PASSWORD;
    b->from.port = 1001;
    bench_challenge(b);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    assert_int_equal(allocate_from_port(b, 1003), 0);
    bench_pass(b, 600000);
    assert_int_equal(allocate_from_port(b, 1005), 0);
    bench_destroy(b);
}

static void total_is_508(void **state)
{
    struct bench *b = bench_create(LOOPBACK_SETTINGS "total_allocations = 1\n");
    b->stream = false;
    assert_int_equal(allocate_from_port(b, 1001), 0);
    b->name = "bob";
    b->password = "other";
    assert_int_equal(allocate_from_port(b, 1002), 508);
    bench_destroy(b);
}

/* Every port is given out once, then 508, and what is given back is used again. The failed ones cost no
 * quota. */
static void ports_run_out_with_508(void **state)
{
    struct bench *b = bench_alone("22200-22209", "user_allocations = 11\n");
    struct reply r;
    bool seen[10] = {false};
    b->stream = false;
    for (uint16_t i = 0; i < 10; i++) {
        assert_int_equal(allocate_from_port(b, (uint16_t)(2000 + i)), 0);
        unsigned port = bench_allocation(b)->relay.port;
        assert_in_range(port, 22200, 22209);
        assert_false(seen[port - 22200]);
        seen[port - 22200] = true;
    }
    for (uint16_t i = 0; i < 3; i++)
        assert_int_equal(allocate_from_port(b, (uint16_t)(2100 + i)), 508);
    b->from.port = 2004;
    bench_challenge(b);
    uint16_t port = bench_allocation(b)->relay.port;
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    assert_int_equal(allocate_from_port(b, 2200), 0);
    assert_int_equal(bench_allocation(b)->relay.port, port);
    bench_destroy(b);
}

/* A port that another program has is passed over. */
static void foreign_ports_are_passed_over(void **state)
{
    struct bench *b = bench_alone("22210-22211", "");
    struct sockaddr_storage ss;
    struct addr a = b->t->relays[0].bind;
    a.port = 22210;
    socklen_t n = addr_to_sockaddr(&a, &ss);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&ss, n), 0);
    b->stream = false;
    assert_int_equal(allocate_from_port(b, 1), 0);
    assert_int_equal(bench_allocation(b)->relay.port, 22211);
    assert_int_equal(allocate_from_port(b, 2), 508);
    close(fd);
    assert_int_equal(allocate_from_port(b, 2), 0);
    bench_destroy(b);
}

/* RFC 6056: the order of ports is not to be guessed. */
static void ports_are_random(void **state)
{
    struct bench *b = bench_create(LOOPBACK_SETTINGS);
    unsigned neighbours = 0, last = 0;
    b->stream = false;
    for (uint16_t i = 0; i < 40; i++) {
        assert_int_equal(allocate_from_port(b, (uint16_t)(1 + i)), 0);
        unsigned port = bench_allocation(b)->relay.port;
        neighbours += port == last + 1;
        last = port;
    }
    assert_in_range(neighbours, 0, 20);
    bench_destroy(b);
}

/* Workers share the range without a lock: each has the pairs that are its number modulo their count. */
static void workers_have_disjoint_ports(void **state)
{
    bool seen[100] = {false};
    unsigned total = 0;
    for (uint16_t id = 0; id < 3; id++) {
        struct bench *b = bench_alone("22100-22199", "");
        ports_fini(b->t);
        b->gw.n_workers = 3;
        b->w->id = id;
        assert_int_equal(ports_init(b->t), 0);
        struct relay_address *ra = ports_address(b->t, ADDR_V4);
        int fds[100];
        uint16_t ports[100];
        unsigned n = 0;
        for (; n < 100 && (fds[n] = ports_open(ra, false, &ports[n])) >= 0; n++) {
            assert_int_equal(ports[n] / 2 % 3, id);
            assert_false(seen[ports[n] - 22100]);
            seen[ports[n] - 22100] = true;
        }
        assert_int_equal(fds[n], -ENOSPC);
        total += n;
        while (n--)
            ports_close(ra, fds[n], ports[n]);
        b->w->id = 0;
        bench_destroy(b);
    }
    assert_int_equal(total, 98); /* all but those of our listeners, 22150 and 22160 */
}

/* A range smaller than the workers leaves some of them without ports: 508, no crash. */
static void no_port_at_all(void **state)
{
    struct bench *b = bench_create(LOOPBACK_SETTINGS);
    uint16_t port;
    ports_fini(b->t);
    b->gw.n_workers = 3;
    b->t->relay_ports = (struct port_range){65535, 65535}; /* pair 32767 is of worker 1 */
    assert_int_equal(ports_init(b->t), 0);
    assert_int_equal(ports_open(ports_address(b->t, ADDR_V4), false, &port), -ENOSPC);
    ports_fini(b->t);
    b->t->relay_ports = (struct port_range){65529, 65530}; /* half of pair 32764, of 1; half of 32765, of 2 */
    assert_int_equal(ports_init(b->t), 0);
    assert_int_equal(ports_open(ports_address(b->t, ADDR_V4), false, &port), -ENOSPC);
    b->gw.n_workers = 1;
    bench_destroy(b);
}

static void relay_addresses_as_written(void **state)
{
    struct relay_address ra;
    assert_true(relay_address_parse(BYTES("192.0.2.1"), &ra));
    assert_false(ra.translated);
    assert_true(relay_address_parse(BYTES("10.0.0.1/192.0.2.1"), &ra));
    assert_true(ra.translated);
    assert_true(relay_address_parse(BYTES("2001:db8::1"), &ra));
    assert_true(relay_address_parse(BYTES("0.0.0.0/192.0.2.1"), &ra));
    assert_false(relay_address_parse(BYTES(""), &ra));
    assert_false(relay_address_parse(BYTES("0.0.0.0"), &ra)); /* what would clients be told? */
    assert_false(relay_address_parse(BYTES("192.0.2.1:99"), &ra));
    assert_false(relay_address_parse(BYTES("10.0.0.1/2001:db8::1"), &ra));
    assert_false(relay_address_parse(BYTES("10.0.0.1/x"), &ra));
    assert_false(relay_address_parse(BYTES("host.example"), &ra));
}

/* Per source: one that asks too often gets silence, another is still heard; over TLS there is no such bound.
 */
static void strangers_answers_are_bounded_over_udp(void **state)
{
    struct bench *b = bench_create(LOOPBACK_SETTINGS "unauthenticated_rate = 5\n");
    struct ask a;
    b->stream = false;
    for (int i = 0; i < 20; i++) {
        ask_begin(b, &a, i & 1 ? STUN_BINDING : STUN_ALLOCATE);
        ask_send(b, &a);
    }
    assert_int_equal(b->sends, 5);
    assert_int_equal(bench_count(b, TS_DROP_RATE), 15);
    b->from = addr_text("192.0.3.1:40000");
    ask_begin(b, &a, STUN_BINDING);
    ask_send(b, &a);
    assert_int_equal(b->sends, 6);
    b->from = addr_text("192.0.2.77:40000");
    bench_pass(b, 200);
    for (int i = 0; i < 3; i++) {
        ask_begin(b, &a, STUN_BINDING);
        ask_send(b, &a);
    }
    assert_int_equal(b->sends, 7);
    b->stream = true;
    for (int i = 0; i < 20; i++) {
        ask_begin(b, &a, STUN_BINDING);
        ask_send(b, &a);
    }
    assert_int_equal(b->sends, 27);
    bench_destroy(b);
}

/* Nothing is kept for a UDP source before it has authenticated. */
static void strangers_leave_no_state(void **state)
{
    struct bench *b = bench_create(LOOPBACK_SETTINGS);
    b->stream = false;
    for (uint16_t i = 0; i < 1000; i++) {
        struct ask a;
        b->from.port = (uint16_t)(1 + i);
        ask_begin(b, &a, STUN_ALLOCATE);
        ask_send(b, &a);
    }
    assert_int_equal(b->t->by_client.count, 0);
    assert_int_equal(b->t->allocations.used, 0);
    assert_int_equal(b->w->timers.count, 0);
    bench_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(per_user_and_total),
        cmocka_unit_test(user_quota_is_486),
        cmocka_unit_test(total_is_508),
        cmocka_unit_test(ports_run_out_with_508),
        cmocka_unit_test(foreign_ports_are_passed_over),
        cmocka_unit_test(ports_are_random),
        cmocka_unit_test(workers_have_disjoint_ports),
        cmocka_unit_test(no_port_at_all),
        cmocka_unit_test(relay_addresses_as_written),
        cmocka_unit_test(strangers_answers_are_bounded_over_udp),
        cmocka_unit_test(strangers_leave_no_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
