/* The edge's own subscription to what the core does with registrations (TS 24.229 5.2.3, 5.2.5; RFC 3680,
 * RFC 6665), against a core that the test plays. */
#include "core_lab.h"

#define DEFAULT_IDENTITY "sip:first@ims.test" /* of GRANTED */

/* What the core knows of the subscription. */
struct watcher {
    struct lab *lab;
    char *request; /* the SUBSCRIBE */
    char contact[512], from[512], to[512], call_id[128];
    unsigned cseq, version;
};

static void watch(struct watcher *w, struct lab *lab)
{
    struct sip_nameaddr na;
    char *m = phone_expect(&lab->core, "SUBSCRIBE ");
    *w = (struct watcher){.lab = lab, .request = m, .cseq = 1};
    assert_true(sip_nameaddr_parse(bytes_str(header_of(m, "Contact", 0)), &na));
    snprintf(w->contact, sizeof(w->contact), "%.*s", BYTES_FMT(na.uri.text));
    snprintf(w->from, sizeof(w->from), "%s", header_of(m, "From", 0));
    snprintf(w->to, sizeof(w->to), "%s", header_of(m, "To", 0));
    snprintf(w->call_id, sizeof(w->call_id), "%s", header_of(m, "Call-ID", 0));
}

#define OF_CORE "Contact: <sip:scscf@10.0.0.98:6060>\r\n"

static void grant(struct watcher *w, unsigned expires)
{
    char more[200];
    snprintf(more, sizeof(more), OF_CORE "Expires: %u\r\nRecord-Route: <sip:scscf@10.0.0.98:6060;lr>\r\n",
             expires);
    core_answers(w->lab, w->request, "200 OK", more);
}

static void notify_as(struct watcher *w, const char *headers, const char *body)
{
    core_send(
        w->lab,
        "NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99:5060;branch=z9hG4bKn%u.%s\r\nMax-Forwards: 70\r\n"
        "From: %s%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u NOTIFY\r\n%sContent-Length: %zu\r\n\r\n%s",
        w->contact, w->cseq, w->call_id, w->to, strstr(w->to, ";tag=") ? "" : ";tag=core", w->from,
        w->call_id, w->cseq, headers, strlen(body), body);
    w->cseq++;
}

#define OF_EVENT "Event: reg\r\nContent-Type: application/reginfo+xml\r\n" OF_CORE

static void notify(struct watcher *w, const char *state, const char *body)
{
    char headers[300];
    snprintf(headers, sizeof(headers), OF_EVENT "Subscription-State: %s\r\n", state);
    notify_as(w, headers, body);
}

/* A document with what one identity has. */
static const char *document(struct watcher *w, const char *kind, const char *aor, const char *state,
                            const char *contacts)
{
    static char text[4096];
    snprintf(text, sizeof(text),
             "<?xml version=\"1.0\"?><reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"%u\" "
             "state=\"%s\"><registration aor=\"%s\" id=\"1\" state=\"%s\">%s</registration></reginfo>",
             w->version++, kind, aor, state, contacts);
    return text;
}

#define ALICE_URI             "<uri>sip:alice@192.168.7.1:5060</uri>"
#define CONTACT(state, event) CONTACT_X(state, event, "")
#define CONTACT_X(state, event, more)                                                                        \
    "<contact id=\"1\" state=\"" state "\" event=\"" event "\" " more ">" ALICE_URI "</contact>"
#define AOR "sip:alice@ims.test"

/* Alice registered, the core watching and told so. */
static struct watcher watched(struct lab *lab)
{
    struct watcher w;
    free(registered(lab, ""));
    phone_drop(&lab->alice, "SIP/2.0 200");
    watch(&w, lab);
    grant(&w, 1200);
    notify(&w, "active;expires=1200", document(&w, "full", AOR, "active", CONTACT("active", "registered")));
    phone_drop(&lab->core, "SIP/2.0 200");
    assert_int_equal(world_count(lab->world, PCSCF_REG_EVENTS), 1);
    assert_int_equal(world_count(lab->world, PCSCF_REGISTERED), 1);
    return w;
}

