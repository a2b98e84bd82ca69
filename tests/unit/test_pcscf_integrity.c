/* What the core is told of how a REGISTER was protected (TS 24.229 5.2.2.4, 7.2A.2), and the keys of AKA that
 * a phone must not see (TS 24.229 5.2.2.1). */
#include "core_lab.h"
#include "tls_phone.h"

static struct lab tls_lab(const char *setting)
{
    struct lab lab = lab_set(setting);
    tls_connect(&lab.alice, 0, 41000);
    return lab;
}

#define CREDENTIALS(user, response)                                                                          \
    "Authorization: Digest username=\"" user "\",realm=\"ims.test\",nonce=\"n\",uri=\"sip:ims.test\","       \
    "response=\"" response "\"\r\n"

/* The Authorization that the core sees of a REGISTER with that one. */
static const char *seen(struct lab *lab, const char *authorization, const char *answer)
{
    phone_register_once(&lab->alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n",
                        authorization);
    char *m = phone_expect(&lab->core, "REGISTER");
    static char value[1024];
    snprintf(value, sizeof(value), "%s", header_of(m, "Authorization", 0));
    core_answers(lab, m, answer, answer[0] == '2' ? GRANTED : "");
    free(phone_expect(&lab->alice, "SIP/2.0 "));
    free(m);
    return value;
}

static bool says(const char *authorization, const char *what)
{
    char text[64];
    snprintf(text, sizeof(text), ",integrity-protected=\"%s\"", what);
    const char *at = strstr(authorization, "integrity-protected");
    return at && strstr(at + 1, "integrity-protected") == NULL && strstr(authorization, text);
}

static void pending_with_an_answer_yes_once_it_was_accepted(void **state)
{
    struct lab lab = tls_lab("");
    assert_null(strstr(seen(&lab, CREDENTIALS("a@ims.test", ""), "401 Unauthorized"), "integrity"));
    assert_true(says(seen(&lab, CREDENTIALS("a@ims.test", "0123"), "200 OK"), "tls-pending"));
    assert_true(says(seen(&lab, CREDENTIALS("a@ims.test", ""), "200 OK"), "tls-yes"));
    assert_true(says(seen(&lab, CREDENTIALS("a@ims.test", ""), "401 Unauthorized"), "tls-yes"));
    assert_true(says(seen(&lab, CREDENTIALS("a@ims.test", "0123"), "200 OK"), "tls-pending"));
    tls_world_destroy(lab.world);
}

static void somebody_else_on_the_connection_has_proved_nothing(void **state)
{
    struct lab lab = tls_lab("");
    seen(&lab, CREDENTIALS("a@ims.test", "0123"), "200 OK");
    assert_null(strstr(seen(&lab, CREDENTIALS("b@ims.test", ""), "401 Unauthorized"), "integrity"));
    assert_null(strstr(seen(&lab, CREDENTIALS("", ""), "401 Unauthorized"), "integrity"));
    assert_string_equal(seen(&lab, "", "401 Unauthorized"), "");
    tls_world_destroy(lab.world);
}

static void another_connection_has_proved_nothing(void **state)
{
    struct lab lab = tls_lab("");
    seen(&lab, CREDENTIALS("a@ims.test", "0123"), "200 OK");
    tls_connect(&lab.alice, 1, 41001);
    assert_null(strstr(seen(&lab, CREDENTIALS("a@ims.test", ""), "401 Unauthorized"), "integrity"));
    tls_world_destroy(lab.world);
}

/* Which of two sets of credentials the core has checked, nobody knows here. */
static void two_sets_of_credentials_prove_nothing(void **state)
{
    struct lab lab = tls_lab("");
    static const char *const both = CREDENTIALS("b@ims.test", "") CREDENTIALS("a@ims.test", "0123");
    assert_null(strstr(seen(&lab, both, "200 OK"), "integrity"));
    assert_null(strstr(seen(&lab, CREDENTIALS("b@ims.test", ""), "200 OK"), "integrity"));
    assert_null(strstr(seen(&lab, CREDENTIALS("a@ims.test", ""), "200 OK"), "integrity"));
    tls_world_destroy(lab.world);
}

