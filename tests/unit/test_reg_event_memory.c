/* The n-th allocation fails, for every n: a registration that is watched at the core is known or it is not,
 * what the core says of it is answered or not, and in the end nothing is left. */
#include "core_lab.h"
#include "failing_malloc.h"
#include "modules/pcscf/registration/lesson.h"
#include "modules/sip/layer.h"

#ifndef FAILING_MALLOC
int main(void)
{
    puts("skipped: ThreadSanitizer's malloc cannot be replaced");
    return 77;
}
#else

static char subscribe[8192]; /* the last one sent */

/* The wire of the tests keeps what is sent in memory of its own, which must not fail here. */
static int quiet_send(struct worker *w, const struct sip_entity *self, const struct sip_hop *to,
                      struct bytes msg)
{
    (void)w;
    (void)self;
    (void)to;
    if (bytes_starts(msg, BYTES("SUBSCRIBE ")))
        assert_true(bytes_to_str(msg, subscribe, sizeof(subscribe)));
    return 0;
}

#define HEAD(start)                                                                                          \
    start                                                                                                    \
        "\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nMax-Forwards: 70\r\nFrom: <sip:alice@ims.test>;tag=a\r\n" \
        "To: <sip:alice@ims.test>;tag=b\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"                               \
        "Contact: <sip:alice@192.168.7.1:5060>;expires=600\r\n"

struct walk {
    struct lab lab;
    int left; /* allocations until one fails */
};

static void fail_from(struct walk *k)
{
    countdown = k->left;
}

static void fail_no_more(struct walk *k)
{
    k->left = countdown < 0 ? 1000000 : countdown; /* once it has failed, the rest goes well */
    if (failed)
        k->left = 1000000;
    countdown = -1;
}

static void learn(struct walk *k)
{
    struct sip_msg rq, rs;
    struct sip_fault fault;
    assert_int_equal(sip_msg_parse(&rq,
                                   BYTES(HEAD("REGISTER sip:ims.test SIP/2.0") "Content-Length: 0\r\n\r\n"),
                                   SIP_STREAM, &fault),
                     0);
    assert_int_equal(sip_msg_parse(&rs,
                                   BYTES(HEAD("SIP/2.0 200 OK") "P-Associated-URI: <sip:alice@ims.test>\r\n"
                                                                "Content-Length: 0\r\n\r\n"),
                                   SIP_STREAM, &fault),
                     0);
    const struct lesson l = {.p = pcscf_of(k->lab.world->w[0]),
                             .flow = &k->lab.alice.flow,
                             .rq = &rq,
                             .rs = &rs,
                             .path = BYTES("<sip:t@10.9.9.9:5060;lr;ob>")};
    fail_from(k);
    lesson_learn(&l);
    fail_no_more(k);
}

static void core_says(struct walk *k, const char *text)
{
    struct sip_hop from = sip_hop_flow(&k->lab.core.flow);
    fail_from(k);
    pcscf_take(pcscf_of(k->lab.world->w[0]), &from, bytes_str(text));
    fail_no_more(k);
    world_run(k->lab.world);
}

static void grant(struct walk *k)
{
    char text[8192];
    snprintf(text, sizeof(text),
             "SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=core\r\nCall-ID: %s\r\nCSeq: %s\r\n"
             "Contact: <sip:s@10.0.0.98>\r\nRecord-Route: <sip:s@10.0.0.98;lr>\r\nExpires: 1200\r\n"
             "Content-Length: 0\r\n\r\n",
             header_of(subscribe, "Via", 0), header_of(subscribe, "From", 0), header_of(subscribe, "To", 0),
             header_of(subscribe, "Call-ID", 0), header_of(subscribe, "CSeq", 0));
    core_says(k, text);
}

static void notify(struct walk *k, unsigned cseq, const char *aor, const char *state)
{
    char text[8192], body[1024];
    const char *contact = header_of(subscribe, "Contact", 0);
    snprintf(
        body, sizeof(body),
        "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"%u\" state=\"partial\"><registration "
        "aor=\"%s\" id=\"1\" state=\"%s\"><contact id=\"1\" state=\"%s\" event=\"%s\">"
        "<uri>sip:alice@192.168.7.1:5060</uri></contact></registration></reginfo>",
        cseq, aor, state, state, state[0] == 'a' ? "created" : "rejected");
    snprintf(
        text, sizeof(text),
        "NOTIFY %.*s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.99:5060;branch=z9hG4bKn%u\r\nMax-Forwards: 70\r\n"
        "From: %s;tag=core\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u NOTIFY\r\nContact: <sip:s@10.0.0.98>\r\n"
        "Event: reg\r\nSubscription-State: active;expires=1200\r\n"
        "Content-Type: application/reginfo+xml\r\nContent-Length: %zu\r\n\r\n%s",
        (int)strcspn(contact + 1, ">"), contact + 1, cseq, header_of(subscribe, "To", 0),
        header_of(subscribe, "From", 0), header_of(subscribe, "Call-ID", 0), cseq, strlen(body), body);
    core_says(k, text);
}

/* Gives whether an allocation has failed. */
static bool life(int n)
{
    struct walk k = {.lab = lab_create(), .left = n};
    struct pcscf *p = pcscf_of(k.lab.world->w[0]);
    p->layer->send = quiet_send;
    p->w->log.level = LOG_ERROR + 1;
    subscribe[0] = '\0';
    failed = false;
    learn(&k);
    if (subscribe[0]) {
        grant(&k);
        notify(&k, 1, "sip:alice@ims.test", "active");
        notify(&k, 2, "sip:late@ims.test", "active");
        notify(&k, 3, "sip:late@ims.test", "terminated");
        notify(&k, 4, "sip:alice@ims.test", "terminated");
    }
    bool was = failed;
    uint64_t standing = world_count(k.lab.world, PCSCF_REGISTERED);
    assert_true(standing == 0 || (was && standing == 1));
    world_wait(k.lab.world, 700000); /* what still stands ends by itself */
    assert_int_equal(world_count(k.lab.world, PCSCF_REGISTERED), 0);
    assert_int_equal(world_count(k.lab.world, PCSCF_REG_EVENTS), 0);
    assert_int_equal(p->reg_events.by_identity.count, 0);
    assert_int_equal(sip_layer_clients(p->layer), 0);
    world_destroy(k.lab.world);
    return was;
}

static void any_allocation_may_fail(void **state)
{
    int n = 0;
    while (life(n))
        n++;
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
