/* Security agreement with tls (RFC 3329, TS 33.203 annex O): answered when offered, never asked for, and a
 * list that is not ours is refused. */
#include "core_lab.h"
#include "modules/pcscf/registration/sec_agree.h"
#include "tls_phone.h"

#define REQUIRED "Require: sec-agree\r\nProxy-Require: sec-agree\r\n"

static enum sec_agree read_as(const char *method, bool tls, const char *headers)
{
    char text[1024];
    struct sip_msg m;
    struct sip_fault fault;
    int n = snprintf(text, sizeof(text),
                     "%s sip:ims.test SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n"
                     "From: <sip:a@ims.test>;tag=x\r\nTo: <sip:a@ims.test>\r\nCall-ID: c\r\nCSeq: 1 %s\r\n"
                     "%sContent-Length: 0\r\n\r\n",
                     method, method, headers);
    assert_int_equal(sip_msg_parse(&m, bytes_of(text, (size_t)n), SIP_STREAM, &fault), 0);
    return sec_agree_of(&m, tls);
}

static void what_is_asked_is_read(void **state)
{
    static const struct {
        const char *method;
        bool tls;
        const char *headers;
        enum sec_agree is;
    } cases[] = {
        {"REGISTER", true, "", SEC_AGREE_NONE},
        {"INVITE", false, "", SEC_AGREE_NONE},
        {"REGISTER", true, "Supported: sec-agree\r\n", SEC_AGREE_NONE},
        {"REGISTER", true, "Security-Client: tls\r\n" REQUIRED, SEC_AGREE_OFFERED},
        {"REGISTER", true, "Security-Client: tls\r\n", SEC_AGREE_OFFERED},
        {"REGISTER", true, "Security-Client: ipsec-3gpp;alg=hmac-sha-1-96, TLS;q=0.1\r\n" REQUIRED,
         SEC_AGREE_OFFERED},
        {"REGISTER", false, "Security-Client: tls\r\n" REQUIRED, SEC_AGREE_OFFERED}, /* 33.203 O.2.2 */
        {"INVITE", false, "Security-Client: tls\r\n" REQUIRED, SEC_AGREE_REFUSED},   /* RFC 3329 2.3.1 */
        {"REGISTER", true, "Security-Client: ipsec-3gpp;alg=hmac-sha-1-96\r\n" REQUIRED, SEC_AGREE_REFUSED},
        {"REGISTER", true, "Security-Client: ipsec-3gpp;alg=hmac-sha-1-96\r\n", SEC_AGREE_NONE},
        {"REGISTER", true, "Security-Client: tlsx\r\n" REQUIRED, SEC_AGREE_REFUSED},
        {"REGISTER", true, REQUIRED, SEC_AGREE_REFUSED},
        {"REGISTER", true, "Require: sec-agree\r\n", SEC_AGREE_REFUSED},
        {"REGISTER", true, "Security-Verify: tls\r\n" REQUIRED, SEC_AGREE_VERIFIED},
        {"INVITE", true, "Security-Verify:  TLS \r\n", SEC_AGREE_VERIFIED},
        {"REGISTER", true, "Security-Verify: tls\r\nSecurity-Client: tls\r\n" REQUIRED, SEC_AGREE_VERIFIED},
        {"INVITE", false, "Security-Verify: tls\r\n" REQUIRED, SEC_AGREE_REFUSED}, /* over what, then? */
        {"INVITE", true, "Security-Verify: digest\r\n" REQUIRED, SEC_AGREE_REFUSED},
        {"INVITE", true, "Security-Verify: tls;q=0.1\r\n", SEC_AGREE_REFUSED},
        {"INVITE", true, "Security-Verify: tls, digest;d-alg=md5\r\n", SEC_AGREE_REFUSED},
        {"INVITE", true, "Security-Verify: digest\r\nSecurity-Verify: tls\r\n", SEC_AGREE_REFUSED},
        {"INVITE", true, "Security-Verify: tls, tls\r\n", SEC_AGREE_REFUSED},
        {"INVITE", true, "Security-Verify: tls,\r\n", SEC_AGREE_REFUSED},
        {"INVITE", true, "Security-Verify: \r\n", SEC_AGREE_REFUSED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (read_as(cases[i].method, cases[i].tls, cases[i].headers) != cases[i].is)
            fail_msg("%s %s", cases[i].method, cases[i].headers);
    }
}

static struct lab tls_lab(void)
{
    struct lab lab = lab_create();
    tls_connect(&lab.alice, 0, 41000);
    return lab;
}

static void the_challenge_tells_our_list_to_who_offered(void **state)
{
    struct lab lab = tls_lab();
    lab.alice.extra = "Security-Client: tls\r\nSecurity-Client: ipsec-ike\r\n" REQUIRED;
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    char *m = phone_expect(&lab.core, "REGISTER");
    assert_null(strstr(m, "Security-"));
    assert_null(strstr(m, "sec-agree"));
    core_answers(&lab, m, "401 Unauthorized",
                 "Security-Server: mine\r\nWWW-Authenticate: Digest realm=\"r\"\r\n");
    free(m);
    m = phone_expect(&lab.alice, "SIP/2.0 401");
    assert_string_equal(header_of(m, "Security-Server", 0), "tls");
    assert_string_equal(header_of(m, "Security-Server", 1), "");
    free(m);
    lab.alice.extra = "Security-Verify: tls\r\nSecurity-Client: tls\r\n" REQUIRED;
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    m = phone_expect(&lab.core, "REGISTER");
    assert_null(strstr(m, "Security-"));
    core_answers(&lab, m, "200 OK", GRANTED);
    free(m);
    m = phone_expect(&lab.alice, "SIP/2.0 200");
    assert_string_equal(header_of(m, "Security-Server", 0), "");
    free(m);
    phone_requests(&lab.alice, "MESSAGE", "sip:b@else.example", "<sip:b@else.example>", "m1", 1,
                   "Security-Verify: tls\r\n" REQUIRED);
    m = phone_expect(&lab.core, "MESSAGE");
    assert_null(strstr(m, "Security-"));
    assert_null(strstr(m, "sec-agree"));
    free(m);
    tls_world_destroy(lab.world);
}

static void who_did_not_offer_is_told_nothing(void **state)
{
    struct lab lab = tls_lab();
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    char *m = phone_expect(&lab.core, "REGISTER");
    core_answers(&lab, m, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"r\"\r\n");
    free(m);
    m = phone_expect(&lab.alice, "SIP/2.0 401");
    assert_null(strstr(m, "Security-"));
    free(m);
    tls_world_destroy(lab.world);
}

static void a_list_that_was_tampered_with_is_494(void **state)
{
    struct lab lab = tls_lab();
    lab.alice.extra = "Security-Verify: digest;d-alg=md5, tls\r\n" REQUIRED;
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    char *m = phone_expect(&lab.alice, "SIP/2.0 494 Security Agreement Required");
    assert_string_equal(header_of(m, "Security-Server", 0), "tls");
    free(m);
    phone_expect_none(&lab.core);
    assert_int_equal(world_count(lab.world, PCSCF_REFUSED_AGREEMENT), 1);
    tls_world_destroy(lab.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_is_read),
        cmocka_unit_test(the_challenge_tells_our_list_to_who_offered),
        cmocka_unit_test(who_did_not_offer_is_told_nothing),
        cmocka_unit_test(a_list_that_was_tampered_with_is_494),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
