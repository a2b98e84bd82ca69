/* Calls for help as calls that the edge keeps in mind, and the call back from the PSAP (TS 24.229 5.2.10, RFC
 * 7090): what ends them and what does not, how long they wait for their phone, limits. */
#include "core_lab.h"
#include "modules/pcscf/call/dialog.h"

#define PLACE    "udp:10.0.0.97:5060"
#define SETTINGS "pcscf { host = \"gw.ims.test\" reg_event = no%s }\nemergency {%s }\n"

struct help {
    struct lab lab;
    struct fake_phone psap; /* behind the E-CSCF, which is a flow of worker 1 */
    char *invite, *ok;
    char routes[8192]; /* of the phone's side */
};

/* As emergency_init() would have it, had the test a listener. */
static void stand_in(struct pcscf *p, const struct emergency_config *config, const struct fake_phone *psap)
{
    struct core_place *place = core_place_create(p, "");
    assert_non_null(place);
    free(place->text);
    place->text = strdup(PLACE);
    list_push_back(&p->core.places, &place->link);
    place->choices[0] = (struct place_choice){.hop = world_hop(p, p->core.n_hops, &psap->flow)};
    place->choices[0].hop->places = 1;
    place->n_choices = 1;
    p->emergency = config;
    snprintf(p->ecscf_route, sizeof(p->ecscf_route), "<sip:10.0.0.97:5060;lr>");
}

static struct help help_with(const char *pcscf, const char *emergency)
{
    static struct emergency_config config;
    char text[512];
    snprintf(text, sizeof(text), SETTINGS, pcscf, emergency);
    struct help h = {.lab = lab_of(text)};
    h.psap = phone_at(h.lab.world, "psap", "", 1, 97);
    config = *pcscf_of(h.lab.world->w[0])->emergency;
    config.ecscf = PLACE;
    for (unsigned i = 0; i < WORLD_WORKERS; i++)
        stand_in(pcscf_of(h.lab.world->w[i]), &config, &h.psap);
    return h;
}

static void registers(struct help *h)
{
    char grant[200];
    snprintf(grant, sizeof(grant), "Contact: <%s>;expires=600\r\n", h->lab.alice.contact);
    char contact[200];
    snprintf(contact, sizeof(contact), "Contact: <%s>;+sip.instance=\"<urn:uuid:0>\";reg-id=1\r\n",
             h->lab.alice.contact);
    phone_register_once(&h->lab.alice, contact, "Expires: 600\r\n", "");
    char *m = phone_expect(&h->lab.core, "REGISTER");
    core_answers(&h->lab, m, "200 OK", grant);
    phone_drop(&h->lab.alice, "SIP/2.0 200");
    free(m);
}

static void psap_sends(struct help *h, const char *method, unsigned cseq)
{
    char from[1024], to[1024], routes[8192], text[12000];
    snprintf(from, sizeof(from), "%s", header_of(h->ok, "To", 0));
    snprintf(to, sizeof(to), "%s", header_of(h->ok, "From", 0));
    snprintf(routes, sizeof(routes), "%s", headers_as(h->invite, "Record-Route", "Route", false));
    snprintf(text, sizeof(text),
             "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.97;branch=z9hG4bKp%s%u\r\nMax-Forwards: 70\r\n"
             "From: %s\r\nTo: %s\r\nCall-ID: sos\r\nCSeq: %u %s\r\n%sContent-Length: 0\r\n\r\n",
             method, h->lab.alice.contact, method, cseq, from, to, cseq, method, routes);
    struct sip_hop hop = sip_hop_flow(&h->psap.flow);
    sip_entity_deliver(h->lab.world->w[1], &pcscf_entity, &hop, bytes_str(text));
    world_run(h->lab.world);
}

static void calls(struct help *h)
{
    phone_requests(&h->lab.alice, "INVITE", "urn:service:sos", "<urn:service:sos>", "sos", 1, "");
    h->invite = phone_expect(&h->psap, "INVITE urn:service:sos");
}

