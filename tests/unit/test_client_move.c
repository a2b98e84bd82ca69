/* Client transactions whose way is lost before the answer: kept, moved to where the other end is now with the
 * branch that they have, or given up; and a proxy's branch that is one of them. RFC 3261 17.1.3, 17.2.1. */
#include "modules/sip/edit.h"
#include "sip_rig.h"

#define T1 500u

struct heard {
    unsigned responses, failures, lost;
    int failed_with;
    bool keep;
};

static void heard_response(struct client_txn *ct, const struct sip_msg *rs)
{
    struct heard *h = client_txn_arg(ct);
    h->responses++;
}

static void heard_failure(struct client_txn *ct, int status, int err)
{
    struct heard *h = client_txn_arg(ct);
    h->failures++;
    h->failed_with = status;
}

static bool heard_lost(struct client_txn *ct, int err)
{
    struct heard *h = client_txn_arg(ct);
    assert_int_equal(err, -ENOTCONN);
    h->lost++;
    return h->keep;
}

static const struct client_user hearing = {
    .on_response = heard_response, .on_failure = heard_failure, .on_lost = heard_lost};

static struct client_txn *begin(struct rig *r, struct heard *h, const char *method)
{
    struct sip_hop to = rig_tls(1);
    struct client_txn *ct = client_txn_create(r->l, &to, 0, &hearing, h);
    struct buf out;
    buf_init(&out);
    buf_printf(&out, "%s sip:bob@192.0.2.7 SIP/2.0\r\n", method);
    assert_true(client_txn_via(ct, &out));
    buf_printf(&out,
               "Max-Forwards: 69\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 7 %s\r\n"
               "Content-Length: 0\r\n\r\n",
               method);
    assert_int_equal(client_txn_send(ct, buf_bytes(&out)), 0);
    buf_fini(&out);
    return ct;
}

static void closes(struct rig *r, uint32_t slot)
{
    sip_layer_flow_dead(r->l, rig_tls(slot).flow.conn);
    rig_pass(r, 1);
}

static void an_invite_that_rings_is_sent_once_more_as_it_was(void **state)
{
    struct rig *r = rig_create(NULL);
    struct heard h = {.keep = true};
    struct client_txn *ct = begin(r, &h, "INVITE");
    struct sip_hop now = rig_tls(2);
    rig_answer(r, 0, 180);
    closes(r, 1);
    assert_int_equal(h.lost, 1);
    rig_pass(r, 100000); /* its user has a clock of his own */
    assert_int_equal(h.failures, 0);
    assert_int_equal(client_txn_move(ct, &now, BYTES_NONE), 0);
    assert_int_equal(r->n, 2);
    assert_string_equal(r->sent[0].text, r->sent[1].text);
    assert_true(sip_hop_eq(&r->sent[1].to, &now));
    rig_answer(r, 1, 200);
    assert_int_equal(h.responses, 2);
    assert_int_equal(client_txn_move(ct, &now, BYTES_NONE), -ESHUTDOWN);
    rig_pass(r, 64 * T1 + 1);
    assert_int_equal(sip_layer_clients(r->l), 0);
    rig_destroy(r);
}

static void what_has_no_copy_is_written_anew(void **state)
{
    struct rig *r = rig_create(NULL);
    struct heard h = {.keep = true};
    struct client_txn *ct = begin(r, &h, "MESSAGE");
    struct sip_hop now = rig_tls(2);
    char again[RIG_TEXT_MAX];
    strcpy(again, r->sent[0].text);
    closes(r, 1);
    assert_int_equal(client_txn_move(ct, &now, bytes_str(again)), 0);
    assert_string_equal(r->sent[1].text, again);
    closes(r, 2); /* and again */
    assert_int_equal(h.lost, 2);
    assert_int_equal(h.failures, 0);
    rig_destroy(r);
}

static void what_is_not_moved_fails_in_the_end(void **state)
{
    struct rig *r = rig_create(NULL);
    struct heard h = {.keep = true};
    begin(r, &h, "MESSAGE");
    closes(r, 1);
    rig_pass(r, 64 * T1 - 10);
    assert_int_equal(h.failures, 0);
    rig_pass(r, 20);
    assert_int_equal(h.failed_with, 408);
    rig_destroy(r);
}

