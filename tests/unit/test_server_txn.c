/* Server transactions: RFC 3261 17.2 and figures 7 and 8, RFC 6026, RFC 4320. */
#include "sip_rig.h"

#define T1 500u
#define T4 5000u

struct heard {
    unsigned cancels, errors, no_acks, gone;
    int err;
};

static void heard_cancel(struct server_txn *st, const struct sip_msg *cancel)
{
    ((struct heard *)server_txn_arg(st))->cancels++;
}

static void heard_error(struct server_txn *st, int err)
{
    struct heard *h = server_txn_arg(st);

    h->errors++;
    h->err = err;
}

static void heard_no_ack(struct server_txn *st)
{
    ((struct heard *)server_txn_arg(st))->no_acks++;
}

static void heard_gone(struct server_txn *st)
{
    ((struct heard *)server_txn_arg(st))->gone++;
}

static const struct server_user hearing = {
    .on_cancel = heard_cancel, .on_error = heard_error, .on_no_ack = heard_no_ack, .gone = heard_gone};

static void own(struct rig *r, struct server_txn *st, const struct sip_msg *rq)
{
    server_txn_own(st, &hearing, r->data);
}

static int setup(void **state)
{
    struct rig *r = rig_create(NULL);

    r->data = calloc(1, sizeof(struct heard));
    r->handle = own;
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    void *heard = r->data;

    rig_destroy(r);
    free(heard);
    return 0;
}

static const struct rig_request invite = {.method = "INVITE"};
static const struct rig_request message = {.method = "MESSAGE"};
static const struct rig_request ack = {.method = "ACK"};
static const struct rig_request cancel = {.method = "CANCEL"};

/* ---- INVITE, figure 7 */

static void invite_is_passed_once_and_trying_follows_in_200_ms(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &invite);
    rig_request(r, &from, &invite);
    assert_int_equal(r->requests, 1);
    rig_pass(r, 199);
    assert_int_equal(r->n, 0);
    rig_pass(r, 1);
    assert_int_equal(r->n, 1);
    assert_sent(r, 0, "SIP/2.0 100 Trying\r\n");
    assert_has(r, 0, "\r\nTo: <sip:bob@example.com>\r\n"); /* 8.2.6.2: a 100 needs no tag */
}

static void no_trying_when_the_user_was_quick(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &invite);
    assert_int_equal(rig_respond(r->st, 180), 0);
    rig_pass(r, 1000);
    assert_int_equal(r->n, 1);
    assert_sent(r, 0, "SIP/2.0 180 ");
}

static void retransmitted_invite_in_proceeding_gets_the_last_provisional(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &invite);
    server_txn_trying(r->st);
    assert_int_equal(rig_respond(r->st, 180), 0);
    rig_request(r, &from, &invite);
    assert_int_equal(r->requests, 1);
    assert_int_equal(r->n, 3);
    assert_sent(r, 2, "SIP/2.0 180 ");
}

static void refusal_is_repeated_by_timer_g_up_to_t2_until_timer_h(void **state)
{
    /* 500 ms, doubling, at most T2 = 4 s; 64*T1 = 32 s ends it (17.2.1). */
    static const unsigned at[] = {0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500};
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &invite);
    uint64_t start = r->w->now;
    assert_int_equal(server_txn_refuse(r->st, 486), 0);
    rig_pass(r, 64 * T1 - 1);
    assert_int_equal(h->no_acks, 0);
    assert_int_equal(sip_layer_servers(r->l), 1);
    rig_pass(r, 1);
    assert_int_equal(h->no_acks, 1);
    assert_int_equal(h->gone, 1);
    assert_int_equal(sip_layer_servers(r->l), 0);
    assert_int_equal(r->n, sizeof(at) / sizeof(at[0]));
    for (unsigned i = 0; i < r->n; i++) {
        assert_sent(r, i, "SIP/2.0 486 ");
        assert_int_equal(r->sent[i].at - start, at[i]);
    }
}

static void retransmitted_invite_in_completed_gets_the_refusal(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &invite);
    server_txn_refuse(r->st, 486);
    rig_turn(r);
    assert_null(server_txn_request(r->st)); /* its memory went with the final response's turn */
    rig_request(r, &from, &invite);
    assert_int_equal(r->n, 2);
    assert_string_equal(r->sent[0].text, r->sent[1].text);
}

