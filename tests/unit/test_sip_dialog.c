#include "sip_rig.h"

#include "modules/sip/dialog.h"

/* Requests of our own, and the dialog that they are sent in: RFC 3261 12 with the words of its own examples.
 */

static struct sip_msg *message(const char *text)
{
    static struct sip_msg m;
    struct sip_fault fault;
    if (sip_msg_parse(&m, bytes_str(text), SIP_DATAGRAM, &fault))
        fail_msg("%s: %s", fault.reason, text);
    return &m;
}

#define assert_bytes(got, want) assert_true(bytes_eq(got, bytes_str(want)))

static struct sip_dialog subscription(void)
{
    struct sip_dialog d;
    const struct sip_dialog_facts facts = {.call_id = BYTES("c1"),
                                           .local = BYTES("<sip:edge@10.0.0.1>;tag=mine"),
                                           .remote = BYTES("<sip:alice@ims.test>"),
                                           .target = BYTES("sip:alice@ims.test")};
    assert_int_equal(sip_dialog_init(&d, &facts), 0);
    assert_false(d.established);
    return d;
}

#define RESPONSE(status, tag, headers)                                                                       \
    "SIP/2.0 " status "\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n"                                    \
    "From: <sip:edge@10.0.0.1>;tag=mine\r\nTo: <sip:alice@ims.test>" tag "\r\nCall-ID: c1\r\n"               \
    "CSeq: 1 SUBSCRIBE\r\n" headers "Content-Length: 0\r\n\r\n"
#define NOTIFY(cseq, tag, headers)                                                                           \
    "NOTIFY sip:x@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKn" cseq "\r\n"                 \
    "From: <sip:alice@ims.test>;tag=" tag "\r\nTo: <sip:edge@10.0.0.1>;tag=mine\r\nCall-ID: c1\r\n"          \
    "CSeq: " cseq " NOTIFY\r\n" headers "Content-Length: 0\r\n\r\n"

static void a_2xx_makes_the_route_set_in_reverse(void **state)
{
    struct sip_dialog d = subscription();
    assert_int_equal(sip_dialog_response(
                         &d, message(RESPONSE("200 OK", ";tag=theirs",
                                              "Record-Route: <sip:b;lr>, <sip:a2;lr>\r\n"
                                              "Record-Route: <sip:a;lr>\r\nContact: <sip:s@10.0.0.2>\r\n"))),
                     0);
    assert_true(d.established);
    assert_bytes(d.is.route, "<sip:a;lr>, <sip:a2;lr>, <sip:b;lr>");
    assert_bytes(d.is.target, "sip:s@10.0.0.2");
    assert_bytes(d.is.remote, "<sip:alice@ims.test>;tag=theirs");
    /* 12.2: later ones refresh the target and leave the routes alone */
    assert_int_equal(sip_dialog_response(
                         &d, message(RESPONSE("200 OK", ";tag=theirs",
                                              "Record-Route: <sip:z;lr>\r\nContact: <sip:s@10.0.0.3>\r\n"))),
                     0);
    assert_bytes(d.is.route, "<sip:a;lr>, <sip:a2;lr>, <sip:b;lr>");
    assert_bytes(d.is.target, "sip:s@10.0.0.3");
    assert_int_equal(sip_dialog_response(&d, message(RESPONSE("200 OK", ";tag=fork", ""))), -ENOENT);
    sip_dialog_fini(&d);
}

static void what_makes_no_dialog_changes_nothing(void **state)
{
    static const char *const bad[] = {
        RESPONSE("200 OK", "", "Contact: <sip:s@10.0.0.2>\r\n"),
        RESPONSE("200 OK", ";tag=t", ""),
        RESPONSE("200 OK", ";tag=t", "Contact: *\r\n"),
        RESPONSE("100 Trying", ";tag=t", "Contact: <sip:s@10.0.0.2>\r\n"),
        RESPONSE("300 Choices", ";tag=t", "Contact: <sip:s@10.0.0.2>\r\n"),
        RESPONSE("200 OK", ";tag=t", "Contact: <sip:s@10.0.0.2>\r\nRecord-Route: <sip:a;lr>, b c\r\n"),
    };
    struct sip_dialog d = subscription();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(sip_dialog_response(&d, message(bad[i])), -EBADMSG);
        assert_false(d.established);
        assert_bytes(d.is.target, "sip:alice@ims.test");
    }
    sip_dialog_fini(&d);
}

/* RFC 6665 4.4.1: the NOTIFY may overtake the 2xx, and then it is the one that makes the dialog. */
static void a_request_makes_the_route_set_as_it_stands(void **state)
{
    struct sip_dialog d = subscription();
    struct sip_msg *rq = message(
        NOTIFY("7", "theirs", "Record-Route: <sip:b;lr>, <sip:a;lr>\r\nContact: <sip:s@10.0.0.2>\r\n"));
    assert_true(sip_dialog_matches(&d, rq));
    assert_int_equal(sip_dialog_accept(&d, rq), 0);
    assert_bytes(d.is.route, "<sip:b;lr>, <sip:a;lr>");
    assert_bytes(d.is.remote, "<sip:alice@ims.test>;tag=theirs");
    assert_false(sip_dialog_matches(&d, message(NOTIFY("8", "fork", ""))));
    rq = message(NOTIFY("6", "theirs", ""));
    assert_true(sip_dialog_matches(&d, rq));
    assert_int_equal(sip_dialog_accept(&d, rq), 500); /* 12.2.2 */
    assert_int_equal(sip_dialog_accept(&d, message(NOTIFY("9", "theirs", ""))), 0);
    sip_dialog_fini(&d);

    d = subscription();
    assert_int_equal(sip_dialog_accept(&d, message(NOTIFY("1", "theirs", ""))), 400);
    assert_false(d.established);
    sip_dialog_fini(&d);
}

