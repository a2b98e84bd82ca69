/* Routers that know no "lr", in front of the edge and behind it: RFC 3261 16.4, 16.6 item 6. */
#include "core_lab.h"
#include "modules/pcscf/strict.h"

static struct sip_msg parsed(const char *text)
{
    struct sip_msg m;
    struct sip_fault fault;
    assert_int_equal(sip_msg_parse(&m, bytes_str(text), SIP_DATAGRAM, &fault), 0);
    return m;
}

/* A MESSAGE to that Request-URI with those Route lines; static. */
static const char *message(const char *uri, const char *routes)
{
    static char text[4096];
    int n = snprintf(text, sizeof(text),
                     "MESSAGE %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99:5060;branch=z9hG4bKs\r\n"
                     "Max-Forwards: 70\r\nFrom: <sip:c@far.example>;tag=c\r\nTo: <sip:alice@ims.test>\r\n"
                     "Call-ID: s\r\nCSeq: 1 MESSAGE\r\n%sContent-Length: 0\r\n\r\n",
                     uri, routes);
    assert_true(n > 0 && (size_t)n < sizeof(text));
    return text;
}

static void the_last_route_becomes_the_request_uri(void **state)
{
    static const char *const routes[][3] = {
        {"Route: <sip:x@y>\r\n", "sip:x@y", "Route: <sip:t@gw.ims.test>\r\n"},
        {"Route: <sip:a;lr>, <sip:x@y;p=1>\r\n", "sip:x@y;p=1",
         "Route: <sip:t@gw.ims.test>\r\nRoute: <sip:a;lr>\r\n"},
        {"Route: <sip:a;lr>\r\nRoute: <sip:b;lr> ,\r\n \"X, Y\" <sip:x@y>\r\n", "sip:x@y",
         "Route: <sip:t@gw.ims.test>\r\nRoute: <sip:a;lr>\r\nRoute: <sip:b;lr>\r\n"},
    };
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        struct sip_msg rq = parsed(message("sip:t@gw.ims.test", routes[i][0]));
        struct buf out;
        buf_init(&out);
        assert_int_equal(strict_loosen(&rq, &out), 0);
        assert_true(buf_append(&out, bytes_of("", 1)));
        const char *text = (const char *)buf_bytes(&out).p;
        struct sip_msg m = parsed(text);
        assert_true(bytes_eq(m.ruri_text, bytes_str(routes[i][1])));
        assert_string_equal(headers_as(text, "Route", "Route", false), routes[i][2]);
        buf_fini(&out);
    }
}

/* Asked of the edge on worker 0. */
static bool is_strict(struct lab *lab, const char *uri, const char *routes)
{
    struct sip_msg m = parsed(message(uri, routes));
    return strict_is_from_one(pcscf_of(lab->world->w[0]), &m);
}

static void only_a_token_of_ours_in_front_makes_it_one(void **state)
{
    struct lab lab = lab_create();
    char token[TOKEN_TEXT_MAX], ours[ROUTE_URI_MAX], other[ROUTE_URI_MAX], ring[2 * ROUTE_URI_MAX];
    assert_true(phone_token(lab.world->w[0], &lab.alice.flow, BYTES("sip:alice@ims.test"), token));
    snprintf(ours, sizeof(ours), "sip:%s@10.9.9.9:5060", token);
    snprintf(other, sizeof(other), "sip:%s@10.9.9.8:5060", token);
    snprintf(ring, sizeof(ring), "Route: <sip:a;lr>, <%s>\r\n", ours);
    assert_true(is_strict(&lab, ours, "Route: <sip:x@y>\r\n"));
    assert_false(is_strict(&lab, ours, ""));
    assert_false(is_strict(&lab, ours, "Route: <sip:x@\r\n"));
    assert_false(is_strict(&lab, other, "Route: <sip:x@y>\r\n"));
    assert_false(is_strict(&lab, "sip:mine@10.9.9.9:5060", "Route: <sip:x@y>\r\n"));
    assert_false(is_strict(&lab, "sip:10.9.9.9:5060", "Route: <sip:x@y>\r\n"));
    assert_false(is_strict(&lab, ours, ring)); /* it would be one again for ever */
    world_destroy(lab.world);
}

/* The Path of a registration as a strict core takes it, whichever worker the datagram comes up at. */
static void it_reaches_the_phone_on_its_own_worker(void **state)
{
    struct lab lab = lab_create();
    char path[ROUTE_URI_MAX];
    char *m = registered(&lab, "");
    snprintf(path, sizeof(path), "%s", header_of(m, "Path", 0) + 1);
    path[strcspn(path, ">")] = '\0';
    phone_drop(&lab.alice, "SIP/2.0 200");
    core_send(&lab, "%s", message(path, "Route: <sip:alice@192.168.7.1:5060>\r\n"));
    char *got = phone_expect(&lab.alice, "MESSAGE sip:alice@192.168.7.1:5060 SIP/2.0");
    assert_string_equal(header_of(got, "Route", 0), "");
    free(got);
    free(m);
    world_destroy(lab.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_route_becomes_the_request_uri),
        cmocka_unit_test(only_a_token_of_ours_in_front_makes_it_one),
        cmocka_unit_test(it_reaches_the_phone_on_its_own_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