static void a_200_without_a_password_proves_nothing(void **state)
{
    struct lab lab = tls_lab("");
    seen(&lab, CREDENTIALS("a@ims.test", ""), "200 OK");
    assert_null(strstr(seen(&lab, CREDENTIALS("a@ims.test", ""), "200 OK"), "integrity"));
    tls_world_destroy(lab.world);
}

static void the_phones_own_value_gives_way_to_ours(void **state)
{
    struct lab lab = tls_lab("");
    assert_true(says(seen(&lab,
                          "Authorization: Digest integrity-protected=\"tls-yes\",username=\"a\",realm=\"r\","
                          "nonce=\"n\",uri=\"sip:x\",response=\"0\",integrity-protected=tls-yes\r\n",
                          "401 Unauthorized"),
                     "tls-pending"));
    tls_world_destroy(lab.world);
}

static void without_tls_nothing_is_said(void **state)
{
    struct lab lab = lab_create();
    assert_null(strstr(seen(&lab, CREDENTIALS("a@ims.test", "0123"), "200 OK"), "integrity"));
    assert_null(strstr(seen(&lab, CREDENTIALS("a@ims.test", ""), "200 OK"), "integrity"));
    world_destroy(lab.world);
}

static void the_operator_may_switch_it_off(void **state)
{
    struct lab lab = tls_lab("integrity_protected = no");
    assert_null(strstr(seen(&lab, CREDENTIALS("a@ims.test", "0123"), "200 OK"), "integrity"));
    tls_world_destroy(lab.world);
}

/* ---- session keys ---- */

static const char *challenge_seen(struct lab *lab, const char *challenge)
{
    char line[512];
    snprintf(line, sizeof(line), "WWW-Authenticate: %s\r\n", challenge);
    phone_register_once(&lab->alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    char *m = phone_expect(&lab->core, "REGISTER");
    core_answers(lab, m, "401 Unauthorized", line);
    free(m);
    m = phone_expect(&lab->alice, "SIP/2.0 401");
    const char *value = header_of(m, "WWW-Authenticate", 0);
    free(m);
    return value;
}

static void the_keys_of_aka_stay_here(void **state)
{
    static const struct {
        const char *from_core, *to_phone;
    } challenges[] = {
        {"Digest realm=\"r\",nonce=\"bm9uY2Vjaz0=\",algorithm=AKAv1-MD5,ck=\"00112233\",ik=\"44556677\"",
         "Digest realm=\"r\",nonce=\"bm9uY2Vjaz0=\",algorithm=AKAv1-MD5"},
        {"Digest ck=\"00\", realm=\"r\", IK = \"11\", nonce=\"n\"", "Digest realm=\"r\", nonce=\"n\""},
        {"Digest realm=\"r\",nonce=\"n\",opaque=\"ck=1,ik=2\",algorithm=AKAv2-MD5",
         "Digest realm=\"r\",nonce=\"n\",opaque=\"ck=1,ik=2\",algorithm=AKAv2-MD5"},
        {"Digest ck=\"00\",ik=\"11\"", ""},
        {"Digest realm=\"r,ck=\"00\"", ""}, /* not to be read: not to be shown */
    };
    struct lab lab = lab_create();
    for (size_t i = 0; i < sizeof(challenges) / sizeof(challenges[0]); i++)
        assert_string_equal(challenge_seen(&lab, challenges[i].from_core), challenges[i].to_phone);
    world_destroy(lab.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pending_with_an_answer_yes_once_it_was_accepted),
        cmocka_unit_test(somebody_else_on_the_connection_has_proved_nothing),
        cmocka_unit_test(another_connection_has_proved_nothing),
        cmocka_unit_test(two_sets_of_credentials_prove_nothing),
        cmocka_unit_test(a_200_without_a_password_proves_nothing),
        cmocka_unit_test(the_phones_own_value_gives_way_to_ours),
        cmocka_unit_test(without_tls_nothing_is_said),
        cmocka_unit_test(the_operator_may_switch_it_off),
        cmocka_unit_test(the_keys_of_aka_stay_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