static void ack_ends_the_repetition_and_is_absorbed_for_t4(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &invite);
    server_txn_refuse(r->st, 486);
    rig_request(r, &from, &ack);
    rig_pass(r, T4 - 1);
    assert_int_equal(r->n, 1);
    rig_request(r, &from, &ack);
    rig_request(r, &from, &invite); /* Confirmed: absorbed without an answer */
    assert_int_equal(r->n, 1);
    assert_int_equal(r->acks, 0);
    assert_int_equal(h->gone, 0);
    rig_pass(r, 1);
    assert_int_equal(h->gone, 1);
    assert_int_equal(h->no_acks, 0);
}

static void on_a_reliable_transport_nothing_is_repeated_and_timer_i_is_zero(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop from = rig_tls(1);

    rig_request(r, &from, &invite);
    server_txn_refuse(r->st, 486);
    rig_pass(r, 10000);
    assert_int_equal(r->n, 1);
    assert_int_equal(h->gone, 0);
    rig_request(r, &from, &ack);
    rig_turn(r);
    assert_int_equal(h->gone, 1);
}

static void success_is_accepted_and_retransmissions_are_absorbed_in_silence(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &invite);
    assert_int_equal(rig_respond(r->st, 200), 0);
    rig_request(r, &from, &invite);
    rig_pass(r, 64 * T1 - 1);
    assert_int_equal(r->n, 1); /* RFC 6026 7.1: the transaction does not repeat a 2xx */
    assert_int_equal(r->requests, 1);
    rig_request(r, &from, &invite);
    assert_int_equal(r->requests, 1);
    assert_int_equal(h->gone, 0);
    rig_pass(r, 1); /* timer L */
    assert_int_equal(h->gone, 1);
}

static void accepted_passes_more_successes_and_every_ack(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_tls(1);

    rig_request(r, &from, &invite);
    struct buf copy;
    buf_init(&copy);
    assert_int_equal(rig_respond(r->st, 200), 0);
    assert_true(buf_str(&copy, r->sent[0].text));
    assert_int_equal(server_txn_respond(r->st, 200, buf_bytes(&copy)), 0);
    assert_int_equal(r->n, 2);
    rig_request(r, &from, &ack); /* same branch: an RFC 2543 client, or a broken one (RFC 6026 6) */
    rig_request(r, &from, &(struct rig_request){.method = "ACK", .branch = "z9hG4bKack", .to_tag = "mine"});
    assert_int_equal(r->acks, 2);
    buf_fini(&copy);
}

static void second_final_response_is_refused(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &invite);
    assert_int_equal(rig_respond(r->st, 486), 0);
    assert_int_equal(rig_respond(r->st, 487), -EINVAL);
    assert_int_equal(rig_respond(r->st, 200), -EINVAL);
    assert_int_equal(rig_respond(r->st, 180), -EINVAL);
    assert_int_equal(r->n, 1);
}

static void transport_error_is_told_and_changes_no_state(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop from = rig_tls(1);

    rig_request(r, &from, &invite);
    r->send_rc = -ENOTCONN;
    assert_int_equal(rig_respond(r->st, 200), 0);
    assert_int_equal(h->errors, 1);
    assert_int_equal(h->err, -ENOTCONN);
    r->send_rc = 0;
    rig_request(r, &from, &invite); /* RFC 6026 7.1: still no new request */
    assert_int_equal(r->requests, 1);
    rig_pass(r, 64 * T1);
    assert_int_equal(h->gone, 1);
}

/* ---- non-INVITE, figure 8 */

static void retransmission_in_trying_is_absorbed(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &message);
    rig_request(r, &from, &message);
    assert_int_equal(r->requests, 1);
    assert_int_equal(r->n, 0);
}

static void final_response_is_repeated_to_retransmissions_until_timer_j(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &message);
    assert_int_equal(rig_respond(r->st, 200), 0);
    rig_pass(r, 64 * T1 - 1);
    rig_request(r, &from, &message);
    assert_int_equal(r->n, 2);
    assert_string_equal(r->sent[0].text, r->sent[1].text);
    assert_int_equal(r->requests, 1);
    rig_pass(r, 1);
    assert_int_equal(h->gone, 1);
}

static void timer_j_is_zero_on_a_reliable_transport(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop from = rig_tls(1);

    rig_request(r, &from, &message);
    assert_int_equal(rig_respond(r->st, 200), 0);
    assert_int_equal(h->gone, 0); /* not inside the call */
    rig_turn(r);
    assert_int_equal(h->gone, 1);
}

static void slow_user_means_trying_when_timer_e_has_reached_t2(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &message);
    rig_pass(r, 3499); /* 500 + 1000 + 2000: then timer E is set to T2 */
    assert_int_equal(r->n, 0);
    rig_pass(r, 1);
    assert_int_equal(r->n, 1);
    assert_sent(r, 0, "SIP/2.0 100 ");
    rig_request(r, &from, &message);
    assert_int_equal(r->n, 2);
    assert_sent(r, 1, "SIP/2.0 100 ");
}

