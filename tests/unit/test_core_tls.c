/* TLS with the core, both roles, in memory: which certificates are good (RFC 5922 7.3, 7.4; RFC 5924 4), and
 * that nothing begun elsewhere goes on as a core's connection. */
#include "tls_pair.h"

#include "modules/pcscf/core/cert_name.h"
#include "modules/pcscf/core/core_tls.h"

#define DOMAIN     "ims.core.test"
#define SIP_DOMAIN "1.3.6.1.5.5.7.3.20"

struct lab {
    struct authority ca, other;
    struct core_tls *tls;
    struct identity own; /* of who does not have to show which */
    SSL_CTX *servers, *clients;
};

static bool knows(void *arg, X509 *cert)
{
    (void)arg;
    return cert_name_matches(cert, DOMAIN);
}

static const struct wish plain = {.names = "DNS:" DOMAIN};

static struct lab lab_create(void)
{
    struct lab lab = {.ca = pair_authority("core"), .other = pair_authority("other")};
    const struct pcscf_config config = {
        .core_tls_ca = lab.ca.file, .core_tls_certificate = "", .core_tls_key = ""};
    struct buf why;
    buf_init(&why);
    lab.tls = core_tls_create(&config, &why);
    assert_non_null(lab.tls);
    buf_fini(&why);
    core_tls_set_known(lab.tls, knows, NULL);
    lab.own = pair_identity(&lab.ca, "own", &plain);
    lab.servers = SSL_CTX_new(TLS_server_method());
    lab.clients = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_id_context(lab.servers, (const unsigned char *)"phones", 6);
    SSL_CTX_use_cert_and_key(lab.servers, lab.own.cert, lab.own.key, NULL, 1);
    return lab;
}

static void lab_destroy(struct lab *lab)
{
    SSL_CTX_free(lab->servers);
    SSL_CTX_free(lab->clients);
    pair_identity_free(&lab->own);
    core_tls_destroy(lab->tls);
    pair_authority_free(&lab->ca);
    pair_authority_free(&lab->other);
}

/* X509_V_OK: let in. -1: refused, and not for what the certificate is. */
static long comes_in(struct lab *lab, const struct identity *id, int version, bool required)
{
    SSL *client = SSL_new(lab->clients), *server = SSL_new(lab->servers);
    SSL_set_max_proto_version(client, version);
    pair_show(client, id);
    assert_true(core_tls_ask(lab->tls, server, required));
    bool done = pair_shake(client, server);
    long verdict = SSL_get_verify_result(server);
    assert_int_equal(done && id, SSL_get0_peer_certificate(server) != NULL);
    SSL_free(client);
    SSL_free(server);
    ERR_clear_error();
    return verdict == X509_V_OK && !done ? -1 : verdict;
}

