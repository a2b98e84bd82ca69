/* What of registrations and bindings stands in the store, as it changes. */
#include "appliance/core/schema.h"
#include "sip_call.h"
#include <ftw.h>
#include <sys/stat.h>

struct stored {
    char dir[64];
    struct log log;
    struct store *store;
    struct world *world;
};

static struct stored *stored_create(void)
{
    struct stored *s = calloc(1, sizeof(*s));
    strcpy(s->dir, "/tmp/sallyport-rows-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    log_init(&s->log, 2, LOG_ERROR, LOG_TEXT, "test");
    s->store = store_open(s->dir, store_schemas, &s->log);
    assert_non_null(s->store);
    return s;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    return remove(path);
}

static void stored_destroy(struct stored *s)
{
    store_close(s->store);
    nftw(s->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(s);
}

struct first_row {
    unsigned n;
    char text[2][1024];
};

static bool take_row(void *arg, const struct store_value *c, unsigned n)
{
    struct first_row *r = arg;
    for (unsigned i = 0; i < n && i < 2 && r->n == 0; i++)
        bytes_to_str(c[i].b, r->text[i], sizeof(r->text[i]));
    r->n++;
    return true;
}

static struct first_row rows_of(struct stored *s, const struct store_stmt *st)
{
    struct first_row r = {0};
    store_flush(s->store);
    assert_int_equal(store_query(s->store, st, NULL, 0, take_row, &r), 0);
    return r;
}

static const struct store_stmt bindings = {
    STORE_SOFT, "SELECT contact, path FROM binding WHERE aor = 'sip:alice@ims.test'"};
static const struct store_stmt registrations = {STORE_SOFT, "SELECT flow, service_route FROM registration"};

static void with_world(struct stored *s)
{
    s->world = world_create_stored(
        "pcscf { host = \"gw.ims.test\" }\nregistrar { domains = {\"ims.test\"} }\n", s->store);
}

static void rows_come_and_go_with_the_registration(void **state)
{
    struct stored *s = stored_create();
    with_world(s);
    struct fake_phone a = phone_at(s->world, "alice", "secret-a", 0, 1);
    phone_registers(&a);
    phone_registers(&a); /* a refresh is the same row */
    struct first_row b = rows_of(s, &bindings), r = rows_of(s, &registrations);
    assert_int_equal(b.n, 1);
    assert_string_equal(b.text[0], "sip:alice@192.168.7.1:5060");
    assert_non_null(strstr(b.text[1], "@gw.ims.test;lr;ob>"));
    assert_int_equal(r.n, 1);
    assert_string_equal(r.text[0], "UDP 10.0.0.1:5060");
    assert_string_equal(r.text[1], "<sip:orig@scscf.ims.test;lr>");
    free(phone_register_with(&a, "Contact: *\r\n", "Expires: 0\r\n"));
    assert_int_equal(rows_of(s, &bindings).n, 0);
    assert_int_equal(rows_of(s, &registrations).n, 0);
    world_destroy(s->world);
    stored_destroy(s);
}

static void the_end_of_an_old_flow_leaves_the_row_of_the_new_one(void **state)
{
    struct stored *s = stored_create();
    with_world(s);
    struct fake_phone a = phone_at(s->world, "alice", "secret-a", 0, 1),
                      moved = phone_at(s->world, "alice", "secret-a", 1, 9);
    a.contact_params = moved.contact_params = ";+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    a.extra = moved.extra = "Supported: path, outbound\r\n";
    phone_registers(&a);
    phone_registers(&moved);
    assert_string_equal(rows_of(s, &registrations).text[0], "UDP 10.0.0.9:5060");
    pcscf_flow_closed(pcscf_of(s->world->w[0]), &a.flow);
    assert_int_equal(rows_of(s, &registrations).n, 1);
    pcscf_flow_closed(pcscf_of(s->world->w[1]), &moved.flow);
    assert_int_equal(rows_of(s, &registrations).n, 0);
    assert_int_equal(rows_of(s, &bindings).n, 1); /* until it expires, or a 430 tells */
    world_destroy(s->world);
    stored_destroy(s);
}

static void expired_rows_of_before_are_cleared_at_start(void **state)
{
    struct stored *s = stored_create();
    with_world(s);
    struct fake_phone a = phone_at(s->world, "alice", "secret-a", 0, 1),
                      b = phone_at(s->world, "bob", "secret-b", 0, 2);
    phone_registers(&a);
    free(phone_register_with(&b, "Contact: <sip:bob@192.168.7.2>\r\n", "Expires: 7200\r\n"));
    world_destroy(s->world); /* the rows stay: they are what a restart knows */
    assert_int_equal(rows_of(s, &registrations).n, 2);
    world_wall = 1700000000 + 3600;
    with_world(s);
    world_wall = 1700000000;
    assert_int_equal(rows_of(s, &registrations).n, 1);
    assert_int_equal(rows_of(s, &bindings).n, 0); /* alice's have run out, bob's not */
    world_destroy(s->world);
    stored_destroy(s);
}

static const struct store_stmt calls = {
    STORE_SOFT,
    "SELECT aor || ' ' || caller || ' ' || far_tag || ' ' || phone_target || ' ' || far_target || ' ' || "
    "phone_cseq || ' ' || session, route FROM dialog ORDER BY caller DESC"};

static void a_call_has_a_row_while_it_stands(void **state)
{
    struct stored *s = stored_create();
    struct world *world = world_create_stored(
        "pcscf { host = \"gw.ims.test\" }\nregistrar { domains = {\"ims.test\"} }\n", s->store);
    struct call c = call_invites_in(world, "");
    call_rings(&c);
    assert_int_equal(rows_of(s, &calls).n, 0); /* early ones are not worth one */
    call_answered_with(&c, "200 OK\r\nSession-Expires: 1800");
    struct first_row r = rows_of(s, &calls);
    assert_int_equal(r.n, 2);
    assert_string_equal(
        r.text[0], "sip:alice@ims.test 1 bob-ua sip:alice@192.168.7.1:5060 sip:bob@192.168.7.2:5060 1 1800");
    assert_non_null(strstr(r.text[1], "<sip:scscf.ims.test;lr>, <sip:"));
    alice_says(&c, "UPDATE", "c1", 7, c.routes_a);
    phone_serves(&c.b, "UPDATE", &c.a);
    r = rows_of(s, &calls);
    assert_non_null(strstr(r.text[0], " 7 0"));
    alice_says(&c, "BYE", "c1", 8, c.routes_a);
    phone_serves(&c.b, "BYE", &c.a);
    assert_int_equal(rows_of(s, &calls).n, 0);
    call_end(&c);
    stored_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_and_go_with_the_registration),
        cmocka_unit_test(the_end_of_an_old_flow_leaves_the_row_of_the_new_one),
        cmocka_unit_test(expired_rows_of_before_are_cleared_at_start),
        cmocka_unit_test(a_call_has_a_row_while_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
