/* Wildcarded public identities (TS 23.003 13.4A): what they stand for, and that none can hold up a worker. */
#include "modules/pcscf/registration/wildcards.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static bool covers(const char *identities, const char *aor)
{
    struct wildcards *ws;
    assert_int_equal(wildcards_compile(bytes_str(identities), &ws), 0);
    bool is = wildcards_match(ws, bytes_str(aor));
    wildcards_destroy(ws);
    return is;
}

static void an_expression_stands_for_what_is_in_its_place(void **state)
{
    static const struct {
        const char *identities, *aor;
        bool covered;
    } cases[] = {
        {"<sip:pbx-!.*!@ims.test>", "sip:pbx-100@ims.test", true},
        {"<sip:pbx-!.*!@ims.test>", "sip:pbx-@ims.test", true},
        {"<sip:pbx-!.*!@ims.test>", "sip:pbx-100@else.test", false},
        {"<sip:pbx-!.*!@ims.test>", "sip:pb@ims.test", false},
        {"<sip:pbx-!.*!@IMS.test>;x=y", "sip:pbx-1@ims.test", true},
        {"<sip:a@ims.test>, \"PBX, all\" <sip:!%5B0-9%5D%7B3%7D!@ims.test>", "sip:123@ims.test", true},
        {"<sip:!%5B0-9%5D%7B3%7D!@ims.test>", "sip:1234@ims.test", false}, /* the whole of it */
        {"<sip:!1|22!@ims.test>", "sip:1@ims.test", true}, /* not escaped, and read all the same */
        {"<sip:!1%7C22!@ims.test>", "sip:22@ims.test", true},
        {"<sip:!1%7C22!@ims.test>", "sip:1.22@ims.test", false},
        {"<tel:+1212!.*!>", "tel:+12125551234", true},
        {"<tel:+1212!.*!;npdi>", "tel:+12125551234", true},
        {"<tel:+1212!.*!>", "tel:+1313", false},
        {"<tel:+1212!.*!>", "sip:+12125551234@ims.test", false},
        {"sip:pbx!.*!@ims.test", "sip:pbx9@ims.test", true},
        {"<sip:pbx!.*@ims.test>", "sip:pbx!.*@ims.test", false}, /* one mark is a user's name */
        {"<sip:pbx!!@ims.test>", "sip:pbx@ims.test", false},
        {"<sip:pbx!(!@ims.test>", "sip:pbx(@ims.test", false},
        {"<sip:pbx!x)%7C(.*!@ims.test>", "sip:anybody@else.test", false},
        {"<sip:x!a!b@ims.test>, <sip:y!.!@ims.test>", "sip:yz@ims.test", true},
        {"", "sip:a@ims.test", false},
        {"<sip:a@ims.test>", "sip:a@ims.test", false}, /* not by a wildcard */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (covers(cases[i].identities, cases[i].aor) != cases[i].covered)
            fail_msg("%s and %s", cases[i].identities, cases[i].aor);
    }
}

static void only_a_pair_of_marks_in_the_user_part_makes_one(void **state)
{
    assert_true(wildcards_is_one(BYTES("<sip:pbx!.*!@ims.test>")));
    assert_true(wildcards_is_one(BYTES("tel:+1!.*!")));
    assert_false(wildcards_is_one(BYTES("<sip:alice!@ims.test>")));
    assert_false(wildcards_is_one(BYTES("<sip:alice@ims.test;x=!a!>")));
    assert_false(wildcards_is_one(BYTES("\"!a!\" <sip:alice@ims.test>")));
    assert_false(wildcards_is_one(BYTES("<sip:a!!@ims.test>")));
    assert_false(wildcards_is_one(BYTES("")));
}

static void sixteen_count_and_no_more(void **state)
{
    char list[2048] = "";
    for (int i = 10; i < 30; i++) {
        char one[64];
        snprintf(one, sizeof(one), "%s<sip:p%d!.!@ims.test>", i > 10 ? ", " : "", i);
        strcat(list, one);
    }
    assert_true(covers(list, "sip:p10x@ims.test"));
    assert_true(covers(list, "sip:p25x@ims.test"));
    assert_false(covers(list, "sip:p26x@ims.test"));
}

/* (a*)*b and its kin take for ever where nothing stops them. */
static void no_expression_takes_long(void **state)
{
    struct wildcards *ws;
    char aor[256] = "sip:";
    memset(aor + 4, 'a', 200);
    strcpy(aor + 204, "@ims.test");
    assert_int_equal(wildcards_compile(BYTES("<sip:!(a*)*b!@ims.test>, <sip:!((a%7Ca)*)*b!@ims.test>, "
                                             "<sip:!(.*)(.*)(.*)(.*)(.*)(.*)(.*)x!@ims.test>"),
                                       &ws),
                     0);
    clock_t before = clock();
    assert_false(wildcards_match(ws, bytes_str(aor)));
    assert_true(clock() - before < CLOCKS_PER_SEC / 4);
    wildcards_destroy(ws);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expression_stands_for_what_is_in_its_place),
        cmocka_unit_test(only_a_pair_of_marks_in_the_user_part_makes_one),
        cmocka_unit_test(sixteen_count_and_no_more),
        cmocka_unit_test(no_expression_takes_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