static void done(struct lab *lab, struct watcher *w)
{
    free(w->request);
    world_destroy(lab->world);
}

/* ---- asking ---- */

static void a_registration_is_followed_by_a_subscription(void **state)
{
    struct lab lab = lab_create();
    struct watcher w;
    char *reg = registered(&lab, "");
    watch(&w, &lab);
    const char *m = w.request;
    assert_true(strncmp(m, "SUBSCRIBE " DEFAULT_IDENTITY " SIP/2.0\r\n", 38) == 0);
    assert_string_equal(header_of(m, "To", 0), "<" DEFAULT_IDENTITY ">");
    assert_non_null(strstr(header_of(m, "From", 0), "<sip:10.9.9.9:5060>;tag="));
    assert_string_equal(header_of(m, "Event", 0), "reg");
    assert_string_equal(header_of(m, "Accept", 0), "application/reginfo+xml");
    assert_string_equal(header_of(m, "Expires", 0), "1200"); /* 600 more than the registration */
    assert_string_equal(header_of(m, "P-Asserted-Identity", 0), header_of(reg, "Path", 0));
    assert_non_null(strstr(header_of(m, "P-Charging-Vector", 0), "icid-value="));
    assert_string_equal(header_of(m, "Route", 0), ""); /* to the entry of the home network */
    assert_string_equal(header_of(m, "Max-Forwards", 0), "70");
    phone_expect_none(&lab.core);
    free(reg);
    done(&lab, &w);
}

static void the_embedded_network_and_who_does_not_want_it_are_not_asked(void **state)
{
    struct world *world = world_create();
    struct fake_phone alice = phone_at(world, "alice", "secret-a", 0, 1);
    phone_registers(&alice);
    assert_int_equal(pcscf_of(world->w[0])->reg_events.by_identity.count, 0);
    world_destroy(world);

    struct lab lab = lab_create();
    ((struct pcscf_config *)(uintptr_t)pcscf_of(lab.world->w[0])->config)->reg_event = false;
    free(registered(&lab, ""));
    phone_expect_none(&lab.core);
    world_destroy(lab.world);
}

static void a_call_for_help_is_watched_by_nobody(void **state)
{
    struct lab lab = lab_create();
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5060;sos>\r\n", "Expires: 600\r\n", "");
    char *m = phone_expect(&lab.core, "REGISTER ");
    core_answers(&lab, m, "200 OK", "Contact: <sip:alice@192.168.7.1:5060;sos>;expires=600\r\n");
    free(m);
    assert_int_equal(world_count(lab.world, PCSCF_REGISTERED), 1);
    phone_expect_none(&lab.core);
    world_destroy(lab.world);
}

static void refreshes_and_further_contacts_share_it(void **state)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab);
    free(registered(&lab, ""));
    phone_expect_none(&lab.core);
    struct fake_phone other = phone_at(lab.world, "alice", "secret-a", 0, 2);
    struct lab second = lab;
    second.alice = other;
    free(registered(&second, "")); /* the core grants the contact of the first: nothing is bound */
    phone_expect_none(&lab.core);
    done(&lab, &w);
}

static void a_notify_may_come_before_the_answer(void **state)
{
    struct lab lab = lab_create();
    struct watcher w;
    free(registered(&lab, ""));
    watch(&w, &lab);
    notify(&w, "pending;expires=900", "");
    phone_drop(&lab.core, "SIP/2.0 200");
    assert_int_equal(world_count(lab.world, PCSCF_REG_EVENTS), 1);
    grant(&w, 900);
    world_wait(lab.world, 40000); /* timer N has nothing to say */
    phone_expect_none(&lab.core);
    world_wait(lab.world, 420000);
    phone_drop(&lab.core, "SUBSCRIBE sip:scscf@10.0.0.98:6060 SIP/2.0");
    done(&lab, &w);
}

/* ---- what the network does ---- */

static void ends_with(const char *contact, bool counted)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab);
    world_wait(lab.world, 6000);
    notify(&w, "active", document(&w, "partial", AOR, "terminated", contact));
    phone_drop(&lab.core, "SIP/2.0 200");
    assert_int_equal(world_count(lab.world, PCSCF_REGISTERED), counted ? 0 : 1);
    assert_int_equal(world_count(lab.world, PCSCF_REVOKED), counted ? 1 : 0);
    done(&lab, &w);
}

