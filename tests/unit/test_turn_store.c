/* What the store knows of allocations, permissions and channels: written as they change, seldom on refreshes,
 * gone with them. */
#include "appliance/core/schema.h"
#include "appliance/core/store.h"
#include "modules/turn/store_rows.h"
#include "turn_fixture.h"
#include <dirent.h>

static char dir[64];

static int setup(void **state)
{
    struct bench *b = bench_create(LOOPBACK_SETTINGS);
    snprintf(dir, sizeof(dir), "/tmp/turn-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    b->gw.store = store_open(dir, store_schemas, &b->w->log);
    assert_non_null(b->gw.store);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    struct store *s = b->gw.store;
    bench_destroy(b);
    store_close(s);
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
    rmdir(dir);
    return 0;
}

struct row {
    unsigned count;
    char text[6][128];
    int64_t number[8];
};

static bool take_row(void *arg, const struct store_value *c, unsigned n)
{
    struct row *r = arg;
    unsigned texts = 0, numbers = 0;
    r->count++;
    for (unsigned i = 0; i < n; i++) {
        if (c[i].kind == STORE_TEXT)
            bytes_to_str(c[i].b, r->text[texts++], sizeof(r->text[0]));
        else if (c[i].kind == STORE_INT)
            r->number[numbers++] = c[i].i;
    }
    return true;
}

static const struct store_stmt all_allocations = {
    STORE_SOFT, "SELECT realm, username, client, transport, relayed, created, expires FROM allocation"};
static const struct store_stmt all_permissions = {STORE_SOFT,
                                                  "SELECT peer, expires FROM permission ORDER BY peer"};
static const struct store_stmt all_channels = {STORE_SOFT, "SELECT peer, number, expires FROM channel"};

/* What is gathered is written first. */
static struct row ask_store(struct bench *b, const struct store_stmt *st)
{
    struct row r = {0};
    bench_pass(b, 50);
    assert_true(store_query(b->gw.store, st, NULL, 0, take_row, &r) >= 0);
    return r;
}

static void rows_of_an_allocation(void **state)
{
    struct bench *b = *state;
    char text[ADDR_TEXT];
    struct addr peer = addr_text("127.0.0.2:4001"), relayed = bench_allocate(b);
    struct row r = ask_store(b, &all_allocations);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.text[0], REALM);
    assert_string_equal(r.text[1], USER);
    assert_string_equal(r.text[2], "192.0.2.77:40000");
    assert_string_equal(r.text[3], "TLS");
    addr_format(&relayed, text);
    assert_string_equal(r.text[4], text);
    assert_int_equal(r.number[0], b->w->wall);
    assert_int_equal(r.number[1], b->w->wall + 600);

    assert_int_equal(bench_bind(b, 0x4123, &peer), 0);
    r = ask_store(b, &all_permissions);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.text[0], "127.0.0.2");
    assert_int_equal(r.number[0], b->w->wall + 300);
    r = ask_store(b, &all_channels);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.text[0], "127.0.0.2:4001");
    assert_int_equal(r.number[0], 0x4123);
    assert_int_equal(r.number[1], b->w->wall + 600);
}

static void rows_go_when_it_ends(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct addr peer = addr_text("127.0.0.2:4001");
    bench_allocate(b);
    assert_int_equal(bench_bind(b, 0x4000, &peer), 0);
    assert_int_equal(ask_store(b, &all_allocations).count, 1);
    assert_int_equal(ask_store(b, &all_permissions).count, 1);
    assert_int_equal(ask_store(b, &all_channels).count, 1);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    assert_int_equal(ask_store(b, &all_allocations).count, 0);
    assert_int_equal(ask_store(b, &all_permissions).count, 0);
    assert_int_equal(ask_store(b, &all_channels).count, 0);
}

static void what_is_gone_at_once_is_never_written(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct addr peer = addr_text("127.0.0.2:4001");
    bench_allocate(b);
    assert_int_equal(bench_bind(b, 0x4000, &peer), 0);
    bench_pass(b, 49);
    assert_int_equal(bench_refresh(b, 0, &r), 0);
    bench_pass(b, 1000);
    store_flush(b->gw.store);
    assert_int_equal(store_numbers(b->gw.store).writes, 0);
}

