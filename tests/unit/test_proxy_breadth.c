/* Max-Breadth: RFC 5393 5. */
#include "proxy_rig.h"

static void ask(struct rig *r, const char *headers)
{
    struct sip_hop from = rig_udp(CALLER);
    rig_request(r, &from, &(struct rig_request){.method = "INVITE", .extra = headers});
}

/* What connection `slot` was sent as its INVITE's Max-Breadth; 0: it was sent none. */
static int breadth_at(struct rig *r, uint32_t slot)
{
    for (unsigned i = 0; i < r->n; i++) {
        const char *text = r->sent[i].text;
        if (!starts(text, "INVITE") || r->sent[i].to.flow.conn.slot != slot || to_caller(r, i))
            continue;
        assert_int_equal(count_of(text, "\r\nMax-Breadth:"), 1);
        return atoi(strstr(text, "\r\nMax-Breadth:") + strlen("\r\nMax-Breadth:"));
    }
    return 0;
}

static void one_branch_takes_it_all(void **state)
{
    static const struct {
        const char *given;
        int seen;
    } cases[] = {
        {"", 60},
        {"Max-Breadth: 60\r\n", 60},
        {"Max-Breadth: 7\r\n", 7},
        {"Max-Breadth: 1\r\n", 1},
        {"Max-Breadth: 61\r\n", 60},
        {"Max-Breadth: 99999999999\r\n", 60},
        {"Max-Breadth: x\r\n", 60},
        {"Max-Breadth: 5\r\nMax-Breadth: 9\r\n", 5},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig *own = rig_create(NULL);
        own->data = calloc(1, sizeof(struct plan));
        own->handle = forward;
        target(own, rig_tls(1), 0);
        ask(own, cases[i].given);
        assert_int_equal(breadth_at(own, 1), cases[i].seen);
        struct plan *plan = own->data;
        rig_destroy(own);
        free(plan);
    }
}

static void none_left_is_440(void **state)
{
    struct rig *r = *state;
    target(r, rig_tls(1), 0);
    ask(r, "Max-Breadth: 0\r\n");
    assert_int_equal(r->n, 1);
    assert_sent(r, 0, "SIP/2.0 440 ");
}

static void a_fork_divides_it(void **state)
{
    struct rig *r = *state;
    parallel(r, 4);
    ask(r, "Max-Breadth: 10\r\n");
    int sum = 0;
    for (uint32_t slot = 1; slot <= 4; slot++) {
        assert_true(breadth_at(r, slot) >= 2);
        sum += breadth_at(r, slot);
    }
    assert_int_equal(sum, 10);
}

static void too_little_makes_the_fork_a_series(void **state)
{
    struct rig *r = *state;
    parallel(r, 3);
    ask(r, "Max-Breadth: 2\r\n");
    assert_int_equal(breadth_at(r, 1), 1);
    assert_int_equal(breadth_at(r, 2), 1);
    assert_int_equal(breadth_at(r, 3), 0);
    phone_says(r, 2, 486);
    assert_int_equal(breadth_at(r, 3), 1);
    phone_says(r, 1, 486);
    phone_says(r, 3, 404);
    assert_int_equal(sent_that_start(r, "SIP/2.0 486"), 1);
}

static void an_answer_ends_the_series(void **state)
{
    struct rig *r = *state;
    parallel(r, 2);
    ask(r, "Max-Breadth: 1\r\n");
    phone_says(r, 1, 200);
    assert_int_equal(breadth_at(r, 2), 0);
    assert_int_equal(sent_that_start(r, "SIP/2.0 200"), 1);
}

static void a_group_gives_back_what_it_had(void **state)
{
    struct rig *r = *state;
    target(r, rig_tls(1), 0);
    target(r, rig_tls(2), 1);
    ask(r, "Max-Breadth: 3\r\n");
    assert_int_equal(breadth_at(r, 1), 3);
    phone_says(r, 1, 404);
    assert_int_equal(breadth_at(r, 2), 3);
    phone_says(r, 2, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_branch_takes_it_all),
        cmocka_unit_test_setup_teardown(none_left_is_440, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fork_divides_it, setup, teardown),
        cmocka_unit_test_setup_teardown(too_little_makes_the_fork_a_series, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_ends_the_series, setup, teardown),
        cmocka_unit_test_setup_teardown(a_group_gives_back_what_it_had, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