static void what_the_network_ends_ends_here(void **state)
{
    ends_with(CONTACT("terminated", "deactivated"), true);
    ends_with(CONTACT("terminated", "rejected"), true);
    ends_with(CONTACT_X("terminated", "probation", "retry-after=\"60\""), true);
    ends_with(CONTACT("terminated", "expired"), true);
    ends_with(CONTACT("terminated", "unregistered"), true);
    ends_with(CONTACT("terminated", "of-the-future"), true);
    ends_with("", true); /* an identity without contacts */
    ends_with(CONTACT("active", "registered"), false);
    ends_with("<contact state=\"active\" event=\"created\"><uri>sip:else@10.1.1.1</uri></contact>", true);
}

static void what_is_another_contacts_fate_is_not_ours(void **state)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab);
    notify(
        &w, "active",
        document(&w, "partial", AOR, "active",
                 "<contact state=\"terminated\" event=\"rejected\"><uri>sip:else@10.1.1.1</uri></contact>"));
    notify(&w, "active",
           document(&w, "partial", "sip:else@ims.test", "terminated", CONTACT("terminated", "rejected")));
    /* a second flow of the same phone, with the same URI (RFC 5626) */
    notify(&w, "active",
           document(&w, "partial", AOR, "active",
                    "<contact state=\"terminated\" event=\"rejected\">" ALICE_URI
                    "<unknown-param name=\"+sip.instance\">\"&lt;urn:uuid:1&gt;\"</unknown-param>"
                    "<unknown-param name=\"reg-id\">2</unknown-param></contact>"));
    assert_int_equal(world_count(lab.world, PCSCF_REGISTERED), 1);
    done(&lab, &w);
}

/* The NOTIFY of the phone's own unregistering, late: it has registered again since. */
static void old_news_end_nothing(void **state)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab);
    notify(&w, "active", document(&w, "partial", AOR, "terminated", CONTACT("terminated", "unregistered")));
    assert_int_equal(world_count(lab.world, PCSCF_REGISTERED), 1);
    done(&lab, &w);
}

static void a_shortened_registration_ends_sooner(void **state)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab);
    notify(&w, "active",
           document(&w, "partial", AOR, "active", CONTACT_X("active", "shortened", "expires=\"30\"")));
    assert_int_equal(world_count(lab.world, PCSCF_SHORTENED), 1);
    notify(&w, "active",
           document(&w, "partial", AOR, "active", CONTACT_X("active", "shortened", "expires=\"5000\"")));
    assert_int_equal(world_count(lab.world, PCSCF_SHORTENED), 1); /* longer is not shorter */
    world_wait(lab.world, 29000);
    assert_int_equal(world_count(lab.world, PCSCF_REGISTERED), 1);
    world_wait(lab.world, 2000);
    assert_int_equal(world_count(lab.world, PCSCF_REGISTERED), 0);
    done(&lab, &w);
}

static const char *asserted(struct lab *lab, const char *preferred, unsigned nth)
{
    char header[128], call[16];
    snprintf(header, sizeof(header), "P-Preferred-Identity: <%s>\r\n", preferred);
    snprintf(call, sizeof(call), "m%u", nth);
    phone_requests(&lab->alice, "MESSAGE", "sip:bob@else.example", "<sip:bob@else.example>", call, 1, header);
    char *m = phone_expect(&lab->core, "MESSAGE");
    const char *identity = header_of(m, "P-Asserted-Identity", 0);
    free(m);
    return identity;
}