static void non_invite_gets_no_provisional_but_100_and_no_408(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &message);
    assert_int_equal(rig_respond(r->st, 183), -EINVAL);
    assert_int_equal(rig_respond(r->st, 100), -EINVAL); /* too early on UDP, RFC 4320 4.1 */
    assert_int_equal(rig_respond(r->st, 408), -EINVAL);
    assert_int_equal(server_txn_refuse(r->st, 408), 0); /* ends in silence, RFC 4320 4.2 */
    rig_turn(r);
    assert_int_equal(r->n, 0);
    assert_int_equal(h->gone, 1);
}

static void request_that_nobody_answers_is_let_go(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop from = rig_tls(1);

    rig_request(r, &from, &message);
    rig_pass(r, 2 * 64 * T1);
    assert_int_equal(h->gone, 1);
    assert_int_equal(sip_layer_servers(r->l), 0);
}

/* ---- CANCEL, 9.2 */

static void cancel_is_answered_200_and_told_to_the_invites_user(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop from = rig_udp(5070);
    char to[128], with_tag[128];

    rig_request(r, &from, &invite);
    struct server_txn *st = r->st;
    rig_request(r, &from, &cancel);
    assert_int_equal(r->requests, 1);
    assert_int_equal(h->cancels, 1);
    assert_sent(r, 0, "SIP/2.0 200 ");
    assert_has(r, 0, "\r\nCSeq: 7 CANCEL\r\n");
    rig_value(r, 0, "To", to, sizeof(to));
    snprintf(with_tag, sizeof(with_tag), "<sip:bob@example.com>;tag=%s", server_txn_tag(st));
    assert_string_equal(to, with_tag);
    rig_request(r, &from, &cancel);
    assert_int_equal(h->cancels, 1);
    assert_int_equal(r->n, 2);
    assert_sent(r, 1, "SIP/2.0 200 ");
}

static void cancel_of_an_invite_that_nobody_owns_ends_it_with_487(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_tls(1);

    r->handle = NULL;
    rig_request(r, &from, &invite);
    rig_request(r, &from, &cancel);
    assert_int_equal(r->n, 2);
    assert_sent(r, 0, "SIP/2.0 200 ");
    assert_sent(r, 1, "SIP/2.0 487 ");
    assert_has(r, 1, "\r\nCSeq: 7 INVITE\r\n");
}

static void cancel_after_the_final_response_has_no_effect(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &invite);
    rig_respond(r->st, 200);
    rig_request(r, &from, &cancel);
    assert_int_equal(r->n, 2);
    assert_sent(r, 1, "SIP/2.0 200 ");
    assert_int_equal(h->cancels, 0);
}

static void cancel_of_nothing_is_481(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &cancel);
    assert_int_equal(r->n, 1);
    assert_sent(r, 0, "SIP/2.0 481 ");
}

/* ---- matching, 17.2.3 */

static void other_branch_sent_by_or_method_is_another_transaction(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(5070);

    rig_request(r, &from, &message);
    rig_request(r, &from, &(struct rig_request){.method = "MESSAGE", .branch = "z9hG4bKbeta"});
    rig_request(r, &from, &(struct rig_request){.method = "MESSAGE", .sent_by = "other.example:5070"});
    rig_request(r, &from, &(struct rig_request){.method = "MESSAGE", .sent_by = "ua.example:5071"});
    rig_request(r, &from, &(struct rig_request){.method = "OPTIONS"});
    assert_int_equal(r->requests, 5);
    rig_request(r, &from, &(struct rig_request){.method = "MESSAGE", .sent_by = "UA.Example:5070"});
    assert_int_equal(r->requests, 5);
}

static void phones_with_the_same_private_address_and_branch_are_not_mixed_up(void **state)
{
    struct rig *r = *state;
    struct heard *h = r->data;
    struct sip_hop one = rig_tls(1), two = rig_tls(2);

    rig_request(r, &one, &invite);
    rig_request(r, &two, &invite);
    assert_int_equal(r->requests, 2);
    rig_request(r, &two, &cancel);
    assert_int_equal(h->cancels, 1);
    assert_true(sip_hop_eq(&r->sent[0].to, &two));
}

