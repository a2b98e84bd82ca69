/* Requests of our own towards the core: another next hop when one fails, the same request with a branch of
 * its own (RFC 3263 4.3), with virtual time; and every allocation failing once. */
#include "failing_malloc.h"

#include "core_pair.h"
#include "modules/pcscf/call/dialog.h"
#include "modules/pcscf/core/core_request.h"

static struct {
    unsigned provisional, finals, failures;
    int status, failure;
    struct sip_uac *waits; /* NULL: told */
} seen;

static void on_response(void *arg, const struct sip_msg *rs)
{
    assert_ptr_equal(arg, &seen);
    seen.provisional += rs->status < 200;
    seen.finals += rs->status >= 200;
    seen.status = rs->status;
    if (rs->status >= 200)
        seen.waits = NULL;
}

static void on_failure(void *arg, int status, int err)
{
    (void)err;
    assert_ptr_equal(arg, &seen);
    seen.failures++;
    seen.failure = status;
    seen.waits = NULL;
}

static const struct core_request_user user = {.on_response = on_response, .on_failure = on_failure};

/* From worker 0; its texts are gone when this returns. */
static bool asks(struct pair *pair)
{
    char target[] = "sip:user@ims.test", from[] = "<sip:edge>;tag=1", to[] = "<sip:user@ims.test>",
         id[] = "own";
    const struct sip_uac_request rq = {.method = "SUBSCRIBE",
                                       .target = bytes_str(target),
                                       .from = bytes_str(from),
                                       .to = bytes_str(to),
                                       .call_id = bytes_str(id),
                                       .cseq = 7,
                                       .headers = BYTES("Event: reg\r\n"),
                                       .body = BYTES("body")};
    struct pcscf *p = pcscf_of(pair->world->w[0]);
    const struct sip_hop hop = core_link_hop_by(p, rq.call_id);
    memset(&seen, 0, sizeof(seen));
    if (hop.kind == HOP_NONE)
        return false;
    seen.waits = core_request_send(p, &hop, &rq, &user, &seen);
    memset(target, 'x', sizeof(target) - 1);
    memset(from, 'x', sizeof(from) - 1);
    return seen.waits;
}

static void it_goes_on_after_silence(void **state)
{
    struct pair pair = pair_create();
    assert_true(asks(&pair));
    world_run(pair.world);
    char *first = phone_expect(&pair.a, "SUBSCRIBE");
    world_wait(pair.world, 2900);
    phone_expect_none(&pair.b);
    world_wait(pair.world, 200);
    char *second = phone_expect(&pair.b, "SUBSCRIBE sip:user@ims.test SIP/2.0");
    assert_string_equal(header_of(first, "Call-ID", 0), header_of(second, "Call-ID", 0));
    assert_string_equal(header_of(first, "CSeq", 0), header_of(second, "CSeq", 0));
    assert_string_equal(header_of(first, "From", 0), header_of(second, "From", 0));
    assert_string_equal(header_of(second, "Event", 0), "reg");
    assert_string_not_equal(header_of(first, "Via", 0), header_of(second, "Via", 0));
    hop_answers(&pair, &pair.a, first, "403 Late", ""); /* it is not asked any more */
    assert_int_equal(seen.finals, 0);
    hop_answers(&pair, &pair.b, second, "200 OK", "");
    assert_int_equal(seen.finals, 1);
    assert_int_equal(seen.status, 200);
    assert_int_equal(pair_count(&pair, CORE_FAILOVER_TIMEOUT), 1);
    for (char *m; (m = phone_get(&pair.a));)
        free(m);
    world_wait(pair.world, 40000);
    phone_expect_none(&pair.a);
    assert_int_equal(seen.failures, 0);
    free(first);
    free(second);
    world_destroy(pair.world);
}

static void it_goes_on_after_a_503(void **state)
{
    struct pair pair = pair_create();
    assert_true(asks(&pair));
    world_run(pair.world);
    char *m = phone_expect(&pair.a, "SUBSCRIBE");
    hop_answers(&pair, &pair.a, m, "503 Busy", "");
    free(m);
    m = phone_expect(&pair.b, "SUBSCRIBE");
    assert_int_equal(seen.finals, 0);
    hop_answers(&pair, &pair.b, m, "503 Busy", "");
    free(m);
    assert_int_equal(seen.finals, 1); /* there is no third */
    assert_int_equal(seen.status, 503);
    world_destroy(pair.world);
}