/* TS 24.229 5.2.5.2, 5.2.3: identities come and go with what the registrar says. */
static void identities_are_learnt_and_forgotten(void **state)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab);
    assert_string_equal(asserted(&lab, "sip:late@ims.test", 1), "<" DEFAULT_IDENTITY ">");
    notify(&w, "active",
           document(&w, "partial", "sip:late@ims.test", "active", CONTACT("active", "created")));
    assert_string_equal(asserted(&lab, "sip:late@ims.test", 2), "<sip:late@ims.test>");
    notify(&w, "active",
           document(&w, "partial", "sip:late@ims.test", "terminated", CONTACT("terminated", "rejected")));
    assert_string_equal(asserted(&lab, "sip:late@ims.test", 3), "<" DEFAULT_IDENTITY ">");
    notify(&w, "active",
           document(&w, "partial", DEFAULT_IDENTITY, "terminated", CONTACT("terminated", "rejected")));
    assert_string_equal(asserted(&lab, DEFAULT_IDENTITY, 4),
                        "<" AOR ">"); /* the next one is the default now */
    assert_int_equal(world_count(lab.world, PCSCF_REGISTERED), 1);
    done(&lab, &w);
}

/* ---- versions ---- */

static void older_documents_do_nothing_and_a_gap_asks_for_all(void **state)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab);
    w.version = 5;
    notify(&w, "active", document(&w, "partial", AOR, "active", ""));
    phone_drop(&lab.core, "SIP/2.0 200");
    phone_drop(&lab.core, "SUBSCRIBE sip:scscf@10.0.0.98:6060 SIP/2.0");
    w.version = 3;
    notify(&w, "active", document(&w, "partial", AOR, "terminated", CONTACT("terminated", "rejected")));
    phone_drop(&lab.core, "SIP/2.0 200");
    assert_int_equal(world_count(lab.world, PCSCF_REGISTERED), 1);
    assert_int_equal(world_count(lab.world, PCSCF_NOTIFY_STALE), 1);
    w.version = 20; /* once is enough for a while */
    notify(&w, "active", document(&w, "partial", AOR, "active", ""));
    phone_drop(&lab.core, "SIP/2.0 200");
    phone_expect_none(&lab.core);
    done(&lab, &w);
}

static void a_retransmission_is_answered_and_done_once(void **state)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab);
    const char *shorter =
        document(&w, "partial", AOR, "active", CONTACT_X("active", "shortened", "expires=\"30\""));
    for (unsigned i = 0; i < 3; i++) {
        w.cseq = 2;
        notify(&w, "active", shorter);
        phone_drop(&lab.core, "SIP/2.0 200");
    }
    assert_int_equal(world_count(lab.world, PCSCF_NOTIFY_OK), 2);
    assert_int_equal(world_count(lab.world, PCSCF_SHORTENED), 1);
    done(&lab, &w);
}

/* ---- what is no NOTIFY of ours ---- */

static void answers(struct watcher *w, const char *headers, const char *body, const char *status)
{
    notify_as(w, headers, body);
    phone_drop(&w->lab->core, status);
}

static void a_bad_notify_is_refused_as_it_deserves(void **state)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab), stranger = w;
    const char *gone = document(&w, "partial", AOR, "terminated", CONTACT("terminated", "rejected"));
    answers(&w, OF_EVENT, gone, "SIP/2.0 400"); /* no Subscription-State */
    answers(&w, "Event: presence\r\nSubscription-State: active\r\n", "", "SIP/2.0 489");
    answers(&w, "Subscription-State: active\r\n", "", "SIP/2.0 489");
    answers(&w, "Event: reg\r\nSubscription-State: active\r\n" OF_CORE, gone, "SIP/2.0 415");
    answers(&w, "Event: reg\r\nSubscription-State: active\r\nContent-Type: text/plain\r\n", gone,
            "SIP/2.0 415");
    answers(&w, OF_EVENT "Subscription-State: active\r\n", "<reginfo", "SIP/2.0 400");
    assert_int_equal(world_count(lab.world, PCSCF_NOTIFY_BAD), 6);
    world_wait(lab.world, 40000); /* the transactions are gone: what comes is no retransmission */
    w.cseq = 1;                   /* out of order (RFC 3261 12.2.2) */
    answers(&w, OF_EVENT "Subscription-State: active\r\n", gone, "SIP/2.0 500");
    snprintf(stranger.call_id, sizeof(stranger.call_id), "other");
    answers(&stranger, OF_EVENT "Subscription-State: active\r\n", gone, "SIP/2.0 481");
    stranger = w;
    snprintf(stranger.to, sizeof(stranger.to), "<" DEFAULT_IDENTITY ">;tag=fork");
    stranger.cseq = 50;
    answers(&stranger, OF_EVENT "Subscription-State: active\r\n", gone, "SIP/2.0 481");
    stranger = w;
    stranger.cseq = 60;
    char *digit = strchr(stranger.contact, '@') - 1; /* of another time: the random part differs */
    *digit = *digit == '0' ? '1' : '0';
    answers(&stranger, OF_EVENT "Subscription-State: active\r\n", gone, "SIP/2.0 481");
    assert_int_equal(world_count(lab.world, PCSCF_NOTIFY_UNKNOWN), 3);
    assert_int_equal(world_count(lab.world, PCSCF_REGISTERED), 1);
    done(&lab, &w);
}