static void request_without_the_cookie_is_matched_by_the_old_rule(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(5070);
    struct rig_request old = {.method = "INVITE", .branch = "1"};
    struct rig_request old_ack = {.method = "ACK", .branch = "1"};

    rig_request(r, &from, &old);
    rig_request(r, &from, &old);
    assert_int_equal(r->requests, 1);
    server_txn_refuse(r->st, 486);
    rig_request(r, &from, &old_ack);
    assert_int_equal(r->acks, 0);
    rig_pass(r, T4);
    assert_int_equal(sip_layer_servers(r->l), 0);
    old.uri = "sip:carol@example.com";
    rig_request(r, &from, &old);
    assert_int_equal(r->requests, 2);
}

/* ---- where the response goes, 18.2 and RFC 3581 */

static void response_goes_to_the_source_port_with_rport(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(12345);

    rig_request(r, &from, &message);
    server_txn_refuse(r->st, 404);
    assert_true(sip_hop_eq(&r->sent[0].to, &from));
    assert_has(r, 0, ";rport=12345");
    assert_has(r, 0, ";received=192.0.2.7");
}

static void response_goes_to_the_sent_by_port_without_rport(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_udp(12345);

    rig_feed(r, &from,
             "OPTIONS sip:gw SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKq\r\nMax-Forwards: 70\r\n"
             "From: <sip:a@b>;tag=1\r\nTo: <sip:gw>\r\nCall-ID: q\r\nCSeq: 1 OPTIONS\r\nContent-Length: "
             "0\r\n\r\n");
    server_txn_refuse(r->st, 404);
    assert_int_equal(r->sent[0].to.flow.peer.port, 5060);
    assert_has_not(r, 0, "rport");
}

/* ---- limits */

static void full_table_says_503_with_retry_after_and_knows_its_ack(void **state)
{
    struct sip_hop from = rig_udp(5070);
    char to[128], *tag;

    struct rig *r = rig_create_for(1);
    rig_request(r, &from, &message);
    rig_request(r, &from, &invite);
    assert_int_equal(r->requests, 1);
    assert_int_equal(r->n, 1);
    assert_sent(r, 0, "SIP/2.0 503 ");
    assert_has(r, 0, "\r\nRetry-After: ");
    rig_value(r, 0, "To", to, sizeof(to));
    tag = strstr(to, ";tag=");
    assert_non_null(tag);
    rig_request(r, &from, &(struct rig_request){.method = "ACK", .to_tag = tag + 5});
    assert_int_equal(r->acks, 0);
    assert_int_equal(sip_layer_servers(r->l), 1);
    rig_destroy(r);
}

/* Who was answered is no load; but there are only so many of them, and the oldest makes room. */
static void answered_ones_take_nobodys_place(void **state)
{
    struct sip_hop from = rig_udp(5070);
    static const char *const branches[] = {"z9hG4bKa", "z9hG4bKb", "z9hG4bKc", "z9hG4bKd"};

    struct rig *r = rig_create_for(2);
    for (unsigned i = 0; i < 4; i++) {
        rig_request(r, &from,
                    &(struct rig_request){.method = i % 2 ? "INVITE" : "MESSAGE", .branch = branches[i]});
        server_txn_refuse(r->st, 200);
        rig_turn(r);
        assert_int_equal(sip_layer_servers(r->l), i < 2 ? i + 1 : 2);
    }
    assert_int_equal(r->requests, 4);
    rig_request(r, &from, &(struct rig_request){.method = "INVITE", .branch = branches[3]});
    assert_int_equal(r->requests, 4); /* absorbed */
    rig_request(r, &from, &(struct rig_request){.method = "MESSAGE", .branch = branches[0]});
    assert_int_equal(r->requests, 5); /* forgotten */
    rig_destroy(r);
}

static void full_table_still_serves_the_cancel_of_an_invite(void **state)
{
    struct sip_hop from = rig_udp(5070);

    struct rig *r = rig_create_for(1);
    rig_request(r, &from, &invite);
    rig_request(r, &from, &(struct rig_request){.method = "CANCEL", .branch = "z9hG4bKother"});
    assert_sent(r, 0, "SIP/2.0 503 ");
    rig_request(r, &from, &(struct rig_request){.method = "CANCEL"});
    assert_sent(r, 1, "SIP/2.0 200 ");
    assert_sent(r, 2, "SIP/2.0 487 ");
    rig_destroy(r);
}

static void send_messages(struct rig *r, const struct sip_hop *from, unsigned first, unsigned n)
{
    char branch[32];

    for (unsigned i = first; i < first + n; i++) {
        snprintf(branch, sizeof(branch), "z9hG4bKm%u", i);
        rig_request(r, from, &(struct rig_request){.method = "MESSAGE", .branch = branch});
    }
}

