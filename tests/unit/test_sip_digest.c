#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/digest.h"
#include "modules/sip/params.h"
#include "sip_text.h"
#include <errno.h>

/* RFC 7616 3.9.1 */
#define RFC7616(algorithm, response)                                                                         \
    "Digest username=\"Mufasa\",\r\n realm=\"http-auth@example.org\",\r\n uri=\"/dir/index.html\",\r\n"      \
    " algorithm=" algorithm ",\r\n nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\",\r\n"              \
    " nc=00000001,\r\n cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\",\r\n qop=auth,\r\n"           \
    " response=\"" response "\",\r\n opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
#define MD5_RESPONSE "8ca523f5e9506fed4657c9700eebdbec"
#define SHA_RESPONSE "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"

static struct user_key mufasa(const char *realm, const char *password)
{
    struct user_key key;
    assert_int_equal(user_key_derive(bytes_str(realm), BYTES("Mufasa"), bytes_str(password), &key), 0);
    return key;
}

static void vectors_of_rfc_7616(void **state)
{
    struct user_key key = mufasa("http-auth@example.org", "Circle of Life");
    struct digest_credentials c;
    assert_int_equal(digest_credentials_parse(BYTES(RFC7616("MD5", MD5_RESPONSE)), &c), 0);
    assert_bytes(c.username, "Mufasa");
    assert_bytes(c.uri, "/dir/index.html");
    assert_int_equal(c.nc, 1);
    assert_int_equal(c.qop, DIGEST_QOP_AUTH);
    assert_int_equal(digest_verify(&c, &key, BYTES("GET")), DIGEST_OK);
    assert_int_equal(digest_verify(&c, &key, BYTES("PUT")), DIGEST_WRONG);
    assert_int_equal(digest_credentials_parse(BYTES(RFC7616("SHA-256", SHA_RESPONSE)), &c), 0);
    assert_int_equal(c.algorithm, DIGEST_SHA256);
    assert_int_equal(digest_verify(&c, &key, BYTES("GET")), DIGEST_OK);
    /* the MD5 answer under the name of SHA-256, and the other way round */
    assert_int_equal(digest_credentials_parse(BYTES(RFC7616("SHA-256", MD5_RESPONSE)), &c), 0);
    assert_int_equal(digest_verify(&c, &key, BYTES("GET")), DIGEST_WRONG);
    struct user_key other = mufasa("http-auth@example.org", "circle of life");
    assert_int_equal(digest_credentials_parse(BYTES(RFC7616("MD5", MD5_RESPONSE)), &c), 0);
    assert_int_equal(digest_verify(&c, &other, BYTES("GET")), DIGEST_WRONG);
}

/* RFC 2069 2.4, its response as corrected by erratum 749: no qop. */
static void without_qop(void **state)
{
    struct user_key key = mufasa("testrealm@host.com", "CircleOfLife");
    struct digest_credentials c;
    assert_int_equal(
        digest_credentials_parse(BYTES("Digest username=\"Mufasa\",realm=\"testrealm@host.com\","
                                       "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\",uri=\"/dir/index.html\","
                                       "response=\"1949323746FE6A43ef61f9606e7febea\""),
                                 &c),
        0);
    assert_int_equal(c.qop, DIGEST_QOP_NONE);
    assert_int_equal(c.algorithm, DIGEST_MD5);
    assert_int_equal(digest_verify(&c, &key, BYTES("GET")), DIGEST_OK);
}

#define BASE "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:b\",response=\"00\""

static void not_computed(void **state)
{
    static const char *const rows[] = {
        BASE ",algorithm=MD5-sess",
        BASE ",algorithm=AKAv1-MD5",
        BASE ",algorithm=SHA-512-256",
        BASE ",qop=auth-int,cnonce=\"c\",nc=00000001",
        BASE ",algorithm=SHA-256-sess,qop=auth,cnonce=\"c\",nc=00000001",
    };
    struct user_key key = mufasa("r", "p");
    struct digest_credentials c;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(digest_credentials_parse(bytes_str(rows[i]), &c), 0);
        assert_int_equal(digest_verify(&c, &key, BYTES("REGISTER")), DIGEST_REFUSED);
    }
}