static void what_was_heard_of_is_waited_for(void **state)
{
    struct pair pair = pair_create();
    assert_true(asks(&pair));
    world_run(pair.world);
    char *m = phone_expect(&pair.a, "SUBSCRIBE");
    hop_answers(&pair, &pair.a, m, "100 Trying", "");
    free(m);
    world_wait(pair.world, 20000);
    phone_expect_none(&pair.b);
    assert_int_equal(seen.provisional, 1);
    world_destroy(pair.world);
}

static void what_cannot_be_sent_goes_on_at_once(void **state)
{
    struct pair pair = pair_create();
    pair.world->broken = hop_of_pair(&pair, 0)->flow;
    assert_true(asks(&pair));
    world_run(pair.world);
    phone_drop(&pair.b, "SUBSCRIBE");
    assert_int_equal(pair_count(&pair, CORE_FAILOVER_TRANSPORT), 1);
    world_destroy(pair.world);
}

static void all_are_silent(void **state)
{
    struct pair pair = pair_create();
    assert_true(asks(&pair));
    world_wait(pair.world, 70000);
    assert_int_equal(seen.failures, 1);
    assert_int_equal(seen.failure, 408);
    assert_int_equal(seen.finals, 0);
    world_destroy(pair.world);
}

static void a_dropped_one_is_over(void **state)
{
    struct pair pair = pair_create();
    assert_true(asks(&pair));
    world_run(pair.world);
    char *m = phone_expect(&pair.a, "SUBSCRIBE");
    sip_uac_drop(seen.waits);
    world_wait(pair.world, 3500);
    phone_expect_none(&pair.b);
    hop_answers(&pair, &pair.a, m, "200 OK", "");
    assert_int_equal(seen.finals + seen.failures, 0);
    free(m);
    world_destroy(pair.world);
}

static void the_world_ends_under_one(void **state)
{
    struct pair pair = pair_create();
    assert_true(asks(&pair));
    world_destroy(pair.world);
    assert_int_equal(seen.finals + seen.failures, 0);
}

/* The edge ends a call whose phone is gone: the BYE finds its way. */
static void a_bye_goes_on_too(void **state)
{
    struct pair pair = pair_create();
    pair_registers(&pair);
    pair_calls(&pair, "c1");
    char *m = phone_expect(&pair.a, "INVITE");
    hop_answers(&pair, &pair.a, m, "200 OK", "Contact: <sip:bob@else.example>\r\n");
    free(m);
    phone_drop(&pair.alice, "SIP/2.0 200");
    pcscf_flow_closed(pcscf_of(pair.world->w[0]), &pair.alice.flow);
    world_wait(pair.world, 22000); /* pcscf.flow_grace */
    m = phone_expect(&pair.a, "BYE sip:bob@else.example SIP/2.0");
    char *second = NULL;
    world_wait(pair.world, 3500);
    second = phone_expect(&pair.b, "BYE sip:bob@else.example SIP/2.0");
    assert_string_equal(header_of(m, "CSeq", 0), header_of(second, "CSeq", 0));
    assert_string_not_equal(header_of(second, "Reason", 0), "");
    hop_answers(&pair, &pair.b, second, "200 OK", "");
    free(m);
    free(second);
    world_destroy(pair.world);
}

#ifdef FAILING_MALLOC
static void any_allocation_may_fail(void **state)
{
    unsigned sent = 0;
    for (int n = 0; n < 64; n++) {
        struct pair pair = pair_create();
        failed = false;
        countdown = n;
        bool asked = asks(&pair);
        world_wait(pair.world, 3500);
        world_wait(pair.world, 70000);
        countdown = -1;
        sent += asked;
        assert_true(!asked || seen.finals + seen.failures == 1);
        bool all = !failed;
        world_destroy(pair.world);
        if (all)
            break;
        assert_true(n < 63);
    }
    assert_true(sent > 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_on_after_silence),
        cmocka_unit_test(it_goes_on_after_a_503),
        cmocka_unit_test(what_was_heard_of_is_waited_for),
        cmocka_unit_test(what_cannot_be_sent_goes_on_at_once),
        cmocka_unit_test(all_are_silent),
        cmocka_unit_test(a_dropped_one_is_over),
        cmocka_unit_test(the_world_ends_under_one),
        cmocka_unit_test(a_bye_goes_on_too),
#ifdef FAILING_MALLOC
        cmocka_unit_test(any_allocation_may_fail),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