static void one_phone_has_only_so_much_waiting(void **state)
{
    struct sip_config small = sip_config_defaults;
    struct sip_hop one = rig_tls(1), other = rig_tls(2);

    small.max_pending = 16384;
    struct rig *r = rig_create(&small);
    r->bounded = true;
    send_messages(r, &one, 0, 100);
    unsigned admitted = r->requests;
    assert_in_range(admitted, 3, 20);
    assert_int_equal(r->n, 100 - admitted);
    assert_sent(r, 0, "SIP/2.0 503 ");
    send_messages(r, &other, 0, 1); /* nobody else notices */
    assert_int_equal(r->requests, admitted + 1);
    r->st = NULL;
    send_messages(r, &other, 1, 1);
    server_txn_refuse(r->st, 486); /* what is answered makes room */
    rig_turn(r);
    send_messages(r, &other, 2, admitted - 1);
    assert_int_equal(r->requests, 2 * admitted + 1);
    rig_destroy(r);
}

static void invite_that_nobody_takes_ends_with_500(void **state)
{
    struct rig *r = *state;
    struct sip_hop from = rig_tls(1);

    r->handle = NULL;
    rig_request(r, &from, &invite);
    rig_pass(r, 2 * 64 * 500);
    assert_int_equal(r->n, 2);
    assert_sent(r, 0, "SIP/2.0 100 ");
    assert_sent(r, 1, "SIP/2.0 500 ");
    rig_pass(r, 64 * 500);
    assert_int_equal(sip_layer_servers(r->l), 0);
}

static void destroying_the_layer_tells_every_user(void **state)
{
    struct heard h = {0};
    struct rig *r = rig_create(NULL);
    struct sip_hop from = rig_udp(5070);

    r->handle = own;
    r->data = &h;
    rig_request(r, &from, &invite);
    rig_request(r, &from, &message);
    rig_destroy(r);
    assert_int_equal(h.gone, 2);
}

int main(void)
{
#define WITH_RIG(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_RIG(invite_is_passed_once_and_trying_follows_in_200_ms),
        WITH_RIG(no_trying_when_the_user_was_quick),
        WITH_RIG(retransmitted_invite_in_proceeding_gets_the_last_provisional),
        WITH_RIG(refusal_is_repeated_by_timer_g_up_to_t2_until_timer_h),
        WITH_RIG(retransmitted_invite_in_completed_gets_the_refusal),
        WITH_RIG(ack_ends_the_repetition_and_is_absorbed_for_t4),
        WITH_RIG(on_a_reliable_transport_nothing_is_repeated_and_timer_i_is_zero),
        WITH_RIG(success_is_accepted_and_retransmissions_are_absorbed_in_silence),
        WITH_RIG(accepted_passes_more_successes_and_every_ack),
        WITH_RIG(second_final_response_is_refused),
        WITH_RIG(transport_error_is_told_and_changes_no_state),
        WITH_RIG(retransmission_in_trying_is_absorbed),
        WITH_RIG(final_response_is_repeated_to_retransmissions_until_timer_j),
        WITH_RIG(timer_j_is_zero_on_a_reliable_transport),
        WITH_RIG(slow_user_means_trying_when_timer_e_has_reached_t2),
        WITH_RIG(non_invite_gets_no_provisional_but_100_and_no_408),
        WITH_RIG(request_that_nobody_answers_is_let_go),
        WITH_RIG(cancel_is_answered_200_and_told_to_the_invites_user),
        WITH_RIG(cancel_of_an_invite_that_nobody_owns_ends_it_with_487),
        WITH_RIG(cancel_after_the_final_response_has_no_effect),
        WITH_RIG(cancel_of_nothing_is_481),
        WITH_RIG(other_branch_sent_by_or_method_is_another_transaction),
        WITH_RIG(phones_with_the_same_private_address_and_branch_are_not_mixed_up),
        WITH_RIG(request_without_the_cookie_is_matched_by_the_old_rule),
        WITH_RIG(response_goes_to_the_source_port_with_rport),
        WITH_RIG(response_goes_to_the_sent_by_port_without_rport),
        cmocka_unit_test(full_table_says_503_with_retry_after_and_knows_its_ack),
        cmocka_unit_test(full_table_still_serves_the_cancel_of_an_invite),
        cmocka_unit_test(answered_ones_take_nobodys_place),
        cmocka_unit_test(one_phone_has_only_so_much_waiting),
        WITH_RIG(invite_that_nobody_takes_ends_with_500),
        cmocka_unit_test(destroying_the_layer_tells_every_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
