/* The n-th allocation fails, for every n: rules are compiled whole or not at all, a configuration likewise,
 * and the table of failures is there or not; nothing crashes and nothing is left. */
#include "appliance/core/abuse.h"
#include "failing_malloc.h"
#include "modules/pcscf/policy/policy.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* last */
#include <cmocka.h>

#ifndef FAILING_MALLOC
int main(void)
{
    puts("skipped: ThreadSanitizer's malloc cannot be replaced");
    return 77;
}
#else

static unsigned reported;

static void count_report(void *arg, size_t index, const char *text)
{
    reported += text[0] != '\0';
}

static void every_rule_or_none(void **state)
{
    const char *items[] = {
        "a: user-agent ~ /friendly-scanner|sipvicious/i and source in 10.0.0.0/8,192.0.2.0/24 -> drop",
        "b: ruri ~ /^(sip|tel):\\+?900\\d+/ -> reject 403 \"No\"", "c: any -> limit 5/m by user"};
    const struct string_list rules = {items, 3};
    struct policy *p = NULL;
    int n = 0;
    do {
        reported = 0;
        failed = false;
        countdown = n++;
        p = policy_create(&rules, n % 2, count_report, NULL);
        countdown = -1;
        assert_true(p || reported);
        if (p)
            assert_int_equal(p->n, 3);
        if (p && failed) { /* without machine code it is whole as well */
            policy_destroy(p);
            p = NULL;
        }
        assert_true(n < 2000);
    } while (!p);
    assert_true(n > 5);
    policy_destroy(p);
}

static void a_configuration_with_rules_or_none(void **state)
{
    static const struct settings *const tables[] = {&policy_settings, &abuse_settings, NULL};
    struct config *c = NULL;
    for (int n = 0; n < 3000 && (!c || failed); n++) {
        config_drop(c);
        struct config_problem *problems = NULL;
        failed = false;
        countdown = n;
        c = config_load(NULL, tables, &problems);
        countdown = -1;
        assert_true(!c || ((const struct policy_config *)config_of(c, &policy_settings))->policy);
        config_problems_free(problems);
    }
    assert_non_null(c);
    config_drop(c);
}

static void a_scratch_or_none(void **state)
{
    struct policy_scratch *s = NULL;
    for (int n = 0; !s; n++) {
        countdown = n;
        s = policy_scratch_create();
        countdown = -1;
        assert_true(n < 100);
    }
    policy_scratch_destroy(s);
}

static void failures_are_counted_or_there_is_nobody_who_counts(void **state)
{
    struct cidr nets[] = {{.net = {.family = ADDR_V4, .ip = {10}}, .bits = 8}};
    const struct abuse_config c = {.failures = 3, .exempt = {nets, 1}};
    struct abuse *a = NULL;
    for (int n = 0; !a; n++) {
        countdown = n;
        a = abuse_create();
        countdown = -1;
        assert_true(n < 100);
    }
    for (int n = 0, rc = -1; rc < 0; n++) {
        countdown = n;
        rc = abuse_configure(a, &c, &c.exempt, 1);
        countdown = -1;
        assert_true(n < 100);
    }
    abuse_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_or_none),
        cmocka_unit_test(a_configuration_with_rules_or_none),
        cmocka_unit_test(a_scratch_or_none),
        cmocka_unit_test(failures_are_counted_or_there_is_nobody_who_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
