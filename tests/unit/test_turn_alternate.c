/* ALTERNATE-SERVER: RFC 8489 10, RFC 8656 7.2 step 11. */
#include "turn_fixture.h"

#define FULL                                                                                                 \
    LOOPBACK_SETTINGS "total_allocations = 1\nalternate_servers = {\"[2001:db8::7]:5349\", \"192.0.2.7\", "  \
                      "\"192.0.2.8\"}\n"
#define ALWAYS FULL "alternate_when = always\nalternate_domain = \"two.example.org\"\n"

static int setup(void **state)
{
    *state = bench_create(FULL);
    return 0;
}

static void another_client(struct bench *b, const char *from)
{
    b->stream = false;
    b->from = addr_text(from);
    bench_challenge(b);
}

/* The nth ALTERNATE-SERVER is that one. */
static void assert_alternate(const struct reply *r, unsigned nth, const char *want)
{
    struct stun_attr attr;
    struct addr got, expected = addr_text(want);
    for (size_t cursor = 0; stun_next(&r->m, &cursor, &attr);) {
        if (attr.type != STUN_A_ALTERNATE_SERVER || nth--)
            continue;
        assert_true(stun_address_decode(attr.value, &got));
        assert_true(addr_eq(&got, &expected));
        return;
    }
    fail_msg("no ALTERNATE-SERVER %s", want);
}

static void nobody_is_sent_away_while_there_is_room(void **state)
{
    bench_allocate(*state);
}

/* Its own family first, then the other; a port of 443 where none is written. The answer is signed. */
static void the_next_is_sent_away_when_full(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct user_key key;
    bench_allocate(b);
    another_client(b, "192.0.2.99:1234");
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 300);
    assert_alternate(&r, 0, "192.0.2.7:443");
    assert_alternate(&r, 1, "[2001:db8::7]:5349");
    assert_false(stun_has(&r.m, STUN_A_ALTERNATE_DOMAIN));
    assert_int_equal(user_key_derive(BYTES(REALM), BYTES(USER), BYTES(PASSWORD), &key), 0);
    assert_true(stun_integrity_ok(&r.m, bytes_of(key.md5, 16)));
    another_client(b, "[2001:db8::99]:1234");
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 300);
    assert_alternate(&r, 0, "[2001:db8::7]:5349");
    assert_alternate(&r, 1, "192.0.2.7:443");
    assert_int_equal(bench_count(b, TS_REDIRECTED), 2);
    assert_int_equal(bench_count(b, TS_ERROR_300), 2);
}

/* RFC 8489 10: a server of the client's own family is a must. */
static void no_server_of_that_family_is_508(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_reload(b, LOOPBACK_SETTINGS "total_allocations = 1\nalternate_servers = {\"192.0.2.7\"}\n");
    bench_allocate(b);
    another_client(b, "[2001:db8::99]:1234");
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 508);
}

static void all_are_sent_away_when_told_so(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct bytes v;
    struct addr peer = addr_text("127.0.0.1:9");
    bench_allocate(b);
    bench_reload(b, ALWAYS);
    /* What stands here stays. */
    assert_int_equal(bench_refresh(b, 600, &r), 0);
    assert_int_equal(bench_permit(b, &peer), 0);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 437);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 300);
    assert_alternate(&r, 0, "192.0.2.7:443");
    assert_true(stun_find(&r.m, STUN_A_ALTERNATE_DOMAIN, &v));
    assert_true(bytes_eq(v, BYTES("two.example.org")));
    assert_null(bench_allocation(b));
}

/* Who cannot prove who he is learns no other server either. */
static void strangers_get_401(void **state)
{
    struct bench *b = *state;
    struct reply r;
    bench_reload(b, ALWAYS);
    bench_challenge(b);
    b->password = "wrong";
    assert_int_equal(bench_allocate_for(b, UINT32_MAX, &r), 401);
    assert_false(stun_has(&r.m, STUN_A_ALTERNATE_SERVER));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        T(nobody_is_sent_away_while_there_is_room),
        T(the_next_is_sent_away_when_full),
        T(no_server_of_that_family_is_508),
        T(all_are_sent_away_when_told_so),
        T(strangers_get_401),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