static void rows_go_when_they_expire(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct addr peer = addr_text("127.0.0.2:4001");
    bench_allocate(b);
    assert_int_equal(bench_bind(b, 0x4000, &peer), 0);
    bench_pass(b, 300000);
    assert_int_equal(ask_store(b, &all_permissions).count, 0);
    assert_int_equal(ask_store(b, &all_channels).count, 1);
    assert_int_equal(bench_refresh(b, UINT32_MAX, &r), 0);
    bench_pass(b, 300000);
    assert_int_equal(ask_store(b, &all_channels).count, 0);
    assert_int_equal(ask_store(b, &all_allocations).count, 1);
    assert_int_equal(ask_store(b, &all_allocations).number[1], b->w->wall + 300);
    bench_pass(b, 300000);
    assert_int_equal(ask_store(b, &all_allocations).count, 0);
}

/* A client that refreshes all the time must not wear the disk: what is stored is behind by less than a
 * minute. */
static void refreshes_are_written_seldom(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct addr peer = addr_text("127.0.0.2:4001");
    bench_allocate(b);
    assert_int_equal(bench_bind(b, 0x4000, &peer), 0);
    store_flush(b->gw.store);
    uint64_t before = store_numbers(b->gw.store).writes;
    for (int i = 0; i < 300; i++) {
        bench_pass(b, 1000);
        assert_int_equal(bench_refresh(b, UINT32_MAX, &r), 0);
        assert_int_equal(bench_bind(b, 0x4000, &peer), 0);
        if (i % 10 == 0)
            assert_in_range(ask_store(b, &all_permissions).number[0], b->w->wall + 300 - 60,
                            b->w->wall + 300);
    }
    store_flush(b->gw.store);
    assert_in_range(store_numbers(b->gw.store).writes - before, 3 * 4, 3 * 6);
}

static const struct store_stmt mobile_allocations = {
    STORE_SOFT,
    "SELECT relayed, relayed_too, client, transport, worker, mobile, ticket, expires FROM allocation"};

/* What a ticket refers to is there for who comes back after a restart: where it was, and its serial. */
static void rows_follow_a_mobile_client(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    struct bytes v;
    uint8_t ticket[64];
    bench_challenge(b);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put(&a.w, STUN_A_MOBILITY_TICKET, BYTES_NONE);
    assert_int_equal(bench_ask(b, &a, &r), 0);
    assert_true(stun_find(&r.m, STUN_A_MOBILITY_TICKET, &v) && v.n <= sizeof(ticket));
    memcpy(ticket, v.p, v.n);
    struct row row = ask_store(b, &mobile_allocations);
    assert_int_equal(row.count, 1);
    assert_string_equal(row.text[1], "");
    assert_int_equal(row.number[0], 0);
    assert_int_equal(row.number[1], 1);
    assert_int_equal(row.number[2], 0);
    turn_module.closed(&b->conn);
    row = ask_store(b, &mobile_allocations);
    assert_int_equal(row.number[3], b->w->wall + 120); /* mobility_hold */
    b->stream = false;
    bench_challenge(b);
    ask_begin(b, &a, STUN_REFRESH);
    stun_put(&a.w, STUN_A_MOBILITY_TICKET, bytes_of(ticket, v.n));
    assert_int_equal(bench_ask(b, &a, &r), 0);
    row = ask_store(b, &mobile_allocations);
    assert_int_equal(row.count, 1);
    assert_string_equal(row.text[3], "UDP");
    assert_int_equal(row.number[2], 1);
    assert_int_equal(row.number[3], b->w->wall + 600);
}

/* The row waits to be written anew when the allocation ends: it goes all the same. */
static void row_goes_with_a_client_that_has_just_moved(void **state)
{
    struct bench *b = *state;
    bench_allocate(b);
    assert_int_equal(ask_store(b, &mobile_allocations).count, 1);
    uint32_t cursor = 0;
    struct allocation *a = slots_next(&turn_of(b->w)->allocations, &cursor);
    a->row_stale = true;
    rows_changed(a);
    allocation_destroy(a, ALLOCATION_DELETED);
    assert_int_equal(ask_store(b, &mobile_allocations).count, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(rows_of_an_allocation),
        T(rows_go_when_it_ends),
        T(what_is_gone_at_once_is_never_written),
        T(row_goes_with_a_client_that_has_just_moved),
        T(rows_go_when_they_expire),
        T(refreshes_are_written_seldom),
        T(rows_follow_a_mobile_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
