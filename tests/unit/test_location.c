/* The location table against RFC 3261 10.3 (order, wildcard, expiry) and RFC 5626 6 (instance and reg-id). */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "modules/registrar/location.h"
#include <cmocka.h>

static struct binding_change contact(const char *key, const char *uri, uint32_t expires)
{
    return (struct binding_change){
        .key = bytes_str(key), .contact = bytes_str(uri), .expires = expires, .q = 1000};
}

static struct location_update registration(const char *call_id, uint32_t cseq, const struct binding_change *c,
                                           size_t n, uint64_t now)
{
    return (struct location_update){.aor = BYTES("sip:alice@ims.test"),
                                    .call_id = bytes_str(call_id),
                                    .path = BYTES("<sip:token@edge.test;lr;ob>"),
                                    .cseq = cseq,
                                    .changes = c,
                                    .n = n,
                                    .now = now};
}

static size_t bound_at(struct location *l, uint64_t now)
{
    struct binding_set s;
    location_find(l, BYTES("sip:alice@ims.test"), now, &s);
    size_t n = s.n;
    binding_set_fini(&s);
    return n;
}

static int apply(struct location *l, struct location_update u)
{
    struct binding_set s;
    int rc = location_apply(l, &u, &s);
    binding_set_fini(&s);
    return rc;
}

static void a_binding_is_found_until_it_expires(void **state)
{
    struct location *l = location_create(NULL);
    struct binding_change c = contact("a", "sip:alice@10.0.0.1", 60);
    assert_int_equal(apply(l, registration("x", 1, &c, 1, 1000)), 0);
    struct binding_set s;
    location_find(l, BYTES("sip:alice@ims.test"), 60999, &s);
    assert_int_equal(s.n, 1);
    assert_true(bytes_eq(s.items[0]->contact, BYTES("sip:alice@10.0.0.1")));
    assert_true(bytes_eq(s.items[0]->path, BYTES("<sip:token@edge.test;lr;ob>")));
    assert_int_equal(binding_seconds(s.items[0], 1000), 60);
    assert_int_equal(binding_seconds(s.items[0], 60999), 1);
    binding_set_fini(&s);
    assert_int_equal(bound_at(l, 61000), 0);
    location_drop(l);
}

static void another_user_is_not_found(void **state)
{
    struct location *l = location_create(NULL);
    struct binding_change c = contact("a", "sip:alice@10.0.0.1", 60);
    apply(l, registration("x", 1, &c, 1, 0));
    struct binding_set s;
    location_find(l, BYTES("sip:bob@ims.test"), 1, &s);
    assert_int_equal(s.n, 0);
    location_drop(l);
}

static void an_old_cseq_of_the_same_call_id_changes_nothing(void **state)
{
    struct location *l = location_create(NULL);
    struct binding_change on = contact("a", "sip:alice@10.0.0.1", 60),
                          off = contact("a", "sip:alice@10.0.0.1", 0);
    assert_int_equal(apply(l, registration("x", 5, &on, 1, 0)), 0);
    assert_int_equal(apply(l, registration("x", 5, &off, 1, 0)), -ESTALE);
    assert_int_equal(apply(l, registration("x", 4, &off, 1, 0)), -ESTALE);
    assert_int_equal(bound_at(l, 1), 1);
    assert_int_equal(apply(l, registration("y", 1, &off, 1, 0)), 0); /* another Call-ID has its own order */
    assert_int_equal(bound_at(l, 1), 0);
    location_drop(l);
}

static void a_refused_update_changes_none_of_its_contacts(void **state)
{
    struct location *l = location_create(NULL);
    struct binding_change a = contact("a", "sip:a@h", 60);
    apply(l, registration("x", 5, &a, 1, 0));
    struct binding_change both[] = {contact("b", "sip:b@h", 60), contact("a", "sip:a@h", 0)};
    assert_int_equal(apply(l, registration("x", 5, both, 2, 0)), -ESTALE);
    assert_int_equal(bound_at(l, 1), 1);
    assert_int_equal(location_count(l), 1);
    location_drop(l);
}

static void the_same_key_replaces_and_comes_first(void **state)
{
    struct location *l = location_create(NULL);
    struct binding_change one = contact("uuid:1", "sip:alice@10.0.0.1", 60);
    struct binding_change other = contact("uuid:2", "sip:alice@10.0.0.2", 60);
    struct binding_change moved = contact("uuid:1", "sip:alice@10.0.0.3", 60);
    apply(l, registration("x", 1, &one, 1, 0));
    apply(l, registration("x", 2, &other, 1, 0));
    apply(l, registration("z", 1, &moved, 1, 0));
    struct binding_set s;
    location_find(l, BYTES("sip:alice@ims.test"), 1, &s);
    assert_int_equal(s.n, 2);
    assert_true(bytes_eq(s.items[0]->contact, BYTES("sip:alice@10.0.0.3")));
    assert_true(bytes_eq(s.items[1]->contact, BYTES("sip:alice@10.0.0.2")));
    assert_true(s.items[0]->serial > s.items[1]->serial);
    binding_set_fini(&s);
    location_drop(l);
}

static void the_wildcard_takes_all(void **state)
{
    struct location *l = location_create(NULL);
    struct binding_change c[] = {contact("a", "sip:a@h", 60), contact("b", "sip:b@h", 60)};
    apply(l, registration("x", 1, c, 2, 0));
    struct location_update u = registration("x", 2, NULL, 0, 0);
    u.all_gone = true;
    assert_int_equal(apply(l, u), 0);
    assert_int_equal(location_count(l), 0);
    location_drop(l);
}