static void is_answered(struct help *h, const char *status)
{
    phone_answers(&h->psap, h->invite, status);
    h->ok = phone_expect(&h->lab.alice, "SIP/2.0 200");
    snprintf(h->routes, sizeof(h->routes), "%s", headers_as(h->ok, "Record-Route", "Route", true));
    phone_requests(&h->lab.alice, "ACK", "sip:psap@192.168.7.97:5060", header_of(h->ok, "To", 0), "sos", 1,
                   h->routes);
    phone_drop(&h->psap, "ACK");
}

static struct help help_begin(bool registered)
{
    struct help h = help_with("", " unregistered = yes");
    if (registered)
        registers(&h);
    calls(&h);
    phone_answers(&h.psap, h.invite, "180 Ringing");
    phone_drop(&h.lab.alice, "SIP/2.0 180");
    is_answered(&h, "200 OK");
    return h;
}

static void help_end(struct help *h)
{
    free(h->invite);
    free(h->ok);
    world_destroy(h->lab.world);
}

static uint64_t standing(struct help *h)
{
    return world_count(h->lab.world, PCSCF_EMERGENCY_CALLS);
}

static void vanishes(struct help *h)
{
    pcscf_flow_closed(pcscf_of(h->lab.world->w[h->lab.alice.flow.conn.worker]), &h->lab.alice.flow);
    world_run(h->lab.world);
}

/* The phone's request reaches the PSAP, and the answer the phone. */
static void reaches_psap(struct help *h, const char *method, unsigned cseq)
{
    phone_requests(&h->lab.alice, method, "sip:psap@192.168.7.97:5060", header_of(h->ok, "To", 0), "sos",
                   cseq, h->routes);
    char *m = phone_expect(&h->psap, method);
    phone_answers(&h->psap, m, "200 OK");
    phone_drop(&h->lab.alice, "SIP/2.0 200");
    free(m);
}

/* The PSAP's request reaches the phone, and the answer the PSAP. */
static void reaches_alice(struct help *h, const char *method)
{
    char *m = phone_expect(&h->lab.alice, method);
    phone_answers(&h->lab.alice, m, "200 OK");
    phone_drop(&h->psap, "SIP/2.0 200");
    free(m);
}

static size_t phones(struct help *h)
{
    return pcscf_of(h->lab.world->w[0])->phones.count + pcscf_of(h->lab.world->w[1])->phones.count;
}

/* ---- what ends it ---- */

static void it_is_a_call_like_others(bool registered)
{
    struct help h = help_begin(registered);
    assert_int_equal(standing(&h), 1);
    assert_int_equal(world_count(h.lab.world, PCSCF_DIALOGS_CONFIRMED), 1);
    psap_sends(&h, "INFO", 1);
    reaches_alice(&h, "INFO");
    reaches_psap(&h, "BYE", 2);
    assert_int_equal(standing(&h), 0);
    assert_int_equal(world_count(h.lab.world, PCSCF_CALLS_ENDED + DIALOG_HUNG_UP_PHONE), 1);
    assert_int_equal(phones(&h), registered);
    phone_expect_none(&h.lab.core);
    help_end(&h);
}

static void both_hang_up(void **state)
{
    it_is_a_call_like_others(true);
    it_is_a_call_like_others(false);
}

/* TS 24.229 5.2.10: it is the E-CSCF's affair. */
static void a_registration_that_ends_does_not_end_it(void **state)
{
    struct help h = help_begin(true);
    world_wait(h.lab.world, 640000);
    assert_int_equal(world_count(h.lab.world, PCSCF_REGISTERED), 0);
    assert_int_equal(standing(&h), 1);
    phone_expect_none(&h.psap);
    psap_sends(&h, "INFO", 1);
    reaches_alice(&h, "INFO");
    reaches_psap(&h, "INFO", 2);
    psap_sends(&h, "BYE", 2);
    reaches_alice(&h, "BYE");
    assert_int_equal(standing(&h), 0);
    assert_int_equal(phones(&h), 0);
    help_end(&h);
}

