/* Messages of phones and core with bytes changed, cut, doubled and moved, through edge and home network:
 * whatever comes, nothing but an answer or a drop follows, and an honest call goes through afterwards. The
 * changes are the same in every run. */
#include "sip_world.h"

static const char *const seeds[] = {
    "REGISTER sip:ims.test SIP/2.0\r\nVia: SIP/2.0/UDP "
    "192.168.7.1:5060;branch=z9hG4bKreg;rport\r\nMax-Forwards: 70\r\n"
    "From: <sip:alice@ims.test>;tag=r1\r\nTo: <sip:alice@ims.test>\r\nCall-ID: reg\r\nCSeq: 7 REGISTER\r\n"
    "Contact: <sip:alice@192.168.7.1>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;q=0.5;expires=600, *\r\n"
    "Authorization: Digest "
    "username=\"alice\",realm=\"ims.test\",nonce=\"x\",uri=\"sip:ims.test\",response=\"00\","
    "integrity-protected=yes\r\nRequire: sec-agree, path\r\nSupported: outbound, path\r\nContent-Length: "
    "0\r\n\r\n",
    "INVITE sip:bob@ims.test SIP/2.0\r\nv: SIP/2.0/UDP 192.168.7.1;branch=z9hG4bKinv\r\nMax-Forwards: 70\r\n"
    "f: \"A\" <sip:alice@ims.test>;tag=1\r\nt: <sip:bob@ims.test>\r\ni: inv\r\nCSeq: 1 INVITE\r\n"
    "Route: <sip:gw.ims.test;lr>, <sip:orig@scscf.ims.test;lr>\r\nP-Preferred-Identity: "
    "<sip:alice@ims.test>, <tel:+1>\r\n"
    "P-Access-Network-Info: IEEE-802.11;network-provided\r\nPrivacy: id;user\r\nm: "
    "<sip:alice@192.168.7.1>\r\n"
    "c: application/sdp\r\nl: 4\r\n\r\nv=0\n",
    "BYE sip:bob@192.168.7.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.1;branch=z9hG4bKbye\r\nMax-Forwards: "
    "70\r\n"
    "From: <sip:alice@ims.test>;tag=1\r\nTo: <sip:bob@ims.test>;tag=2\r\nCall-ID: inv\r\nCSeq: 2 BYE\r\n"
    "Route: <sip:tok@gw.ims.test:443;transport=tls;lr>,<sip:tok@gw.ims.test;lr>\r\nContent-Length: 0\r\n\r\n",
    "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP "
    "gw.ims.test;branch=z9hG4bKsp000000000000000000010123456789abcdef01234567\r\n"
    "Via: SIP/2.0/UDP 192.168.7.1;branch=z9hG4bKinv\r\nFrom: <sip:alice@ims.test>;tag=1\r\n"
    "To: <sip:bob@ims.test>;tag=2\r\nCall-ID: inv\r\nCSeq: 1 INVITE\r\nRecord-Route: <sip:a@b;lr>\r\n"
    "Contact: <sip:bob@192.168.7.2>\r\nContent-Length: 0\r\n\r\n",
};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static size_t change(char *text, size_t n, size_t cap, uint32_t *state)
{
    static const char spice[] = "\r\n ,;:<>\"@=%?*/\0\xff\x80 0z";
    size_t at = next_random(state) % n, len = 1 + next_random(state) % 24;
    if (len > n - at)
        len = n - at;
    switch (next_random(state) % 4) {
    case 0:
        text[at] = spice[next_random(state) % (sizeof(spice) - 1)];
        return n;
    case 1: /* cut a piece */
        memmove(text + at, text + at + len, n - at - len);
        return n - len;
    case 2: /* double a piece */
        if (n + len > cap)
            return n;
        memmove(text + at + len, text + at, n - at);
        return n + len;
    default: /* move a piece */
        memmove(text + at, text + next_random(state) % (n - len + 1), len);
        return n;
    }
}

/* A branch of its own for each round: the same one would only be a retransmission. */
static void stamp(char *text, unsigned round)
{
    char number[8];
    char *branch = strstr(text, ";branch=z9hG4bK");
    snprintf(number, sizeof(number), "%03x", round % 4096);
    memcpy(branch + 15, number, 3);
}

static void throw_at(struct world *world, const struct fake_phone *ph, const char *text, size_t n)
{
    /* On the heap and no byte longer, so that a read past the end is seen. */
    char *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, text, n);
    struct sip_hop phone = sip_hop_flow(&ph->flow), local = sip_hop_local(&registrar_entity);
    pcscf_take(pcscf_of(world->w[0]), &phone, bytes_of(exact, n));
    sip_entity_deliver(world->w[0], &pcscf_entity, &local, bytes_of(exact, n));
    local = sip_hop_local(&pcscf_entity);
    sip_entity_deliver(world->w[1], &registrar_entity, &local, bytes_of(exact, n));
    free(exact);
    for (int i = 0; i < 6; i++) {
        worker_turn(world->w[0]);
        worker_turn(world->w[1]);
    }
    world_forget(world);
}

static void whatever_comes_the_next_call_goes_through(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1),
                      b = phone_at(world, "bob", "secret-b", 1, 2);
    uint32_t random = 20261123;
    phone_registers(&a);
    phone_registers(&b);
    for (unsigned round = 0; round < 6000; round++) {
        char text[2048];
        const char *seed = seeds[round % (sizeof(seeds) / sizeof(seeds[0]))];
        size_t n = strlen(seed);
        memcpy(text, seed, n + 1);
        stamp(text, round);
        for (unsigned k = next_random(&random) % 4; k && n > 32; k--)
            n = change(text, n, sizeof(text), &random);
        throw_at(world, &a, text, n);
        if (round % 500 == 499) {
            world_wait(world, 40000); /* what was begun ends */
            world_forget(world);
        }
    }
    /* Some were no messages any more, some were still good enough to be served: both must have been met. */
    assert_true(world_count(world, PCSCF_REFUSED_MALFORMED) > 500);
    assert_true(world_count(world, PCSCF_REQUESTS_PHONE) > 500);
    phone_registers(&a);
    phone_registers(&b);
    world_forget(world);
    phone_requests(&a, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "after", 1, "");
    char *m = phone_expect(&b, "MESSAGE sip:bob@192.168.7.2:5060");
    phone_answers(&b, m, "200 OK");
    phone_drop(&a, "SIP/2.0 200");
    free(m);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_comes_the_next_call_goes_through)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