static void a_query_changes_nothing_and_lists_all(void **state)
{
    struct location *l = location_create(NULL);
    struct binding_change c[] = {contact("a", "sip:a@h", 60), contact("b", "sip:b@h", 60)};
    apply(l, registration("x", 1, c, 2, 0));
    struct location_update u = registration("x", 1, NULL, 0, 0);
    struct binding_set s;
    assert_int_equal(location_apply(l, &u, &s), 0);
    assert_int_equal(s.n, 2);
    binding_set_fini(&s);
    location_drop(l);
}

static void one_contact_too_many_is_refused(void **state)
{
    struct location *l = location_create(NULL);
    char key[LOCATION_CONTACTS + 1][8];
    struct binding_change c[LOCATION_CONTACTS + 1];
    for (unsigned i = 0; i <= LOCATION_CONTACTS; i++) {
        snprintf(key[i], sizeof(key[i]), "k%u", i);
        c[i] = contact(key[i], "sip:a@h", 60);
    }
    assert_int_equal(apply(l, registration("x", 1, c, LOCATION_CONTACTS + 1, 0)), -ENOSPC);
    assert_int_equal(apply(l, registration("x", 1, c, LOCATION_CONTACTS, 0)), 0);
    assert_int_equal(apply(l, registration("x", 2, &c[LOCATION_CONTACTS], 1, 0)), -ENOSPC);
    /* one goes, one comes */
    struct binding_change swap[] = {c[LOCATION_CONTACTS], contact("k0", "sip:a@h", 0)};
    assert_int_equal(apply(l, registration("x", 3, swap, 2, 0)), 0);
    assert_int_equal(bound_at(l, 1), LOCATION_CONTACTS);
    location_drop(l);
}

static void a_contact_named_twice_is_refused(void **state)
{
    struct location *l = location_create(NULL);
    struct binding_change c[] = {contact("a", "sip:a@h", 60), contact("a", "sip:a@h", 0)};
    assert_int_equal(apply(l, registration("x", 1, c, 2, 0)), -EINVAL);
    assert_int_equal(location_count(l), 0);
    location_drop(l);
}

static void forget_takes_only_the_binding_that_was_seen(void **state)
{
    struct location *l = location_create(NULL);
    struct binding_change c = contact("a", "sip:a@h", 60);
    apply(l, registration("x", 1, &c, 1, 0));
    struct binding_set seen;
    location_find(l, BYTES("sip:alice@ims.test"), 1, &seen);
    apply(l, registration("x", 2, &c, 1, 0)); /* the phone came back on a new flow meanwhile */
    assert_false(location_forget(l, seen.items[0]));
    assert_int_equal(bound_at(l, 1), 1);
    binding_set_fini(&seen);
    location_find(l, BYTES("sip:alice@ims.test"), 1, &seen);
    assert_true(location_forget(l, seen.items[0]));
    assert_false(location_forget(l, seen.items[0]));
    binding_set_fini(&seen);
    assert_int_equal(bound_at(l, 1), 0);
    location_drop(l);
}

static void the_sweep_takes_out_what_expired(void **state)
{
    struct location *l = location_create(NULL);
    struct binding_change c[] = {contact("a", "sip:a@h", 60), contact("b", "sip:b@h", 120)};
    apply(l, registration("x", 1, c, 2, 0));
    size_t gone = 0;
    for (unsigned i = 0; i < LOCATION_SHARDS; i++)
        gone += location_expire(l, i, 60000);
    assert_int_equal(gone, 1);
    assert_int_equal(location_count(l), 1);
    for (unsigned i = 0; i < LOCATION_SHARDS; i++)
        gone += location_expire(l, i, 120000);
    assert_int_equal(gone, 2);
    assert_int_equal(location_count(l), 0);
    location_drop(l);
}

static void *register_many(void *arg)
{
    struct location *l = arg;
    for (uint32_t i = 1; i <= 2000; i++) {
        char aor[32];
        snprintf(aor, sizeof(aor), "sip:u%u@ims.test", i % 50);
        struct binding_change c = contact("a", "sip:a@h", i % 3 ? 60 : 0);
        struct location_update u = registration("x", i, &c, 1, 0);
        u.aor = bytes_str(aor);
        struct binding_set s;
        location_apply(l, &u, &s);
        binding_set_fini(&s);
        location_find(l, u.aor, 1, &s);
        for (size_t k = 0; k < s.n; k++)
            assert_true(bytes_eq(s.items[k]->contact, BYTES("sip:a@h")));
        binding_set_fini(&s);
    }
    return NULL;
}

static void two_threads_may_use_it_at_once(void **state)
{
    struct location *l = location_create(NULL);
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, register_many, l), 0);
    register_many(l);
    pthread_join(other, NULL);
    assert_true(location_count(l) <= 50);
    location_drop(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_binding_is_found_until_it_expires),
        cmocka_unit_test(another_user_is_not_found),
        cmocka_unit_test(an_old_cseq_of_the_same_call_id_changes_nothing),
        cmocka_unit_test(a_refused_update_changes_none_of_its_contacts),
        cmocka_unit_test(the_same_key_replaces_and_comes_first),
        cmocka_unit_test(the_wildcard_takes_all),
        cmocka_unit_test(a_query_changes_nothing_and_lists_all),
        cmocka_unit_test(one_contact_too_many_is_refused),
        cmocka_unit_test(a_contact_named_twice_is_refused),
        cmocka_unit_test(forget_takes_only_the_binding_that_was_seen),
        cmocka_unit_test(the_sweep_takes_out_what_expired),
        cmocka_unit_test(two_threads_may_use_it_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
