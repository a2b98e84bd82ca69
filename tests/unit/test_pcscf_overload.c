/* What is refused under load, ours and the core's: TS 24.229 5.2.1, RFC 7339; and the ends of a request's
 * way, hops and loops, at both sides of the edge (RFC 3261 16.3, RFC 5393). */
#include "core_lab.h"

#define LAB(more)                                                                                            \
    "pcscf { host = \"gw.ims.test\" reg_event = no " more " }\nregistrar { domains = {\"ims.test\"} }\n"

/* Alice is there. */
static struct lab lab_with_alice(const char *config)
{
    struct lab lab = lab_of(config);
    free(registered(&lab, ""));
    world_forget(lab.world);
    return lab;
}

static struct pcscf *edge_of(struct lab *lab)
{
    return pcscf_of(lab->world->w[0]);
}

/* ---- the load ---- */

static void sample(struct pcscf *p, unsigned turns, uint64_t ms, enum overload_level wanted)
{
    for (unsigned i = 0; i < turns; i++)
        overload_sample(p, ms);
    assert_int_equal(p->overload.level, wanted);
}

static void long_turns_are_load_and_one_is_none(void **state)
{
    struct lab lab = lab_with_alice(LAB("overload_lag = 100ms"));
    struct pcscf *p = edge_of(&lab);
    sample(p, 1, 250, OVERLOAD_NONE);
    sample(p, 40, 0, OVERLOAD_NONE);
    sample(p, 20, 80, OVERLOAD_NEW_PHONES);
    assert_int_equal(world_count(lab.world, PCSCF_OVERLOADED), 1);
    sample(p, 20, 70, OVERLOAD_NEW_PHONES); /* between the marks: as it was */
    sample(p, 20, 95, OVERLOAD_REQUESTS);
    sample(p, 20, 80, OVERLOAD_REQUESTS);
    sample(p, 20, 70, OVERLOAD_NEW_PHONES);
    sample(p, 20, 50, OVERLOAD_NONE);
    assert_int_equal(world_count(lab.world, PCSCF_OVERLOADED), 0);
    sample(p, 20, 10000, OVERLOAD_REQUESTS);
    sample(p, 30, 0, OVERLOAD_NONE);
    world_destroy(lab.world);
    lab = lab_with_alice(LAB("overload_lag = 0"));
    sample(edge_of(&lab), 50, 60000, OVERLOAD_NONE);
    world_destroy(lab.world);
}

/* ---- what is shed ---- */

/* Calls that a silent core does not answer, until so many wait. */
static void fill(struct lab *lab, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        char call[16];
        snprintf(call, sizeof(call), "full%u", i);
        phone_requests(&lab->alice, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", call, 1, "");
        phone_drop(&lab->alice, "SIP/2.0 100");
        phone_drop(&lab->core, "INVITE");
    }
}

static void new_phone_registers(struct lab *lab, uint8_t host, const char *authorization, const char *status)
{
    struct fake_phone ph = phone_at(lab->world, "bob", "secret-b", 0, host);
    phone_register_once(&ph, "Contact: <sip:bob@192.168.7.9:5060>\r\n", "Expires: 600\r\n", authorization);
    if (!status) {
        phone_drop(&lab->core, "REGISTER");
        phone_expect_none(&ph);
        return;
    }
    char *m = phone_expect(&ph, status);
    unsigned long again = strtoul(header_of(m, "Retry-After", 0), NULL, 10);
    assert_in_range(again, 5, 10);
    free(m);
}

#define CREDENTIALS                                                                                          \
    "Authorization: Digest "                                                                                 \
    "username=\"bob\",realm=\"ims.test\",nonce=\"n\",uri=\"sip:ims.test\",response=\"\"\r\n"

static void new_phones_are_refused_first(void **state)
{
    struct lab lab = lab_with_alice(LAB("") "sip { max_transactions = 16 }\n");
    fill(&lab, 0, 11);
    new_phone_registers(&lab, 9, "", NULL);
    new_phone_registers(&lab, 10, "", "SIP/2.0 503"); /* 12 of 16 wait now */
    new_phone_registers(&lab, 11, CREDENTIALS, NULL);
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    phone_drop(&lab.core, "REGISTER"); /* a refresh */
    assert_int_equal(world_count(lab.world, PCSCF_SHED_REGISTER), 1);
    assert_int_equal(world_count(lab.world, PCSCF_SHED_REQUEST), 0);
    world_destroy(lab.world);
}