static const struct {
    struct wish wish;
    bool other; /* another authority's */
    long verdict;
} clients[] = {
    {{.names = "DNS:" DOMAIN}, false, X509_V_OK},
    {{.names = "URI:sip:" DOMAIN ",DNS:x.test", .usage = "clientAuth"}, false, X509_V_OK},
    {{.names = "DNS:" DOMAIN, .usage = "serverAuth,clientAuth", .key = "digitalSignature"}, false, X509_V_OK},
    {{.names = "DNS:" DOMAIN, .usage = SIP_DOMAIN}, false, X509_V_OK},
    {{.names = "DNS:" DOMAIN, .usage = SIP_DOMAIN, .key = "digitalSignature"}, false, X509_V_OK},
    {{.names = "DNS:" DOMAIN, .usage = SIP_DOMAIN ",emailProtection"}, false, X509_V_OK},
    {{.names = "DNS:" DOMAIN, .usage = "anyExtendedKeyUsage"}, false, X509_V_OK},
    /* RFC 5924 4: what is made for something else only */
    {{.names = "DNS:" DOMAIN, .usage = "serverAuth"}, false, X509_V_ERR_INVALID_PURPOSE},
    {{.names = "DNS:" DOMAIN, .usage = "emailProtection"}, false, X509_V_ERR_INVALID_PURPOSE},
    {{.names = "DNS:" DOMAIN, .usage = SIP_DOMAIN, .key = "keyCertSign"}, false, X509_V_ERR_INVALID_PURPOSE},
    /* a good purpose excuses nothing else */
    {{.names = "DNS:" DOMAIN, .usage = SIP_DOMAIN, .old = true}, false, X509_V_ERR_CERT_HAS_EXPIRED},
    {{.names = "DNS:" DOMAIN, .usage = SIP_DOMAIN}, true, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
    {{.names = "DNS:x.test", .usage = SIP_DOMAIN}, false, X509_V_ERR_HOSTNAME_MISMATCH},
    {{.names = "DNS:*.core.test"}, false, X509_V_ERR_HOSTNAME_MISMATCH},
    {{.names = "URI:sip:x.test,DNS:" DOMAIN}, false, X509_V_ERR_HOSTNAME_MISMATCH},
    {{.names = NULL}, false, X509_V_ERR_HOSTNAME_MISMATCH},
};

static void who_comes_in_is_known_by_his_certificate(void **state)
{
    struct lab lab = lab_create();
    for (size_t i = 0; i < 2 * sizeof(clients) / sizeof(clients[0]); i++) {
        const struct wish *w = &clients[i / 2].wish;
        struct identity id = pair_identity(clients[i / 2].other ? &lab.other : &lab.ca, "client", w);
        long verdict = comes_in(&lab, &id, i & 1 ? TLS1_2_VERSION : TLS1_3_VERSION, i & 2);
        if (verdict != clients[i / 2].verdict)
            fail_msg("case %zu (%s, %s): %s", i / 2, w->names ? w->names : "-", w->usage ? w->usage : "-",
                     X509_verify_cert_error_string(verdict));
        pair_identity_free(&id);
    }
    lab_destroy(&lab);
}

static void none_is_enough_only_where_it_may_be(void **state)
{
    struct lab lab = lab_create();
    assert_int_equal(comes_in(&lab, NULL, TLS1_3_VERSION, true), -1);
    assert_int_equal(comes_in(&lab, NULL, TLS1_2_VERSION, true), -1);
    assert_int_equal(comes_in(&lab, NULL, TLS1_3_VERSION, false), X509_V_OK);
    assert_int_equal(comes_in(&lab, NULL, TLS1_2_VERSION, false), X509_V_OK);
    lab_destroy(&lab);
}

/* A phone's session, which nobody had to show anything for. */
static void a_session_from_elsewhere_does_not_go_on(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 4; i++) {
        struct lab lab = lab_create();
        SSL_CTX_set_max_proto_version(lab.clients, versions[i / 2]);
        SSL *client = SSL_new(lab.clients), *server = SSL_new(lab.servers);
        assert_true(pair_shake(client, server));
        SSL_SESSION *session = SSL_get1_session(client);
        assert_true(SSL_SESSION_is_resumable(session));
        /* else OpenSSL would call it bad, for want of a close_notify */
        SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(client);
        SSL_free(server);
        client = SSL_new(lab.clients);
        server = SSL_new(lab.servers);
        SSL_set_session(client, session);
        if (i & 1)
            assert_true(core_tls_ask(lab.tls, server, true));
        assert_int_equal(pair_shake(client, server), !(i & 1));
        assert_int_equal(SSL_session_reused(server), !(i & 1)); /* the test can fail */
        SSL_SESSION_free(session);
        SSL_free(client);
        SSL_free(server);
        ERR_clear_error();
        lab_destroy(&lab);
    }
}