static void what_nobody_keeps_fails_at_once(void **state)
{
    struct rig *r = rig_create(NULL);
    struct heard h = {0};
    begin(r, &h, "INVITE");
    closes(r, 1);
    assert_int_equal(h.lost, 1);
    assert_int_equal(h.failed_with, 503);
    rig_destroy(r);
}

static void one_that_was_cancelled_meanwhile_is_cancelled_there(void **state)
{
    struct rig *r = rig_create(NULL);
    struct heard h = {.keep = true};
    struct client_txn *ct = begin(r, &h, "INVITE");
    struct sip_hop now = rig_tls(2);
    rig_answer(r, 0, 180);
    closes(r, 1);
    r->send_rc = -ENOTCONN;
    client_txn_cancel(ct, BYTES("Reason: SIP;cause=480\r\n"));
    r->send_rc = 0;
    rig_pass(r, 1000);
    unsigned before = r->n;
    assert_int_equal(client_txn_move(ct, &now, BYTES_NONE), 0);
    assert_int_equal(r->n, before + 1);
    assert_sent(r, before, "CANCEL ");
    assert_has(r, before, "Reason: SIP;cause=480\r\n");
    assert_true(sip_hop_eq(&r->sent[before].to, &now));
    r->sent[0].to = now;
    rig_answer(r, 0, 487);
    assert_sent(r, before + 1, "ACK ");
    rig_destroy(r);
}

/* ---- a proxy's branch ---- */

static bool branch_lost(struct proxy *p, const struct proxy_branch *b, int err)
{
    *(const struct proxy_branch **)proxy_data(p) = b;
    return true;
}

static const struct proxy_user user = {.on_lost = branch_lost};
static struct proxy *the_proxy;

static void forward(struct rig *r, struct server_txn *st, const struct sip_msg *rq)
{
    const struct proxy_target t = {.hop = rig_tls(1)};
    the_proxy = proxy_create(st, &user, sizeof(void *));
    assert_int_equal(proxy_add(the_proxy, &t), 0);
    proxy_run(the_proxy);
}

static struct rig *proxied(const char *method)
{
    struct rig *r = rig_create(NULL);
    struct sip_hop from = rig_udp(5070);
    r->handle = forward;
    rig_request(r, &from, &(struct rig_request){.method = method, .to_tag = "b1"});
    return r;
}

static int sent_to_slot(const struct rig *r, uint32_t slot)
{
    for (unsigned i = 0; i < r->n; i++)
        if (r->sent[i].to.flow.transport == TRANSPORT_TLS && r->sent[i].to.flow.conn.slot == slot)
            return (int)i;
    return -1;
}

static void a_branch_goes_on_where_it_is_moved(void **state)
{
    struct rig *r = proxied("INFO");
    struct sip_hop now = rig_tls(2);
    closes(r, 1);
    assert_int_equal(proxy_move(the_proxy, *(const struct proxy_branch **)proxy_data(the_proxy), &now), 0);
    int first = sent_to_slot(r, 1), again = sent_to_slot(r, 2);
    assert_true(first >= 0 && again >= 0);
    assert_string_equal(r->sent[first].text, r->sent[again].text);
    rig_answer(r, (unsigned)again, 200);
    assert_sent(r, r->n - 1, "SIP/2.0 200 ");
    rig_pass(r, 100000);
    rig_destroy(r);
}

static void a_branch_fails_as_it_is_told(void **state)
{
    struct rig *r = proxied("INFO");
    closes(r, 1);
    proxy_fail(the_proxy, *(const struct proxy_branch **)proxy_data(the_proxy), 480);
    assert_sent(r, r->n - 1, "SIP/2.0 480 ");
    rig_pass(r, 100000);
    assert_int_equal(sip_layer_clients(r->l), 0);
    rig_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_invite_that_rings_is_sent_once_more_as_it_was),
        cmocka_unit_test(what_has_no_copy_is_written_anew),
        cmocka_unit_test(what_is_not_moved_fails_in_the_end),
        cmocka_unit_test(what_nobody_keeps_fails_at_once),
        cmocka_unit_test(one_that_was_cancelled_meanwhile_is_cancelled_there),
        cmocka_unit_test(a_branch_goes_on_where_it_is_moved),
        cmocka_unit_test(a_branch_fails_as_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