static void malformed_credentials(void **state)
{
    static const char *const bad[] = {
        "",
        "Digest",
        "Digest ",
        "Digest username=\"a\"",
        "Digest username=\"a\",realm=\"r\",nonce=\"n\",response=\"0\"",
        "Digest realm=\"r\",nonce=\"n\",uri=\"u\",response=\"0\"",
        BASE ",",
        BASE ",,opaque=\"x\"",
        BASE ",opaque=\"x",
        BASE ",opaque=x\"y\"",
        BASE ",opaque",
        BASE ",=x",
        BASE ",opaque=",
        BASE ",realm=\"other\"",
        BASE ",RESPONSE=\"11\"",
        BASE ",qop=auth",
        BASE ",qop=auth,nc=00000001",
        BASE ",qop=auth,cnonce=\"c\"",
        BASE ",qop=auth,cnonce=\"c\",nc=1",
        BASE ",qop=auth,cnonce=\"c\",nc=0000000g",
        BASE ",qop=auth,cnonce=\"c\",nc=00000000",
        BASE ",qop=auth,cnonce=\"c\",nc=000000001",
        BASE ",qop=auth,cnonce=\"\",nc=00000001",
        BASE "x",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bytes b = exact(bytes_str(bad[i]));
        struct digest_credentials c;
        if (digest_credentials_parse(b, &c) != -EBADMSG)
            fail_msg("taken: %s", bad[i]);
        drop(b);
    }
}

/* RFC 4475 3.3.7: another scheme is somebody else's. TS 24.229 5.1.1.2: a first REGISTER has an empty
 * response. */
static void other_schemes_and_empty_responses(void **state)
{
    struct digest_credentials c;
    assert_int_equal(digest_credentials_parse(BYTES("NoOneKnowsThisScheme opaque-data=here"), &c),
                     -EPROTONOSUPPORT);
    assert_int_equal(digest_credentials_parse(BYTES("Basic YTpi"), &c), -EPROTONOSUPPORT);
    assert_int_equal(
        digest_credentials_parse(BYTES("digest username=\"a@ims\",realm=\"ims\",nonce=\"\",uri=\"sip:ims\","
                                       "response=\"\",integrity-protected=no"),
                                 &c),
        0);
    assert_int_equal(c.response.n, 0);
    assert_bytes(c.username, "a@ims");
    struct user_key key = mufasa("ims", "p");
    assert_int_equal(digest_verify(&c, &key, BYTES("REGISTER")), DIGEST_WRONG);
    assert_int_equal(
        digest_credentials_parse(BYTES("Digest username*=UTF-8''a,realm=\"r\",nonce=\"n\",uri=\"u\","
                                       "response=\"0\""),
                                 &c),
        0);
    assert_true(c.username_star);
    assert_int_equal(c.username.n, 0);
}

static void escaped_names(void **state)
{
    struct digest_credentials c;
    uint8_t name[16];
    assert_int_equal(
        digest_credentials_parse(BYTES("Digest username=\"a\\\"b\\\\c\",realm=\"r, s\",nonce=\"n\",uri=\"u\","
                                       "response=\"0\""),
                                 &c),
        0);
    assert_bytes(c.username, "a\\\"b\\\\c");
    assert_bytes(c.realm, "r, s");
    struct bytes quoted = bytes_of(c.username.p - 1, c.username.n + 2);
    assert_int_equal(sip_unquote(quoted, name, sizeof(name)), 5);
    assert_memory_equal(name, "a\"b\\c", 5);
}