static void nor_does_the_phone_by_unregistering(void **state)
{
    struct help h = help_begin(true);
    phone_register_once(&h.lab.alice, "Contact: *\r\n", "Expires: 0\r\n", "");
    char *m = phone_expect(&h.lab.core, "REGISTER");
    core_answers(&h.lab, m, "200 OK", "");
    phone_drop(&h.lab.alice, "SIP/2.0 200");
    free(m);
    assert_int_equal(world_count(h.lab.world, PCSCF_REGISTERED), 0);
    assert_int_equal(standing(&h), 1);
    phone_expect_none(&h.psap);
    help_end(&h);
}

static void released_after(struct help *h, uint64_t seconds)
{
    world_wait(h->lab.world, (seconds - 1) * 1000);
    phone_expect_none(&h->psap);
    assert_int_equal(standing(h), 1);
    world_wait(h->lab.world, 2000);
    char *bye = phone_expect(&h->psap, "BYE sip:psap@192.168.7.97:5060");
    assert_string_equal(header_of(bye, "Reason", 0), "SIP;cause=503;text=\"Connection to the phone lost\"");
    assert_string_equal(header_of(bye, "From", 0), header_of(h->ok, "From", 0));
    char icid[100];
    snprintf(icid, sizeof(icid), "%.*s", (int)strcspn(header_of(h->invite, "P-Charging-Vector", 0), ";"),
             header_of(h->invite, "P-Charging-Vector", 0));
    assert_non_null(strstr(header_of(bye, "P-Charging-Vector", 0), icid));
    assert_true(strlen(icid) > 40);
    phone_answers(&h->psap, bye, "200 OK");
    free(bye);
    assert_int_equal(standing(h), 0);
    assert_int_equal(world_count(h->lab.world, PCSCF_CALLS_ENDED + DIALOG_LOST), 1);
    assert_int_equal(pcscf_of(h->lab.world->w[0])->absences.count, 0);
    assert_int_equal(phones(h), 0);
}

static void a_phone_that_stays_away_is_hung_up_on_later_than_others(void **state)
{
    struct help h = help_begin(true);
    vanishes(&h);
    released_after(&h, 60);
    help_end(&h);
    h = help_begin(false);
    vanishes(&h);
    released_after(&h, 60);
    help_end(&h);
}

static void never_sooner_than_others(void **state)
{
    struct help h = help_with(" flow_grace = 100s", " flow_grace = 1s");
    registers(&h);
    calls(&h);
    is_answered(&h, "200 OK");
    vanishes(&h);
    released_after(&h, 100);
    help_end(&h);
}

static void a_caller_who_is_gone_while_it_rings_stops_it(void **state)
{
    struct help h = help_with("", " unregistered = yes flow_grace = 30s");
    calls(&h);
    phone_answers(&h.psap, h.invite, "180 Ringing");
    phone_drop(&h.lab.alice, "SIP/2.0 180");
    vanishes(&h);
    world_wait(h.lab.world, 31000);
    char *cancel = phone_expect(&h.psap, "CANCEL urn:service:sos");
    assert_non_null(strstr(header_of(cancel, "Reason", 0), "cause=503"));
    phone_answers(&h.psap, cancel, "200 OK");
    phone_answers(&h.psap, h.invite, "487 Request Terminated");
    free(cancel);
    assert_int_equal(standing(&h), 0);
    assert_int_equal(phones(&h), 0);
    help_end(&h);
}

static void the_session_timer_is_watched(void **state)
{
    struct help h = help_with("", " unregistered = yes");
    calls(&h);
    is_answered(&h, "200 OK\r\nSession-Expires: 90;refresher=uac");
    world_wait(h.lab.world, 90000 + 33000);
    char *bye = phone_expect(&h.psap, "BYE");
    assert_non_null(strstr(header_of(bye, "Reason", 0), "cause=408"));
    free(bye);
    phone_drop(&h.lab.alice, "BYE"); /* it is there: registered or not, it hears of it */
    assert_int_equal(standing(&h), 0);
    help_end(&h);
}

/* ---- the phone moves ---- */