/* ---- refusals and silence ---- */

static void declined(const char *status, const char *more, unsigned long long ms, bool again)
{
    struct lab lab = lab_create();
    struct watcher w;
    free(registered(&lab, ""));
    watch(&w, &lab);
    lab.world->w[0]->log.level = LOG_ERROR + 1;
    core_answers(&lab, w.request, status, more);
    phone_expect_none(&lab.core);
    world_wait(lab.world, ms);
    char *m = phone_get(&lab.core);
    assert_int_equal(m != NULL, again);
    if (m) /* RFC 6665 4.1.2.2: an unrelated one */
        assert_string_not_equal(header_of(m, "Call-ID", 0), w.call_id);
    free(m);
    done(&lab, &w);
}

static void what_is_declined_for_now_is_asked_again_later(void **state)
{
    declined("503 Service Unavailable", "Retry-After: 20\r\n", 19000, false);
    declined("503 Service Unavailable", "Retry-After: 20\r\n", 20500, true);
    declined("500 Server Error", "", 4500, false);
    declined("500 Server Error", "", 8000, true);
    declined("480 Temporarily Unavailable", "", 8000, true);
    declined("200 OK", "", 8000, true); /* without a Contact there is no dialog */
}

static void what_is_refused_for_good_is_let_be(void **state)
{
    declined("403 Forbidden", "", 300000, false);
    declined("404 Not Found", "", 300000, false);
    declined("489 Bad Event", "", 300000, false);
    declined("302 Elsewhere", OF_CORE, 300000, false);
}

static void a_core_without_the_package_is_asked_by_nobody(void **state)
{
    struct lab lab = lab_create();
    struct watcher w;
    free(registered(&lab, ""));
    phone_drop(&lab.alice, "SIP/2.0 200");
    watch(&w, &lab);
    lab.world->w[0]->log.level = LOG_ERROR + 1;
    core_answers(&lab, w.request, "489 Bad Event", "");
    lab.alice.name = "bob";
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    char *m = phone_expect(&lab.core, "REGISTER");
    core_answers(&lab, m, "200 OK", "Contact: <sip:alice@192.168.7.1:5060>;expires=600\r\n");
    free(m);
    phone_expect_none(&lab.core);
    assert_int_equal(world_count(lab.world, PCSCF_REG_EVENT_REFUSED), 1);
    done(&lab, &w);
}

static void a_minimum_is_met(void **state)
{
    struct lab lab = lab_create();
    struct watcher w;
    free(registered(&lab, ""));
    watch(&w, &lab);
    core_answers(&lab, w.request, "423 Interval Too Brief", "Min-Expires: 3600\r\n");
    free(w.request);
    watch(&w, &lab);
    assert_string_equal(header_of(w.request, "Expires", 0), "3600");
    core_answers(&lab, w.request, "423 Interval Too Brief", "Min-Expires: 3600\r\n");
    phone_expect_none(&lab.core); /* it is what was asked for: that core makes no sense */
    done(&lab, &w);
}

static void silence_is_a_failure_for_now(void **state)
{
    struct lab lab = lab_create();
    struct watcher w;
    free(registered(&lab, ""));
    watch(&w, &lab);
    grant(&w, 1200);
    world_wait(lab.world, 31000);
    phone_expect_none(&lab.core);
    world_wait(lab.world, 10000); /* timer N, then the first delay */
    char *m = phone_expect(&lab.core, "SUBSCRIBE " DEFAULT_IDENTITY);
    free(m);
    assert_int_equal(world_count(lab.world, PCSCF_REG_EVENT_FAILED), 1);
    done(&lab, &w);
}