static void challenge_there_and_back(void **state)
{
    struct digest_challenge c =
                                {
                                    .realm = BYTES("ims \"test\""),
                                    .nonce = BYTES("abc"),
                                    .opaque = BYTES("o"),
                                    .algorithm = DIGEST_SHA256,
                                    .stale = true,
                                },
                            back;
    struct buf out;
    buf_init(&out);
    assert_true(digest_challenge_write(&c, &out));
    assert_bytes(buf_bytes(&out),
                 "Digest realm=\"ims \\\"test\\\"\",nonce=\"abc\",opaque=\"o\",algorithm=SHA-256,"
                 "qop=\"auth\",stale=true");
    assert_int_equal(digest_challenge_parse(buf_bytes(&out), &back), 0);
    assert_bytes(back.realm, "ims \\\"test\\\"");
    assert_bytes(back.nonce, "abc");
    assert_int_equal(back.algorithm, DIGEST_SHA256);
    assert_true(back.stale && back.qop_auth && back.has_qop);
    buf_fini(&out);
}

static void malformed_challenges(void **state)
{
    static const char *const bad[] = {"Digest", "Digest realm=\"r\"", "Digest nonce=\"n\"",
                                      "Digest realm=\"r\",nonce=\"n\",nonce=\"m\"",
                                      "Digest realm=\"r\" nonce=\"n\""};
    struct digest_challenge c;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(digest_challenge_parse(bytes_str(bad[i]), &c), -EBADMSG);
    assert_int_equal(digest_challenge_parse(BYTES("Negotiate"), &c), -EPROTONOSUPPORT);
    assert_int_equal(
        digest_challenge_parse(BYTES("Digest realm=\"r\",nonce=\"n\",qop=\"auth-int, auth\""), &c), 0);
    assert_true(c.qop_auth);
    assert_int_equal(digest_challenge_parse(BYTES("Digest realm=\"r\",nonce=\"n\",qop=\"auth-int\""), &c), 0);
    assert_true(!c.qop_auth && c.has_qop);
}

/* What the client computes, the server takes; and it is the text of RFC 7616. */
static void answers(void **state)
{
    struct user_key key = mufasa("http-auth@example.org", "Circle of Life");
    struct digest_challenge challenge;
    struct digest_credentials c;
    struct digest_answer a = {
        .challenge = &challenge,
        .username = BYTES("Mufasa"),
        .method = BYTES("GET"),
        .uri = BYTES("/dir/index.html"),
        .cnonce = BYTES("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
        .nc = 1,
    };
    struct buf out;
    buf_init(&out);
    assert_int_equal(
        digest_challenge_parse(BYTES("Digest realm=\"http-auth@example.org\",qop=\"auth, auth-int\","
                                     "algorithm=SHA-256,"
                                     "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\","
                                     "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""),
                               &challenge),
        0);
    assert_int_equal(digest_answer_write(&a, &key, &out), 0);
    assert_int_equal(digest_credentials_parse(buf_bytes(&out), &c), 0);
    assert_bytes(c.response, SHA_RESPONSE);
    assert_bytes(c.nc_text, "00000001");
    assert_int_equal(digest_verify(&c, &key, BYTES("GET")), DIGEST_OK);
    buf_clear(&out);
    challenge.qop_auth = false;
    assert_int_equal(digest_answer_write(&a, &key, &out), -EPROTONOSUPPORT); /* auth-int alone */
    challenge.algorithm = DIGEST_OTHER;
    assert_int_equal(digest_answer_write(&a, &key, &out), -EPROTONOSUPPORT);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_rfc_7616),
        cmocka_unit_test(without_qop),
        cmocka_unit_test(not_computed),
        cmocka_unit_test(malformed_credentials),
        cmocka_unit_test(other_schemes_and_empty_responses),
        cmocka_unit_test(escaped_names),
        cmocka_unit_test(challenge_there_and_back),
        cmocka_unit_test(malformed_challenges),
        cmocka_unit_test(answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