static const struct {
    struct wish wish;
    long verdict;
} servers[] = {
    {{.names = "DNS:" DOMAIN, .usage = "serverAuth"}, X509_V_OK},
    {{.names = "DNS:" DOMAIN, .usage = SIP_DOMAIN}, X509_V_OK},
    {{.names = "DNS:" DOMAIN, .usage = "anyExtendedKeyUsage"}, X509_V_OK},
    {{.names = "DNS:" DOMAIN, .usage = "clientAuth"}, X509_V_ERR_INVALID_PURPOSE},
    {{.names = "DNS:x.test", .usage = SIP_DOMAIN}, X509_V_ERR_HOSTNAME_MISMATCH},
};

static void whom_we_connect_to_too(void **state)
{
    struct lab lab = lab_create();
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
        struct identity id = pair_identity(&lab.ca, "server", &servers[i].wish);
        bool wrong = false;
        SSL *client = core_tls_client(lab.tls, DOMAIN, &wrong), *server = SSL_new(lab.servers);
        pair_show(server, &id);
        assert_int_equal(pair_shake(client, server), servers[i].verdict == X509_V_OK);
        assert_int_equal(SSL_get_verify_result(client), servers[i].verdict);
        assert_int_equal(wrong, servers[i].verdict == X509_V_ERR_HOSTNAME_MISMATCH);
        SSL_free(client);
        SSL_free(server);
        pair_identity_free(&id);
        ERR_clear_error();
    }
    lab_destroy(&lab);
}

/* Between root and client: a CA that is for SIP alone may issue, one that is none may not. */
static void an_authority_may_be_for_sip_too(void **state)
{
    static const struct {
        struct wish wish;
        bool good;
    } middles[] = {
        {{.usage = SIP_DOMAIN, .basics = "critical,CA:TRUE"}, true},
        {{.usage = "serverAuth", .basics = "critical,CA:TRUE"}, false},
        {{.usage = SIP_DOMAIN, .basics = "critical,CA:FALSE"}, false},
    };
    struct lab lab = lab_create();
    for (size_t i = 0; i < 3; i++) {
        struct identity middle = pair_identity(&lab.ca, "middle", &middles[i].wish);
        const struct authority by = {.cert = middle.cert, .key = middle.key};
        struct identity id = pair_identity(&by, "client", &plain);
        SSL *client = SSL_new(lab.clients), *server = SSL_new(lab.servers);
        pair_show(client, &id);
        SSL_add1_chain_cert(client, middle.cert);
        assert_true(core_tls_ask(lab.tls, server, true));
        assert_int_equal(pair_shake(client, server), middles[i].good);
        SSL_free(client);
        SSL_free(server);
        pair_identity_free(&id);
        pair_identity_free(&middle);
        ERR_clear_error();
    }
    lab_destroy(&lab);
}

static void names_are_written_for_people(void **state)
{
    static const char *const names[][2] = {
        {"URI:sip:a.test,DNS:b.test,IP:10.0.0.1,IP:2001:db8::1,email:x@y.z",
         "a.test, b.test, 10.0.0.1, 2001:db8::1"},
        {"email:x@y.z", "nobody"},
        {NULL, "someone"},
    };
    char text[64], small[12];
    struct authority ca = pair_authority("core");
    for (size_t i = 0; i < 3; i++) {
        const struct wish w = {.names = names[i][0]};
        struct identity id = pair_identity(&ca, "someone", &w);
        cert_names(id.cert, text, sizeof(text));
        assert_string_equal(text, names[i][1]);
        cert_names(id.cert, small, sizeof(small));
        assert_true(strlen(small) < sizeof(small));
        pair_identity_free(&id);
    }
    struct identity rude = pair_identity(&ca, "a\x1b[2Jb", &(struct wish){0});
    cert_names(rude.cert, text, sizeof(text));
    assert_string_equal(text, "a?[2Jb");
    pair_identity_free(&rude);
    pair_authority_free(&ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_in_is_known_by_his_certificate),
        cmocka_unit_test(none_is_enough_only_where_it_may_be),
        cmocka_unit_test(a_session_from_elsewhere_does_not_go_on),
        cmocka_unit_test(whom_we_connect_to_too),
        cmocka_unit_test(an_authority_may_be_for_sip_too),
        cmocka_unit_test(names_are_written_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