/* ---- keeping it ---- */

static void it_is_refreshed_in_its_dialog_before_it_ends(void **state)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab);
    world_wait(lab.world, 300000);
    free(registered(&lab, ""));
    phone_expect_none(&lab.core);
    world_wait(lab.world, 301000); /* half of 1200 */
    free(w.request);
    w.request = phone_expect(&lab.core, "SUBSCRIBE sip:scscf@10.0.0.98:6060 SIP/2.0");
    assert_string_equal(header_of(w.request, "Call-ID", 0), w.call_id);
    assert_string_equal(header_of(w.request, "To", 0), "<" DEFAULT_IDENTITY ">;tag=core");
    assert_string_equal(header_of(w.request, "Route", 0), "<sip:scscf@10.0.0.98:6060;lr>");
    assert_string_equal(header_of(w.request, "CSeq", 0), "2 SUBSCRIBE");
    assert_string_equal(header_of(w.request, "Expires", 0), "900"); /* 600 more than what is left */
    world_forget(lab.world);                                        /* retransmissions */
    core_answers(&lab, w.request, "500 Server Error", "");
    assert_int_equal(world_count(lab.world, PCSCF_REG_EVENTS), 1); /* RFC 6665 4.1.2.2: still valid */
    world_wait(lab.world, 8000);
    free(w.request);
    w.request = phone_expect(&lab.core, "SUBSCRIBE sip:scscf@10.0.0.98:6060 SIP/2.0");
    world_forget(lab.world);
    core_answers(&lab, w.request, "481 No Subscription", "");
    free(w.request);
    watch(&w, &lab); /* a new one (TS 24.229 5.2.3) */
    assert_non_null(strstr(w.request, "SUBSCRIBE " DEFAULT_IDENTITY));
    assert_int_equal(world_count(lab.world, PCSCF_REG_EVENTS), 0);
    done(&lab, &w);
}

/* RFC 6665 4.1.3. */
static void the_core_ends_the_subscription(void **state)
{
    static const struct {
        const char *state;
        unsigned at, not_at; /* ms */
    } cases[] = {
        {"terminated;reason=deactivated", 0, 0},
        {"terminated;reason=timeout", 0, 0},
        {"terminated;reason=probation;retry-after=100", 101000, 99000},
        {"terminated;reason=giveup", 8000, 4500},
        {"terminated", 8000, 4500},
        {"terminated;reason=noresource", 8000, 4500}, /* but somebody is registered here */
        {"terminated;reason=rejected", 0, 300000},
        {"terminated;reason=invariant", 0, 300000},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lab lab = lab_create();
        struct watcher w = watched(&lab);
        lab.world->w[0]->log.level = LOG_ERROR + 1;
        notify(&w, cases[i].state, "");
        phone_drop(&lab.core, "SIP/2.0 200");
        assert_int_equal(world_count(lab.world, PCSCF_REG_EVENTS), 0);
        if (cases[i].not_at) {
            world_wait(lab.world, cases[i].not_at);
            phone_expect_none(&lab.core);
        }
        if (cases[i].at > cases[i].not_at)
            world_wait(lab.world, cases[i].at - cases[i].not_at);
        if (cases[i].at >= cases[i].not_at)
            phone_drop(&lab.core, "SUBSCRIBE " DEFAULT_IDENTITY);
        notify(&w, "active", ""); /* the old one is no more */
        phone_drop(&lab.core, "SIP/2.0 481");
        done(&lab, &w);
    }
}

/* ---- leaving ---- */