static void it_goes_on_where_the_phone_comes_back(void **state)
{
    struct help h = help_begin(true);
    vanishes(&h);
    world_wait(h.lab.world, 40000); /* other calls would be over */
    struct fake_phone old = h.lab.alice;
    h.lab.alice = phone_at(h.lab.world, "alice", "secret-a", 1, 9);
    memcpy(h.lab.alice.contact, old.contact, sizeof(old.contact));
    registers(&h);
    assert_int_equal(world_count(h.lab.world, PCSCF_DIALOGS_MOVED), 1);
    psap_sends(&h, "INFO", 1);
    reaches_alice(&h, "INFO");
    reaches_psap(&h, "INFO", 2);
    world_wait(h.lab.world, 500000);
    psap_sends(&h, "BYE", 2);
    reaches_alice(&h, "BYE");
    assert_int_equal(standing(&h), 0);
    help_end(&h);
}

static void it_goes_along_to_a_newer_connection(void **state)
{
    struct help h = help_begin(true);
    struct fake_phone old = h.lab.alice;
    h.lab.alice = phone_at(h.lab.world, "alice", "secret-a", 1, 9);
    memcpy(h.lab.alice.contact, old.contact, sizeof(old.contact));
    registers(&h);
    assert_int_equal(world_count(h.lab.world, PCSCF_DIALOGS_MOVED), 1);
    psap_sends(&h, "BYE", 1);
    reaches_alice(&h, "BYE");
    assert_int_equal(standing(&h), 0);
    help_end(&h);
}

/* Its registration is over, the connection is not: a new one elsewhere does not take the call away. */
static void an_old_connection_keeps_its_call(void **state)
{
    struct help h = help_begin(true);
    world_wait(h.lab.world, 640000);
    struct fake_phone first = h.lab.alice;
    h.lab.alice = phone_at(h.lab.world, "alice", "secret-a", 1, 9);
    memcpy(h.lab.alice.contact, first.contact, sizeof(first.contact));
    registers(&h);
    struct fake_phone second = h.lab.alice;
    h.lab.alice = first;
    psap_sends(&h, "INFO", 1);
    reaches_alice(&h, "INFO");
    vanishes(&h); /* and now it goes there */
    h.lab.alice = second;
    assert_int_equal(world_count(h.lab.world, PCSCF_DIALOGS_MOVED), 1);
    psap_sends(&h, "BYE", 2);
    reaches_alice(&h, "BYE");
    assert_int_equal(standing(&h), 0);
    help_end(&h);
}

/* ---- limits ---- */

