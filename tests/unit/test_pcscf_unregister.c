/* How a phone's own word ends what is registered (TS 24.229 5.2.5.1): one contact, all of them, by any name
 * of the set; and what it does not end. */
#include "core_lab.h"

#define ALICE "<sip:alice@ims.test>"
#define FIRST "<sip:first@ims.test>"
#define GIVEN "P-Associated-URI: " ALICE ", " FIRST ", <tel:+15551234>\r\n"

/* REGISTER of that name, which the core grants. */
static void registers(struct lab *lab, const char *to, const char *contact, unsigned expires)
{
    static unsigned cseq;
    char granted[512];
    cseq++;
    phone_send(
        &lab->alice,
        "REGISTER sip:ims.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.1:5060;branch=z9hG4bKu%u;rport\r\n"
        "Max-Forwards: 70\r\nFrom: %s;tag=u\r\nTo: %s\r\nCall-ID: u\r\nCSeq: %u REGISTER\r\n"
        "Contact: %s\r\nExpires: %u\r\nContent-Length: 0\r\n\r\n",
        cseq, to, to, cseq, contact, expires);
    char *m = phone_expect(&lab->core, "REGISTER");
    snprintf(granted, sizeof(granted), "Contact: %s;expires=%u\r\n" GIVEN, contact, expires);
    core_answers(lab, m, "200 OK", expires ? granted : "");
    phone_drop(&lab->alice, "SIP/2.0 200");
    free(m);
}

#define HERE  "<sip:alice@192.168.7.1:5060>"
#define THERE "<sip:alice@192.168.7.1:5062>"

static uint64_t left(struct lab *lab)
{
    return world_count(lab->world, PCSCF_REGISTERED);
}

static void a_contact_goes_and_the_other_stays(void **state)
{
    struct lab lab = lab_set("");
    registers(&lab, ALICE, HERE, 600);
    registers(&lab, ALICE, THERE, 600);
    assert_int_equal(left(&lab), 2);
    registers(&lab, ALICE, HERE, 0);
    assert_int_equal(left(&lab), 1);
    registers(&lab, ALICE, HERE, 0); /* again: nothing to do */
    assert_int_equal(left(&lab), 1);
    registers(&lab, ALICE, THERE, 0);
    assert_int_equal(left(&lab), 0);
    world_destroy(lab.world);
}

static void a_set_ends_by_any_of_its_names(void **state)
{
    static const char *const names[] = {ALICE, FIRST, "<sip:FIRST@ims.test>", "<tel:+1-555-1234>"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool other = i == 2; /* the user part knows case */
        struct lab lab = lab_set("");
        registers(&lab, ALICE, HERE, 600);
        registers(&lab, names[i], HERE, 0);
        assert_int_equal(left(&lab), other);
        registers(&lab, ALICE, HERE, 600);
        registers(&lab, names[i], "*", 0);
        assert_int_equal(left(&lab), other);
        world_destroy(lab.world);
    }
}

static void two_of_a_set_end_together(void **state)
{
    struct lab lab = lab_set("");
    registers(&lab, ALICE, HERE, 600);
    registers(&lab, FIRST, HERE, 600);
    registers(&lab, ALICE, THERE, 600);
    assert_int_equal(left(&lab), 3);
    registers(&lab, FIRST, HERE, 0);
    assert_int_equal(left(&lab), 1); /* by another contact it is another registration */
    registers(&lab, FIRST, "*", 0);
    assert_int_equal(left(&lab), 0);
    world_destroy(lab.world);
}

static void a_stranger_ends_nobody(void **state)
{
    struct lab lab = lab_set("");
    registers(&lab, ALICE, HERE, 600);
    registers(&lab, "<sip:second@ims.test>", HERE, 0);
    registers(&lab, "<sip:second@ims.test>", "*", 0);
    assert_int_equal(left(&lab), 1);
    world_destroy(lab.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_contact_goes_and_the_other_stays),
        cmocka_unit_test(a_set_ends_by_any_of_its_names),
        cmocka_unit_test(two_of_a_set_end_together),
        cmocka_unit_test(a_stranger_ends_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