static void unregister(struct lab *lab)
{
    phone_register_once(&lab->alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 0\r\n", "");
    char *m = phone_expect(&lab->core, "REGISTER");
    core_answers(lab, m, "200 OK", "");
    free(m);
    assert_int_equal(world_count(lab->world, PCSCF_REGISTERED), 0);
}

static void when_nobody_is_left_the_core_is_told_after_a_while(void **state)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab);
    unregister(&lab);
    world_wait(lab.world, 31000);
    phone_expect_none(&lab.core);
    world_wait(lab.world, 2000);
    free(w.request);
    w.request = phone_expect(&lab.core, "SUBSCRIBE sip:scscf@10.0.0.98:6060 SIP/2.0");
    assert_string_equal(header_of(w.request, "Expires", 0), "0");
    assert_string_not_equal(header_of(w.request, "P-Asserted-Identity", 0), "");
    grant(&w, 0);
    notify(&w, "terminated;reason=timeout", "");
    phone_drop(&lab.core, "SIP/2.0 200");
    assert_int_equal(pcscf_of(lab.world->w[0])->reg_events.by_identity.count, 0);
    done(&lab, &w);
}

static void the_cores_last_word_is_enough(void **state)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab);
    unregister(&lab);
    notify(&w, "terminated;reason=noresource",
           document(&w, "partial", AOR, "terminated", CONTACT("terminated", "unregistered")));
    phone_drop(&lab.core, "SIP/2.0 200");
    assert_int_equal(pcscf_of(lab.world->w[0])->reg_events.by_identity.count, 0);
    world_wait(lab.world, 70000);
    phone_expect_none(&lab.core);
    done(&lab, &w);
}

static void who_comes_back_in_time_finds_it_still_there(void **state)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab);
    unregister(&lab);
    world_wait(lab.world, 20000);
    free(registered(&lab, ""));
    world_wait(lab.world, 60000);
    phone_expect_none(&lab.core);
    /* and who comes back while it is being ended begins anew */
    unregister(&lab);
    world_wait(lab.world, 33000);
    phone_drop(&lab.core, "SUBSCRIBE sip:scscf@10.0.0.98:6060 SIP/2.0");
    free(registered(&lab, ""));
    phone_drop(&lab.core, "SUBSCRIBE " DEFAULT_IDENTITY);
    done(&lab, &w);
}

static void a_core_that_does_not_answer_the_end_is_left(void **state)
{
    struct lab lab = lab_create();
    struct watcher w = watched(&lab);
    unregister(&lab);
    world_wait(lab.world, 70000);
    assert_int_equal(pcscf_of(lab.world->w[0])->reg_events.by_identity.count, 0);
    assert_int_equal(world_count(lab.world, PCSCF_REG_EVENTS), 0);
    done(&lab, &w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_registration_is_followed_by_a_subscription),
        cmocka_unit_test(the_embedded_network_and_who_does_not_want_it_are_not_asked),
        cmocka_unit_test(a_call_for_help_is_watched_by_nobody),
        cmocka_unit_test(refreshes_and_further_contacts_share_it),
        cmocka_unit_test(a_notify_may_come_before_the_answer),
        cmocka_unit_test(what_the_network_ends_ends_here),
        cmocka_unit_test(what_is_another_contacts_fate_is_not_ours),
        cmocka_unit_test(old_news_end_nothing),
        cmocka_unit_test(a_shortened_registration_ends_sooner),
        cmocka_unit_test(identities_are_learnt_and_forgotten),
        cmocka_unit_test(older_documents_do_nothing_and_a_gap_asks_for_all),
        cmocka_unit_test(a_retransmission_is_answered_and_done_once),
        cmocka_unit_test(a_bad_notify_is_refused_as_it_deserves),
        cmocka_unit_test(what_is_declined_for_now_is_asked_again_later),
        cmocka_unit_test(what_is_refused_for_good_is_let_be),
        cmocka_unit_test(a_core_without_the_package_is_asked_by_nobody),
        cmocka_unit_test(a_minimum_is_met),
        cmocka_unit_test(silence_is_a_failure_for_now),
        cmocka_unit_test(it_is_refreshed_in_its_dialog_before_it_ends),
        cmocka_unit_test(the_core_ends_the_subscription),
        cmocka_unit_test(when_nobody_is_left_the_core_is_told_after_a_while),
        cmocka_unit_test(the_cores_last_word_is_enough),
        cmocka_unit_test(who_comes_back_in_time_finds_it_still_there),
        cmocka_unit_test(a_core_that_does_not_answer_the_end_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
