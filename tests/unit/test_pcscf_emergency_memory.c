/* A call for help when memory runs out, at whichever allocation: the phone hears of it or calls again, and
 * nothing is left. */
#include "failing_malloc.h"

#include "core_lab.h" /* knows then that malloc may fail */

#ifndef FAILING_MALLOC
int main(void)
{
    puts("skipped: ThreadSanitizer's malloc cannot be replaced");
    return 77;
}
#else

static bool heard(struct fake_phone *ph, const char *start)
{
    bool found = false;
    for (char *m; (m = phone_get(ph)) != NULL; free(m))
        found = found || strncmp(m, start, strlen(start)) == 0;
    return found;
}

/* False: that allocation was not reached any more. */
static bool call_with_failing(int nth, bool known)
{
    struct lab lab = lab_create();
    for (unsigned i = 0; i < WORLD_WORKERS; i++)
        lab.world->w[i]->log.level = LOG_ERROR + 1;
    if (known)
        free(registered(&lab, ""));
    world_forget(lab.world);
    failed = false;
    countdown = nth;
    phone_requests(&lab.alice, "INVITE", "urn:service:sos", "<urn:service:sos>", "c1", 1, "");
    countdown = -1;
    bool was = failed;
    bool now = heard(&lab.alice, "SIP/2.0 380");
    if (!now) { /* sent again after T1 (RFC 3261 17.1.1.2), or answered 500 */
        phone_requests(&lab.alice, "INVITE", "urn:service:sos", "<urn:service:sos>", "c1", 1, "");
        now = heard(&lab.alice, "SIP/2.0 ");
    }
    assert_true(now);
    world_wait(lab.world, 40000);
    assert_int_equal(sip_layer_servers(pcscf_of(lab.world->w[0])->layer), 0);
    world_destroy(lab.world);
    return was;
}

static void the_phone_is_told_in_the_end(void **state)
{
    for (int known = 0; known < 2; known++) {
        int nth = 0;
        while (call_with_failing(nth, known))
            nth++;
        assert_in_range(nth, 4, 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_phone_is_told_in_the_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
