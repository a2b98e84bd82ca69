/* What a registration costs in allocations, and that any of them may fail: the phone is then known or it is
 * not, and nothing is left. */
#include "failing_malloc.h"
#include "modules/pcscf/registration/lesson.h"
#include "sip_world.h"

#ifndef FAILING_MALLOC
int main(void)
{
    puts("skipped: ThreadSanitizer's malloc cannot be replaced");
    return 77;
}
#else

#define HEAD(start, contact)                                                                                 \
    start                                                                                                    \
        "\r\nVia: SIP/2.0/TLS a;branch=z9hG4bKx\r\nMax-Forwards: 70\r\nFrom: <sip:alice@ims.test>;tag=a\r\n" \
        "To: <sip:alice@ims.test>;tag=b\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContact: " contact "\r\n"
#define REQUEST(contact) HEAD("REGISTER sip:ims.test SIP/2.0", contact) "Content-Length: 0\r\n\r\n"
#define RESPONSE(contact, more)                                                                              \
    HEAD("SIP/2.0 200 OK", contact)                                                                          \
    "Service-Route: <sip:orig@10.0.0.99;lr>\r\n" more "Content-Length: 0\r\n\r\n"

#define HERE      "<sip:alice@192.0.2.7>;expires=600"
#define ONE       "P-Associated-URI: <sip:alice@ims.test>, <tel:+1555>\r\n"
#define WILDCARDS "P-Associated-URI: <sip:a!.*!@ims.test>\r\nP-Associated-URI: <sip:b!.*!@ims.test>\r\n"

struct exchange {
    struct sip_msg rq, rs;
};

static void read_both(struct exchange *x, const char *request, const char *response)
{
    struct sip_fault fault;
    assert_int_equal(sip_msg_parse(&x->rq, bytes_str(request), SIP_STREAM, &fault), 0);
    assert_int_equal(sip_msg_parse(&x->rs, bytes_str(response), SIP_STREAM, &fault), 0);
}

/* How many allocations that takes; the nth fails (n < 0: none). */
static int learn(struct fake_phone *ph, const struct exchange *x, int n)
{
    const int many = 1000000;
    const struct lesson l = {.p = pcscf_of(ph->world->w[ph->flow.conn.worker]),
                             .flow = &ph->flow,
                             .rq = &x->rq,
                             .rs = &x->rs,
                             .path = BYTES("<sip:t@gw.ims.test;lr>")};
    failed = false;
    countdown = n < 0 ? many : n;
    lesson_learn(&l);
    int used = many - countdown;
    countdown = -1;
    return used;
}

static struct exchange plain, wild, gone;

static int setup(void **state)
{
    read_both(&plain, REQUEST("<sip:alice@192.0.2.7>"), RESPONSE(HERE, ONE));
    read_both(&wild, REQUEST("<sip:alice@192.0.2.7>"), RESPONSE(HERE, WILDCARDS));
    read_both(&gone, REQUEST("*"), RESPONSE("<sip:other@192.0.2.9>", ""));
    return 0;
}

static void a_refresh_allocates_nothing(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    learn(&a, &plain, -1); /* the directory's name and the tables' rows are there from now on */
    learn(&a, &gone, -1);
    world_run(world);
    /* the phone, the registration, and the letters: one to write it by, one for the other worker */
    assert_int_equal(learn(&a, &plain, -1), 4);
    assert_int_equal(learn(&a, &plain, -1), 0);
    world_run(world);
    assert_int_equal(learn(&a, &plain, -1), 0);
    world_destroy(world);
}

static void any_allocation_may_fail(void **state)
{
    const struct exchange *all[] = {&plain, &wild};
    for (unsigned which = 0; which < 2; which++) {
        for (int n = 0; n == 0 || failed; n++) {
            struct world *world = world_create();
            struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
            world->w[0]->log.level = LOG_ERROR + 1;
            learn(&a, all[which], n);
            bool was = failed;
            world_run(world);
            assert_true(world_count(world, PCSCF_REGISTERED) <= 1);
            learn(&a, all[1 - which], n); /* from one to the other, where the first did not fail */
            learn(&a, &gone, n);
            world_run(world);
            assert_int_equal(world_count(world, PCSCF_REGISTERED), 0);
            world_destroy(world);
            failed = was;
        }
    }
}

/* The other worker's registration ends when its letter comes; where there was no memory for it, with its
 * time. */
static void a_move_that_cannot_be_told_is_no_harm(void **state)
{
    for (int n = 0; n == 0 || failed; n++) {
        struct world *world = world_create();
        struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
        struct fake_phone b = phone_at(world, "alice", "secret-a", 1, 2);
        world->w[1]->log.level = LOG_ERROR + 1;
        learn(&a, &plain, -1);
        world_run(world);
        learn(&b, &plain, n);
        world_run(world);
        uint64_t standing = world_count(world, PCSCF_REGISTERED);
        assert_true(standing == 1 || (failed && standing == 2));
        world_wait(world, 601000);
        assert_int_equal(world_count(world, PCSCF_REGISTERED), 0);
        world_destroy(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refresh_allocates_nothing),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(a_move_that_cannot_be_told_is_no_harm),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
#endif
