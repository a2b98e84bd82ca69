/* Which Contacts are one binding: RFC 3261 10.3 and 19.1.4, RFC 5626 6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modules/sip/contact_key.h"
#include <cmocka.h>

static const char *key_of(const char *contact, bool outbound)
{
    static char keys[2][SIP_CONTACT_KEY_MAX];
    static unsigned turn;
    struct sip_contact c;
    char *key = keys[turn++ % 2];
    assert_true(sip_contact_parse(bytes_str(contact), &c));
    size_t n = sip_contact_key(&c, outbound, key);
    assert_true(n > 0);
    assert_int_equal(n, strlen(key));
    return key;
}

static void same(const char *a, const char *b)
{
    assert_string_equal(key_of(a, true), key_of(b, true));
}
static void differ(const char *a, const char *b)
{
    assert_string_not_equal(key_of(a, true), key_of(b, true));
}

/* The examples of RFC 3261 19.1.4 that are about contacts. */
static void uris_are_the_same_by_the_rules_of_19_1_4(void **state)
{
    same("<sip:%61lice@atlanta.com;transport=TCP>", "<sip:alice@AtlanTa.CoM;Transport=tcp>");
    same("<sip:carol@chicago.com>", "<sip:carol@chicago.com;newparam=5>");
    same("<sip:carol@chicago.com>;q=0.5;expires=60", "sip:carol@chicago.com");
    differ("<sip:ALICE@AtlanTa.CoM;Transport=udp>",
           "<sip:alice@AtlanTa.CoM;Transport=UDP>");                      /* user: by case */
    differ("<sip:bob@biloxi.com>", "<sip:bob@biloxi.com:5060>");          /* port */
    differ("<sip:bob@biloxi.com>", "<sip:bob@biloxi.com;transport=udp>"); /* transport */
    differ("<sip:bob@biloxi.com>", "<sip:bob@biloxi.com;maddr=1.2.3.4>");
    differ("<sip:bob@phone21.boxesbybob.com>", "<sip:bob@192.0.2.4>"); /* names are not looked up */
}

static void instance_and_reg_id_count_before_the_uri(void **state)
{
    static const char one[] = "<sip:a@h1>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    same(one, "<sip:a@h2:5>;reg-id=1;+sip.instance=\"<urn:uuid:1>\"");
    differ(one, "<sip:a@h1>;+sip.instance=\"<urn:uuid:1>\";reg-id=2");
    differ(one, "<sip:a@h1>;+sip.instance=\"<urn:uuid:2>\";reg-id=1");
    same("<sip:a@h1>;+sip.instance=\"<urn:uuid:1>\"", "<sip:a@h1>"); /* no reg-id: by URI */
    same("<sip:a@h1>;reg-id=1", "<sip:a@h1>");                       /* no instance: by URI (RFC 5626 6) */
    assert_string_equal(key_of(one, false), key_of("<sip:a@h1>", false));
}

static void what_does_not_fit_has_no_key(void **state)
{
    char text[2048] = "<sip:a@h>;reg-id=1;+sip.instance=\"<", key[SIP_CONTACT_KEY_MAX];
    size_t n = strlen(text);
    memset(text + n, 'x', 1000);
    strcpy(text + n + 1000, ">\"");
    struct sip_contact c;
    assert_true(sip_contact_parse(bytes_str(text), &c));
    assert_int_equal(sip_contact_key(&c, true, key), 0);

    strcpy(text, "<sip:a@h;maddr=");
    n = strlen(text);
    memset(text + n, 'm', 1000);
    strcpy(text + n + 1000, ">");
    assert_true(sip_contact_parse(bytes_str(text), &c));
    assert_int_equal(sip_contact_key(&c, true, key), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uris_are_the_same_by_the_rules_of_19_1_4),
        cmocka_unit_test(instance_and_reg_id_count_before_the_uri),
        cmocka_unit_test(what_does_not_fit_has_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
