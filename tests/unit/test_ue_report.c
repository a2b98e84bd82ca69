#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "modules/ue/report.h"
#include <jansson.h>

static void assert_text(const struct buf *b, const char *want)
{
    struct bytes have = buf_bytes(b);
    if (!bytes_eq(have, bytes_str(want)))
        fail_msg("have:\n%.*swant:\n%s", BYTES_FMT(have), want);
}

static void columns_stand_under_their_heads(void **state)
{
    struct report r = {0};
    struct buf b;
    struct report_step *s = report_add(&r, "%s registers", "alice");
    s->ok = true;
    s->ms = 12.34;
    report_say(s, "SHA-256");
    struct report_step *v = report_add(&r, "voice from alice to bob");
    v->ok = v->has_voice = v->has_rtt = true;
    v->ms = 4359.7;
    v->loss = 0.005;
    v->rtt_p50 = 740;
    v->rtt_p99 = 6170;
    buf_init(&b);
    report_head(false, &b);
    report_row(s, false, &b);
    report_row(v, false, &b);
    assert_text(
        &b, "step                                result        time     loss  round trip p50/p99\n"
            "alice registers                     ok         12.3 ms        -                   -  SHA-256\n"
            "voice from alice to bob             ok       4359.7 ms   0.50 %        0.74/6.17 ms\n");
    buf_fini(&b);
}

static void failed_step_says_what_and_what_to_do(void **state)
{
    struct report r = {.failed = true};
    struct buf b;
    struct report_step *s = report_add(&r, "alice registers");
    report_say(s, "REGISTER: 403 Forbidden");
    s->advice = "look at the password";
    buf_init(&b);
    report_row(s, false, &b);
    report_foot(&r, false, &b);
    assert_text(&b, "alice registers                     FAILED      0.0 ms        -                   -\n"
                    "  what: REGISTER: 403 Forbidden\n"
                    "  to do: look at the password\n"
                    "FAILED: see the step above.\n");
    buf_fini(&b);
}

static void bytes_of_strangers_cannot_steer_the_terminal(void **state)
{
    struct report r = {0};
    struct report_step *s = report_add(&r, "x");
    report_say(s, "%s", "a\033[2Jb\r\n\xc3z");
    assert_string_equal(s->detail, "a?[2Jb??"
                                   "?z");
}

static void plain_output_has_no_colours(void **state)
{
    struct report r = {0};
    struct buf b;
    buf_init(&b);
    report_head(false, &b);
    report_row(report_add(&r, "x"), false, &b);
    report_foot(&r, false, &b);
    assert_int_equal(bytes_find_byte(buf_bytes(&b), 0x1b), BYTES_NOT_FOUND);
    buf_clear(&b);
    report_foot(&r, true, &b);
    assert_int_not_equal(bytes_find_byte(buf_bytes(&b), 0x1b), BYTES_NOT_FOUND);
    buf_fini(&b);
}

static void more_steps_than_room_overwrite_the_last(void **state)
{
    struct report r = {0};
    for (unsigned i = 0; i < REPORT_STEPS + 5; i++)
        report_add(&r, "step %u", i);
    assert_int_equal(r.n, REPORT_STEPS);
    assert_string_equal(r.steps[REPORT_STEPS - 1].name, "step 28");
}

static void json_has_what_the_table_has(void **state)
{
    struct report r = {.failed = true};
    struct buf b;
    json_error_t e;
    struct report_step *s = report_add(&r, "voice");
    s->has_voice = s->has_rtt = true;
    s->loss = 0.25;
    s->sent = 4;
    s->received = 3;
    s->rtt_p50 = 1500;
    s->advice = "go";
    report_say(s, "\xff");
    buf_init(&b);
    assert_true(report_json(&r, &b));
    json_t *o = json_loadb((const char *)buf_bytes(&b).p, buf_len(&b), 0, &e);
    assert_non_null(o);
    json_t *step = json_array_get(json_object_get(o, "steps"), 0);
    assert_true(json_is_false(json_object_get(o, "ok")));
    assert_string_equal(json_string_value(json_object_get(step, "step")), "voice");
    assert_true(json_real_value(json_object_get(step, "loss")) == 0.25);
    assert_int_equal(json_integer_value(json_object_get(step, "received")), 3);
    assert_true(json_real_value(json_object_get(step, "rtt_p50_ms")) == 1.5);
    assert_string_equal(json_string_value(json_object_get(step, "advice")), "go");
    json_decref(o);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_stand_under_their_heads),
        cmocka_unit_test(failed_step_says_what_and_what_to_do),
        cmocka_unit_test(bytes_of_strangers_cannot_steer_the_terminal),
        cmocka_unit_test(plain_output_has_no_colours),
        cmocka_unit_test(more_steps_than_room_overwrite_the_last),
        cmocka_unit_test(json_has_what_the_table_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