static void then_what_begins_something_but_never_what_stands(void **state)
{
    struct lab lab = lab_with_alice(LAB("") "sip { max_transactions = 16 }\n");
    fill(&lab, 0, 15);
    new_phone_registers(&lab, 10, CREDENTIALS, "SIP/2.0 503");
    phone_requests(&lab.alice, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m1", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 503");
    core_send(
        &lab,
        "INVITE sip:alice@192.168.7.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99:5060;branch=z9hG4bKi\r\n"
        "Max-Forwards: 60\r\nRoute: <sip:x@10.9.9.9:5060;lr>\r\nFrom: <sip:bob@ims.test>;tag=b\r\n"
        "To: <sip:alice@ims.test>\r\nCall-ID: in\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(world_count(lab.world, PCSCF_SHED_REQUEST), 1); /* worker 1, the core's, has time */
    phone_drop(&lab.core, "SIP/2.0 403");
    /* a call that stands (no way of ours behind it, but it was looked at), an emergency, a refresh */
    phone_requests(&lab.alice, "BYE", "sip:bob@ims.test", "<sip:bob@ims.test>;tag=1", "b1", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 403");
    phone_requests(&lab.alice, "INVITE", "urn:service:sos", "<urn:service:sos>", "s1", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 380");
    /* what was taken is still answered when it is sent again */
    phone_requests(&lab.alice, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "full3", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 100");
    phone_expect_none(&lab.alice);
    world_wait(lab.world, 70000);
    assert_int_equal(edge_of(&lab)->overload.level, OVERLOAD_NONE);
    world_destroy(lab.world);
}

/* ---- RFC 7339 ---- */

static void advice(const char *params, bool good, unsigned percent, unsigned validity, uint64_t seq,
                   bool loss)
{
    char text[256];
    struct sip_via via;
    struct hop_advice a;
    snprintf(text, sizeof(text), "SIP/2.0/UDP h;branch=z9hG4bK1%s", params);
    assert_true(sip_via_parse(bytes_str(text), &via));
    if (hop_advice_parse(&via, &a) != good)
        fail_msg("%s: wanted %d", params, good);
    if (!good)
        return;
    assert_int_equal(a.percent, percent);
    assert_int_equal(a.validity, validity);
    assert_int_equal(a.seq, seq);
    assert_int_equal(a.loss, loss);
}

static void what_a_via_says_of_load(void **state)
{
    advice(";oc=20;oc-algo=\"loss\";oc-validity=700;oc-seq=1282321615.782", true, 20, 700,
           UINT64_C(1282321615) * 100000 + 78200, true);
    advice(";oc=0;oc-algo=\"loss\";oc-validity=0", true, 0, 0, 0, true);
    advice(";OC=100;OC-Algo=\"LOSS\"", true, 100, 500, 0, true);
    advice(";oc=5;oc-algo=\"rate\"", true, 5, 500, 0, false);
    advice(";oc=5;oc-algo=\"loss,rate\"", true, 5, 500, 0, false); /* a server names the one it uses */
    advice(";oc=5", true, 5, 500, 0, false);
    advice(";oc=1;oc-algo=\"loss\";oc-seq=999999999999.99999", true, 1, 500, UINT64_C(99999999999999999),
           true);
    advice(";oc;oc-algo=\"loss\"", false, 0, 0, 0, false);
    advice("", false, 0, 0, 0, false);
    advice(";oc=101;oc-algo=\"loss\"", false, 0, 0, 0, false);
    advice(";oc=-1;oc-algo=\"loss\"", false, 0, 0, 0, false);
    advice(";oc=1;oc-validity=x", false, 0, 0, 0, false);
    advice(";oc=1;oc-seq=1", false, 0, 0, 0, false);
    advice(";oc=1;oc-seq=1234567890123.1", false, 0, 0, 0, false);
    advice(";oc=1;oc-seq=1.123456", false, 0, 0, 0, false);
}

/* A MESSAGE of Alice's. False: the edge refused it for the core's sake, without Retry-After (5.10). */
static bool message_gets_through(struct lab *lab, const char *said)
{
    static unsigned n;
    char call[16], via[1024];
    snprintf(call, sizeof(call), "oc%u", ++n);
    phone_requests(&lab->alice, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", call, 1, "");
    char *m = phone_get(&lab->core);
    if (!m) {
        m = phone_expect(&lab->alice, "SIP/2.0 503");
        assert_string_equal(header_of(m, "Retry-After", 0), "");
        free(m);
        return false;
    }
    snprintf(via, sizeof(via), "%s", header_of(m, "Via", 0));
    char *oc = strstr(via, ";oc;oc-algo=\"loss\"");
    assert_non_null(oc);
    *oc = '\0';
    core_send(lab,
              "SIP/2.0 200 OK\r\nVia: %s%s\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=c\r\nCall-ID: %s\r\nCSeq: 1 "
              "MESSAGE\r\n"
              "Content-Length: 0\r\n\r\n",
              via, said, header_of(m, "Via", 1), header_of(m, "From", 0), header_of(m, "To", 0), call);
    free(m);
    phone_drop(&lab->alice, "SIP/2.0 200");
    return true;
}

static void the_core_is_spared_as_long_as_it_says(void **state)
{
    struct lab lab = lab_with_alice(LAB("overload_control = yes"));
    assert_true(message_gets_through(&lab, ";oc=100;oc-algo=\"loss\";oc-validity=3000;oc-seq=5.2"));
    for (int i = 0; i < 20; i++)
        assert_false(message_gets_through(&lab, ""));
    phone_requests(&lab.alice, "INVITE", "urn:service:sos", "<urn:service:sos>", "s1", 1, "");
    phone_drop(&lab.alice, "SIP/2.0 380");
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    phone_drop(&lab.alice, "SIP/2.0 503");
    assert_int_equal(world_count(lab.world, PCSCF_SHED_CORE), 21);
    world_wait(lab.world, 3000); /* 5.7 */
    assert_true(message_gets_through(&lab, ";oc=100;oc-algo=\"loss\";oc-seq=6.1"));
    world_wait(lab.world, 500); /* 4.3: half a second when it is not said */
    assert_true(message_gets_through(&lab, ""));
    world_destroy(lab.world);
}

static void only_the_latest_word_counts(void **state)
{
    struct lab lab = lab_with_alice(LAB("overload_control = yes"));
    assert_true(message_gets_through(&lab, ";oc=1;oc-algo=\"loss\";oc-validity=60000;oc-seq=7.5"));
    struct hop_control *c = &pcscf_of(lab.world->w[0])->controls[0];
    assert_int_equal(c->percent, 1);
    while (!message_gets_through(&lab, ";oc=99;oc-algo=\"loss\";oc-validity=60000;oc-seq=7.49"))
        ;
    assert_int_equal(c->percent, 1); /* from before */
    while (!message_gets_through(&lab, ";oc=99;oc-algo=\"rate\";oc-validity=60000;oc-seq=8.0"))
        ;
    assert_int_equal(c->percent, 1); /* another algorithm than we said */
    while (!message_gets_through(&lab, ";oc=2;oc-algo=\"loss\";oc-validity=60000;oc-seq=8.01"))
        ;
    assert_int_equal(c->percent, 2);
    while (!message_gets_through(&lab, ";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=9.0"))
        ;
    assert_int_equal(c->until, 0);
    world_destroy(lab.world);
}

static void about_the_share_that_it_says_stays_behind(void **state)
{
    struct lab lab = lab_with_alice(LAB("overload_control = yes"));
    unsigned through = 0;
    const char *word = ";oc=30;oc-algo=\"loss\";oc-validity=60000";
    assert_true(message_gets_through(&lab, word));
    for (int i = 0; i < 1000; i++) {
        through += message_gets_through(&lab, word);
        if (i % 10 == 0)
            world_wait(lab.world, 500); /* as slowly as one phone may ask */
    }
    assert_in_range(through, 620, 780);
    world_destroy(lab.world);
}

/* 7.2: what is spared is made up for by the others. */
static void the_mix_decides_what_the_others_bear(void **state)
{
    struct lab lab = lab_with_alice(LAB("overload_control = yes"));
    struct pcscf *p = edge_of(&lab);
    struct sip_hop core = sip_hop_flow(&lab.core.flow);
    unsigned dropped = 0;
    for (int i = 0; i < 900; i++)
        hop_control_drops(p, &core, i % 3 != 0);
    assert_true(message_gets_through(&lab, ";oc=20;oc-algo=\"loss\";oc-validity=60000"));
    for (int i = 0; i < 3000; i++) {
        bool drop = hop_control_drops(p, &core, i % 3 != 0);
        assert_true(!drop || i % 3 == 0);
        dropped += drop;
    }
    assert_in_range(dropped, 480, 720); /* a fifth of all: six tenths of a third */
    world_destroy(lab.world);
}

static void nobody_is_asked_unless_it_is_set(void **state)
{
    struct lab lab = lab_with_alice(LAB(""));
    phone_requests(&lab.alice, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m1", 1, "");
    char *m = phone_expect(&lab.core, "MESSAGE");
    assert_null(strstr(m, ";oc"));
    free(m);
    world_destroy(lab.world);
}

/* 5.4: what stands in a phone's Via is not for it to obey. */
static void a_word_in_a_phones_via_does_not_reach_it(void **state)
{
    struct lab lab = lab_with_alice(LAB(""));
    phone_send(
        &lab.alice,
        "MESSAGE sip:bob@ims.test SIP/2.0\r\nVia: SIP/2.0/UDP "
        "192.168.7.1;branch=z9hG4bKm;oc;oc-algo=\"loss\"\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:alice@ims.test>;tag=1\r\nTo: <sip:bob@ims.test>\r\nCall-ID: m\r\n"
        "CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n");
    char *m = phone_expect(&lab.core, "MESSAGE");
    core_send(
        &lab,
        "SIP/2.0 200 OK\r\nVia: %s\r\nVia: SIP/2.0/UDP 192.168.7.1;branch=z9hG4bKm;oc=90;oc-algo=\"loss\""
        ";oc-validity=100000;oc-seq=1.1;received=10.0.0.1\r\nFrom: <sip:alice@ims.test>;tag=1\r\n"
        "To: <sip:bob@ims.test>;tag=2\r\nCall-ID: m\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
        header_of(m, "Via", 0));
    free(m);
    m = phone_expect(&lab.alice, "SIP/2.0 200");
    assert_string_equal(header_of(m, "Via", 0),
                        "SIP/2.0/UDP 192.168.7.1;branch=z9hG4bKm;oc-algo=\"loss\";received=10.0.0.1");
    free(m);
    world_destroy(lab.world);
}

/* ---- hops and loops ---- */

static void without_hops_left_it_goes_no_further_from_either_side(void **state)
{
    struct lab lab = lab_with_alice(LAB(""));
    const char *request =
        "MESSAGE sip:bob@ims.test SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKh%s\r\nMax-Forwards: %s\r\n"
        "From: <sip:alice@ims.test>;tag=1\r\nTo: <sip:bob@ims.test>\r\nCall-ID: h%s\r\n"
        "CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n";
    phone_send(&lab.alice, request, "192.168.7.1", "1", "0", "1");
    phone_drop(&lab.alice, "SIP/2.0 483");
    core_send(&lab, request, "10.0.0.99", "2", "0", "2");
    phone_drop(&lab.core, "SIP/2.0 483");
    phone_send(&lab.alice, request, "192.168.7.1", "3", "1", "3");
    char *m = phone_expect(&lab.core, "MESSAGE");
    assert_string_equal(header_of(m, "Max-Forwards", 0), "0");
    free(m);
    world_destroy(lab.world);
}

/* RFC 5393: a core that sends back what it got, unchanged. */
static void a_request_that_comes_round_is_a_loop(void **state)
{
    struct lab lab = lab_with_alice(LAB(""));
    phone_requests(&lab.alice, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "l1", 1, "");
    char *m = phone_expect(&lab.core, "MESSAGE");
    char vias[8192];
    snprintf(vias, sizeof(vias), "%s", headers_as(m, "Via", "Via", false));
    core_send(&lab,
              "MESSAGE sip:bob@ims.test SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99;branch=z9hG4bKback\r\n%s"
              "Max-Forwards: 60\r\nFrom: %s\r\nTo: <sip:bob@ims.test>\r\nCall-ID: l1\r\nCSeq: 1 MESSAGE\r\n"
              "Content-Length: 0\r\n\r\n",
              vias, header_of(m, "From", 0));
    phone_drop(&lab.core, "SIP/2.0 482");
    free(m);
    world_destroy(lab.world);
}

/* RFC 4320 4.1, 4.2: 100 to a non-INVITE when it takes long, and never 408. */
static void a_slow_answer_to_a_message_is_announced_and_a_missing_one_is_not(void **state)
{
    struct lab lab = lab_with_alice(LAB(""));
    phone_requests(&lab.alice, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m1", 1, "");
    phone_drop(&lab.core, "MESSAGE");
    world_wait(lab.world, 3000);
    phone_expect_none(&lab.alice);
    world_wait(lab.world, 1000);
    phone_drop(&lab.alice, "SIP/2.0 100");
    world_wait(lab.world, 40000);
    phone_expect_none(&lab.alice);
    world_destroy(lab.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_turns_are_load_and_one_is_none),
        cmocka_unit_test(new_phones_are_refused_first),
        cmocka_unit_test(then_what_begins_something_but_never_what_stands),
        cmocka_unit_test(what_a_via_says_of_load),
        cmocka_unit_test(the_core_is_spared_as_long_as_it_says),
        cmocka_unit_test(only_the_latest_word_counts),
        cmocka_unit_test(about_the_share_that_it_says_stays_behind),
        cmocka_unit_test(the_mix_decides_what_the_others_bear),
        cmocka_unit_test(nobody_is_asked_unless_it_is_set),
        cmocka_unit_test(a_word_in_a_phones_via_does_not_reach_it),
        cmocka_unit_test(without_hops_left_it_goes_no_further_from_either_side),
        cmocka_unit_test(a_request_that_comes_round_is_a_loop),
        cmocka_unit_test(a_slow_answer_to_a_message_is_announced_and_a_missing_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