static void it_is_kept_above_the_limits(void **state)
{
    struct help h = help_with(" max_dialogs = 1 max_dialogs_per_phone = 1", "");
    registers(&h);
    phone_requests(&h.lab.alice, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c1", 1, "");
    char *m = phone_expect(&h.lab.core, "INVITE");
    phone_answers(&h.lab.core, m, "180 Ringing");
    free(m);
    assert_int_equal(world_count(h.lab.world, PCSCF_DIALOGS_EARLY), 1);
    calls(&h);
    is_answered(&h, "200 OK");
    assert_int_equal(standing(&h), 1);
    assert_int_equal(world_count(h.lab.world, PCSCF_DIALOGS_NOT_KEPT), 0);
    help_end(&h);
}

/* ---- the call back ---- */

/* The core's INVITE to alice by the Path of that REGISTER. */
static void core_invites(struct help *h, const char *path, const char *headers)
{
    core_send(
        &h->lab,
        "INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99;branch=z9hG4bKback\r\nMax-Forwards: 70\r\n"
        "Record-Route: <sip:scscf.ims.test;lr>\r\nRoute: %s\r\nFrom: <sip:psap@ims.test>;tag=p\r\n"
        "To: <sip:alice@ims.test>\r\nCall-ID: back\r\nCSeq: 1 INVITE\r\nContact: <sip:psap@10.0.0.97>\r\n"
        "%sContent-Length: 0\r\n\r\n",
        h->lab.alice.contact, path, headers);
}

static char *path_of(struct help *h)
{
    phone_register_once(&h->lab.alice, "Contact: <sip:alice@192.168.7.1:5060;sos>\r\n", "Expires: 600\r\n",
                        "");
    char *m = phone_expect(&h->lab.core, "REGISTER");
    core_answers(&h->lab, m, "200 OK", "Contact: <sip:alice@192.168.7.1:5060;sos>;expires=600\r\n");
    phone_drop(&h->lab.alice, "SIP/2.0 200");
    return m;
}

static void the_psap_calls_back(void **state)
{
    struct help h = help_with(" max_dialogs = 1 max_dialogs_per_phone = 1", "");
    char *reg = path_of(&h);
    core_invites(&h, header_of(reg, "Path", 0), "Priority: psap-callback\r\n");
    h.invite = phone_expect(&h.lab.alice, "INVITE");
    assert_string_equal(header_of(h.invite, "Priority", 0), "psap-callback");
    phone_answers(&h.lab.alice, h.invite, "200 OK\r\nPriority: psap-callback");
    h.ok = phone_expect(&h.lab.core, "SIP/2.0 200");
    assert_int_equal(standing(&h), 1);
    world_wait(h.lab.world, 640000); /* the registration was for that alone, and is over */
    assert_int_equal(world_count(h.lab.world, PCSCF_REGISTERED), 0);
    assert_int_equal(standing(&h), 1);
    world_forget(h.lab.world);
    phone_send(
        &h.lab.alice,
        "BYE sip:psap@10.0.0.97 SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.1;branch=z9hG4bKbye\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:alice@ims.test>;tag=alice-ua\r\nTo: <sip:psap@ims.test>;tag=p\r\n"
        "Call-ID: back\r\nCSeq: 1 BYE\r\n%sContent-Length: 0\r\n\r\n",
        headers_as(h.invite, "Record-Route", "Route", false));
    char *bye = phone_expect(&h.lab.core, "BYE sip:psap@10.0.0.97");
    phone_answers(&h.lab.core, bye, "200 OK");
    phone_drop(&h.lab.alice, "SIP/2.0 200");
    assert_int_equal(standing(&h), 0);
    free(bye);
    free(reg);
    help_end(&h);
}

/* RFC 7090 5: what opens doors is the network's to say. */
static void a_phone_cannot_call_back(void **state)
{
    struct help h = help_with("", "");
    registers(&h);
    phone_requests(&h.lab.alice, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c1", 1,
                   "Priority: psap-callback\r\n");
    h.invite = phone_expect(&h.lab.core, "INVITE");
    assert_string_equal(header_of(h.invite, "Priority", 0), "");
    phone_answers(&h.lab.core, h.invite, "180 Ringing");
    assert_int_equal(world_count(h.lab.world, PCSCF_DIALOGS_EARLY), 1);
    assert_int_equal(standing(&h), 0);
    help_end(&h);
}

static void a_call_back_waits_for_the_phone(void **state)
{
    struct help h = help_with("", "");
    char *reg = path_of(&h);
    vanishes(&h);
    world_wait(h.lab.world, 10000); /* any other call would be refused by now */
    core_invites(&h, header_of(reg, "Path", 0), "Priority: psap-callback\r\n");
    world_wait(h.lab.world, 3000);
    struct fake_phone old = h.lab.alice;
    h.lab.alice = phone_at(h.lab.world, "alice", "secret-a", 1, 9);
    memcpy(h.lab.alice.contact, old.contact, sizeof(old.contact));
    free(path_of(&h));
    h.invite = phone_expect(&h.lab.alice, "INVITE");
    free(reg);
    help_end(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_hang_up),
        cmocka_unit_test(a_registration_that_ends_does_not_end_it),
        cmocka_unit_test(nor_does_the_phone_by_unregistering),
        cmocka_unit_test(a_phone_that_stays_away_is_hung_up_on_later_than_others),
        cmocka_unit_test(never_sooner_than_others),
        cmocka_unit_test(a_caller_who_is_gone_while_it_rings_stops_it),
        cmocka_unit_test(the_session_timer_is_watched),
        cmocka_unit_test(it_goes_on_where_the_phone_comes_back),
        cmocka_unit_test(it_goes_along_to_a_newer_connection),
        cmocka_unit_test(an_old_connection_keeps_its_call),
        cmocka_unit_test(it_is_kept_above_the_limits),
        cmocka_unit_test(the_psap_calls_back),
        cmocka_unit_test(a_phone_cannot_call_back),
        cmocka_unit_test(a_call_back_waits_for_the_phone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