/* ---- on the wire ---- */

static unsigned responses, failures, gone;

static void on_response(struct client_txn *ct, const struct sip_msg *rs)
{
    responses++;
}

static void on_failure(struct client_txn *ct, int status, int err)
{
    failures++;
}

static void on_gone(struct client_txn *ct)
{
    gone++;
}

static const struct client_user user = {
    .on_response = on_response, .on_failure = on_failure, .gone = on_gone};

static void a_request_of_the_dialog_goes_out_whole(void **state)
{
    struct rig *r = rig_create(NULL);
    const struct sip_hop core = rig_udp(5060);
    struct sip_dialog d = subscription();
    struct sip_uac_request rq = sip_dialog_request(&d, "SUBSCRIBE");
    rq.headers = BYTES("Event: reg\r\n");
    responses = gone = 0;
    assert_non_null(sip_uac_send(r->l, &core, &rq, &user, NULL));
    assert_sent(r, 0,
                "SUBSCRIBE sip:alice@ims.test SIP/2.0\r\nVia: SIP/2.0/UDP gw.example:5060;branch=z9hG4bK");
    assert_has(r, 0, ";rport\r\nMax-Forwards: 70\r\nFrom: <sip:edge@10.0.0.1>;tag=mine\r\n");
    assert_has(r, 0, "\r\nTo: <sip:alice@ims.test>\r\nCall-ID: c1\r\nCSeq: 1 SUBSCRIBE\r\nEvent: reg\r\n");
    assert_has(r, 0, "\r\nContent-Length: 0\r\n\r\n");
    assert_has_not(r, 0, "Route:");
    rig_answer_with(r, 0, 200, "theirs", "Contact: <sip:s@10.0.0.2>\r\nRecord-Route: <sip:a;lr>\r\n");
    assert_int_equal(responses, 1);
    assert_int_equal(sip_dialog_response(&d, message(RESPONSE("200 OK", ";tag=theirs",
                                                              "Contact: <sip:s@10.0.0.2>\r\n"
                                                              "Record-Route: <sip:a;lr>\r\n"))),
                     0);
    rq = sip_dialog_request(&d, "SUBSCRIBE");
    assert_non_null(sip_uac_send(r->l, &core, &rq, &user, NULL));
    assert_sent(r, 1, "SUBSCRIBE sip:s@10.0.0.2 SIP/2.0\r\n");
    assert_has(r, 1, "\r\nRoute: <sip:a;lr>\r\n");
    assert_has(r, 1, "\r\nTo: <sip:alice@ims.test>;tag=theirs\r\n");
    assert_has(r, 1, "\r\nCSeq: 2 SUBSCRIBE\r\n");
    sip_dialog_fini(&d);
    rig_pass(r, 40000);
    assert_int_equal(failures, 1); /* timer F */
    assert_int_equal(gone, 2);
    rig_destroy(r);
}

static struct sip_uac_request bye(const char *route)
{
    return (struct sip_uac_request){.method = "BYE",
                                    .target = BYTES("sip:bob@10.0.0.9"),
                                    .route = bytes_str(route),
                                    .from = BYTES("<sip:a@x>;tag=1"),
                                    .to = BYTES("<sip:b@x>;tag=2"),
                                    .call_id = BYTES("c2"),
                                    .cseq = 7,
                                    .content_type = BYTES("text/plain"),
                                    .body = BYTES("hi")};
}

/* RFC 3261 12.2.1.1. */
static void a_strict_router_is_spoken_to_as_one(void **state)
{
    struct rig *r = rig_create(NULL);
    const struct sip_hop to = rig_tls(1);
    struct sip_uac_request rq = bye("<sip:strict;x=1>, <sip:loose;lr>");
    assert_non_null(sip_uac_send(r->l, &to, &rq, &user, NULL));
    assert_sent(r, 0, "BYE sip:strict;x=1 SIP/2.0\r\n");
    assert_has(r, 0, "\r\nRoute: <sip:loose;lr>\r\nRoute: <sip:bob@10.0.0.9>\r\n");
    assert_has(r, 0, "\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi");
    rq = bye("<sip:strict>");
    assert_non_null(sip_uac_send(r->l, &to, &rq, &user, NULL));
    assert_sent(r, 1, "BYE sip:strict SIP/2.0\r\n");
    assert_has(r, 1, "\r\nRoute: <sip:bob@10.0.0.9>\r\nFrom:");
    rig_destroy(r);
}

static void what_cannot_be_sent_is_said_at_once(void **state)
{
    struct rig *r = rig_create(NULL);
    const struct sip_hop to = rig_udp(5060);
    struct sip_uac_request rq = bye("not a route");
    failures = gone = 0;
    assert_null(sip_uac_send(r->l, &to, &rq, &user, NULL));
    rq = bye("");
    r->no_way = 1;
    assert_null(sip_uac_send(r->l, &to, &rq, &user, NULL));
    rig_turn(r);
    assert_int_equal(r->n, 0);
    assert_int_equal(failures, 0);
    assert_int_equal(gone, 2);
    assert_int_equal(sip_layer_clients(r->l), 0);
    rig_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_2xx_makes_the_route_set_in_reverse),
        cmocka_unit_test(what_makes_no_dialog_changes_nothing),
        cmocka_unit_test(a_request_makes_the_route_set_as_it_stands),
        cmocka_unit_test(a_request_of_the_dialog_goes_out_whole),
        cmocka_unit_test(a_strict_router_is_spoken_to_as_one),
        cmocka_unit_test(what_cannot_be_sent_is_said_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
