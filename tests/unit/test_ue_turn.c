#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "modules/stun/frame.h"
#include "modules/ue/turn_client.h"
#include <errno.h>
#include <openssl/evp.h>

/* A client whose connection never comes to be: what it sends lies in link.out. */
struct bench {
    struct ue_loop loop;
    struct tls_target target;
    struct turn_account account;
    struct turn_client t;
    unsigned told, closed;
    struct turn_fate fate; /* the last one */
    uint8_t data[64];
    size_t n_data;
    struct addr from;
    uint8_t seen[2048];
    struct stun_message m; /* the last request out */
    uint8_t key[16];
};

static struct bench *of(struct turn_client *t)
{
    return t->owner;
}

static void on_answered(struct turn_client *t, const struct turn_fate *fate)
{
    of(t)->told++;
    of(t)->fate = *fate;
    of(t)->fate.reason = NULL; /* lives in the call only */
}

static void on_data(struct turn_client *t, const struct addr *peer, struct bytes data)
{
    of(t)->from = *peer;
    of(t)->n_data = data.n;
    memcpy(of(t)->data, data.p, data.n);
}

static void on_closed(struct turn_client *t)
{
    of(t)->closed++;
}

static const struct turn_client_handler handler = {on_answered, on_data, on_closed};

static struct addr address(const char *text)
{
    struct addr a;
    assert_true(addr_parse(bytes_str(text), 0, &a));
    return a;
}

static int set_up(void **state)
{
    struct bench *b = test_calloc(1, sizeof *b);
    b->loop.now = 1000;
    timers_init(&b->loop.timers, b->loop.now);
    b->target.n_addrs = 1;
    b->account = (struct turn_account){"user", "pass"};
    b->t.owner = b;
    assert_int_equal(turn_client_open(&b->t, &b->loop, &b->target, &b->account, &handler), 0);
    timer_stop(&b->loop.timers, &b->t.link.timer); /* it would dial */
    assert_int_equal(EVP_Digest("user:realm:pass", 15, b->key, NULL, EVP_md5(), NULL), 1);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    turn_client_fini(&b->t);
    test_free(b);
    return 0;
}

static void sleep_ms(struct bench *b, uint64_t ms)
{
    for (uint64_t end = b->loop.now + ms; b->loop.now < end;)
        timers_run(&b->loop.timers, NULL, ++b->loop.now);
}

static const struct stun_message *sent(struct bench *b)
{
    struct frame f = frame_of_stream(buf_bytes(&b->t.link.out));
    assert_int_equal(f.kind, FRAME_STUN);
    assert_true(f.body.n <= sizeof b->seen);
    memcpy(b->seen, f.body.p, f.body.n);
    buf_consume(&b->t.link.out, f.size);
    assert_int_equal(stun_read(bytes_of(b->seen, f.body.n), &b->m), 0);
    assert_int_equal(b->m.class, STUN_REQUEST);
    return &b->m;
}

static void assert_silent(struct bench *b)
{
    assert_int_equal(buf_len(&b->t.link.out), 0);
}

static void come(struct bench *b, const uint8_t *p, size_t n)
{
    uint8_t *copy = test_malloc(n); /* of its exact size, so that reading beyond is seen */
    memcpy(copy, p, n);
    assert_int_equal(b->t.link.on->data(&b->t.link, bytes_of(copy, n)), n);
    test_free(copy);
}

static void refuse(struct bench *b, unsigned code, const char *nonce)
{
    uint8_t mem[512];
    struct stun_writer w;
    stun_begin(&w, mem, sizeof mem, stun_type(STUN_ERROR, b->m.method), b->m.id);
    stun_put_error(&w, code);
    if (nonce) {
        stun_put(&w, STUN_A_REALM, BYTES("realm"));
        stun_put(&w, STUN_A_NONCE, bytes_str(nonce));
    }
    come(b, mem, stun_end(&w));
}

struct success {
    const char *relay;
    uint32_t lifetime;
    bool unsigned_;
};

static void succeed(struct bench *b, struct success s)
{
    uint8_t mem[512];
    struct stun_writer w;
    struct addr a;
    stun_begin(&w, mem, sizeof mem, stun_type(STUN_SUCCESS, b->m.method), b->m.id);
    if (s.relay) {
        a = address(s.relay);
        stun_put_xor(&w, STUN_A_XOR_RELAYED_ADDRESS, &a);
    }
    if (s.relay || s.lifetime)
        stun_put_u32(&w, STUN_A_LIFETIME, s.lifetime);
    if (!s.unsigned_)
        stun_put_integrity(&w, bytes_of(b->key, sizeof b->key));
    come(b, mem, stun_end(&w));
}

static void assert_text(const struct stun_message *m, uint16_t type, const char *want)
{
    struct bytes v;
    assert_true(stun_find(m, type, &v));
    assert_true(bytes_eq(v, bytes_str(want)));
}

static void do_allocate(struct bench *b, uint32_t lifetime)
{
    assert_int_equal(turn_client_allocate(&b->t), 0);
    sent(b);
    refuse(b, 401, "n1");
    sent(b);
    succeed(b, (struct success){.relay = "192.0.2.7:50000", .lifetime = lifetime});
    assert_int_equal(b->told, 1);
    assert_int_equal(b->fate.code, 0);
}

static void challenge_is_answered_with_long_term_credentials(void **state)
{
    struct bench *b = *state;
    uint8_t transport;
    assert_int_equal(turn_client_allocate(&b->t), 0);
    const struct stun_message *m = sent(b);
    assert_int_equal(m->method, STUN_ALLOCATE);
    assert_true(stun_find_byte(m, STUN_A_REQUESTED_TRANSPORT, &transport));
    assert_int_equal(transport, 17);
    assert_false(stun_has(m, STUN_A_USERNAME));
    uint8_t id[STUN_ID];
    memcpy(id, m->id, sizeof id);
    refuse(b, 401, "n1");
    m = sent(b);
    assert_memory_not_equal(m->id, id, sizeof id);
    assert_text(m, STUN_A_USERNAME, "user");
    assert_text(m, STUN_A_REALM, "realm");
    assert_text(m, STUN_A_NONCE, "n1");
    assert_true(stun_integrity_ok(m, bytes_of(b->key, sizeof b->key)));
    assert_int_equal(b->told, 0);
}

static void relayed_address_is_learnt(void **state)
{
    struct bench *b = *state;
    do_allocate(b, 600);
    struct addr want = address("192.0.2.7:50000");
    assert_true(addr_eq(&b->t.relay, &want));
    assert_int_equal(b->t.lifetime, 600);
}

static void second_401_means_a_wrong_password(void **state)
{
    struct bench *b = *state;
    turn_client_allocate(&b->t);
    sent(b);
    refuse(b, 401, "n1");
    sent(b);
    refuse(b, 401, "n2");
    assert_silent(b);
    assert_int_equal(b->fate.code, 401);
}

static void old_nonce_is_exchanged_and_the_request_sent_again(void **state)
{
    struct bench *b = *state;
    struct addr peer = address("192.0.2.8:6000");
    do_allocate(b, 600);
    turn_client_permit(&b->t, &peer);
    sent(b);
    refuse(b, 438, "n2");
    const struct stun_message *m = sent(b);
    assert_int_equal(m->method, STUN_CREATE_PERMISSION);
    assert_text(m, STUN_A_NONCE, "n2");
    succeed(b, (struct success){0});
    assert_int_equal(b->told, 2);
    assert_int_equal(b->fate.code, 0);
}

static void server_that_only_says_438_is_given_up(void **state)
{
    struct bench *b = *state;
    turn_client_allocate(&b->t);
    sent(b);
    refuse(b, 401, "n1");
    sent(b);
    refuse(b, 438, "n2");
    sent(b);
    refuse(b, 438, "n3");
    assert_silent(b);
    assert_int_equal(b->fate.code, 438);
}

static void answer_without_integrity_is_not_believed(void **state)
{
    struct bench *b = *state;
    turn_client_allocate(&b->t);
    sent(b);
    refuse(b, 401, "n1");
    sent(b);
    succeed(b, (struct success){.relay = "192.0.2.7:50000", .lifetime = 600, .unsigned_ = true});
    assert_int_equal(b->fate.code, -EPROTO);
    assert_int_equal(b->t.lifetime, 0);
}

static void refusal_is_told_with_its_code(void **state)
{
    struct bench *b = *state;
    struct addr peer = address("10.0.0.1:5");
    do_allocate(b, 600);
    turn_client_permit(&b->t, &peer);
    sent(b);
    refuse(b, 403, NULL);
    assert_int_equal(b->fate.code, 403);
    assert_int_equal(b->fate.method, STUN_CREATE_PERMISSION);
}

static void silence_is_a_timeout(void **state)
{
    struct bench *b = *state;
    turn_client_allocate(&b->t);
    sent(b);
    sleep_ms(b, TURN_ANSWER_MS - 1);
    assert_int_equal(b->told, 0);
    sleep_ms(b, 1);
    assert_int_equal(b->fate.code, -ETIMEDOUT);
    assert_silent(b); /* over TLS nothing is sent twice (RFC 8489 6.2.2) */
}

static void allocation_is_refreshed_a_minute_before_its_end(void **state)
{
    struct bench *b = *state;
    uint32_t lifetime;
    do_allocate(b, 600);
    sleep_ms(b, 539999);
    assert_silent(b);
    sleep_ms(b, 1);
    const struct stun_message *m = sent(b);
    assert_int_equal(m->method, STUN_REFRESH);
    assert_true(stun_find_u32(m, STUN_A_LIFETIME, &lifetime));
    assert_int_equal(lifetime, 600);
    succeed(b, (struct success){.lifetime = 60});
    assert_true(b->fate.again);
    sleep_ms(b, 45000);
    assert_int_equal(sent(b)->method, STUN_REFRESH);
}

static void freed_allocation_is_not_refreshed(void **state)
{
    struct bench *b = *state;
    uint32_t lifetime = 1;
    do_allocate(b, 600);
    turn_client_free(&b->t);
    assert_true(stun_find_u32(sent(b), STUN_A_LIFETIME, &lifetime));
    assert_int_equal(lifetime, 0);
    uint8_t mem[128];
    struct stun_writer w;
    stun_begin(&w, mem, sizeof mem, stun_type(STUN_SUCCESS, STUN_REFRESH), b->m.id);
    stun_put_u32(&w, STUN_A_LIFETIME, 0);
    stun_put_integrity(&w, bytes_of(b->key, sizeof b->key));
    come(b, mem, stun_end(&w));
    assert_int_equal(b->t.lifetime, 0);
    sleep_ms(b, 700000);
    assert_silent(b);
}

static void bind_peer(struct bench *b, const char *peer, uint16_t channel)
{
    struct addr a = address(peer);
    assert_int_equal(turn_client_bind(&b->t, &a, channel), 0);
    assert_int_equal(sent(b)->method, STUN_CHANNEL_BIND);
    succeed(b, (struct success){0});
}

/* RFC 8656 9 and 12: 300 and 600 seconds. */
static void channel_is_bound_again_before_its_permission_lapses(void **state)
{
    struct bench *b = *state;
    do_allocate(b, 3600);
    bind_peer(b, "192.0.2.8:6000", 0x4000);
    sleep_ms(b, 239999);
    assert_silent(b);
    sleep_ms(b, 1);
    assert_int_equal(sent(b)->method, STUN_CHANNEL_BIND);
}

static void permission_and_channel_of_one_peer_are_kept_as_one(void **state)
{
    struct bench *b = *state;
    struct addr peer = address("192.0.2.8:6000");
    do_allocate(b, 3600);
    turn_client_permit(&b->t, &peer);
    sent(b);
    succeed(b, (struct success){0});
    bind_peer(b, "192.0.2.8:6000", 0x4000);
    assert_int_equal(b->t.n_peers, 1);
    sleep_ms(b, 240000);
    assert_int_equal(sent(b)->method, STUN_CHANNEL_BIND);
    assert_silent(b);
}

static void channel_numbers_of_rfc_8656_only(void **state)
{
    struct bench *b = *state;
    struct addr peer = address("192.0.2.8:6000");
    assert_int_equal(turn_client_bind(&b->t, &peer, 0x3fff), -EINVAL);
    assert_int_equal(turn_client_bind(&b->t, &peer, 0x5000), -EINVAL);
    assert_silent(b);
}

static void channel_data_is_padded_on_a_stream(void **state)
{
    struct bench *b = *state;
    assert_int_equal(turn_client_send(&b->t, 0x4001, BYTES("hello")), 0);
    static const uint8_t want[] = {0x40, 0x01, 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0, 0};
    assert_int_equal(buf_len(&b->t.link.out), sizeof want);
    assert_memory_equal(buf_bytes(&b->t.link.out).p, want, sizeof want);
}

static void channel_data_comes_from_its_peer(void **state)
{
    struct bench *b = *state;
    static const uint8_t in[] = {0x40, 0x00, 0, 2, 'h', 'i', 0, 0};
    struct addr peer = address("192.0.2.8:6000");
    do_allocate(b, 600);
    bind_peer(b, "192.0.2.8:6000", 0x4000);
    come(b, in, sizeof in);
    assert_int_equal(b->n_data, 2);
    assert_memory_equal(b->data, "hi", 2);
    assert_true(addr_eq(&b->from, &peer));
}

static void data_of_a_channel_nobody_bound_is_dropped(void **state)
{
    struct bench *b = *state;
    static const uint8_t in[] = {0x40, 0x07, 0, 2, 'h', 'i', 0, 0};
    come(b, in, sizeof in);
    assert_int_equal(b->n_data, 0);
    assert_int_equal(b->t.indications_dropped, 1);
}

static void half_a_frame_waits(void **state)
{
    struct bench *b = *state;
    static const uint8_t in[] = {0x40, 0x00, 0, 2, 'h'};
    assert_int_equal(b->t.link.on->data(&b->t.link, bytes_of(in, sizeof in)), 0);
}

static void bytes_that_are_not_turn_close(void **state)
{
    struct bench *b = *state;
    turn_client_allocate(&b->t);
    b->t.link.on->data(&b->t.link, BYTES("\x01\x01\0\x08no magic"));
    assert_int_equal(b->closed, 1);
    assert_int_equal(b->fate.code, -ENOTCONN);
    assert_int_equal(turn_client_allocate(&b->t), -ENOTCONN);
}

int main(void)
{
#define ON_BENCH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ON_BENCH(challenge_is_answered_with_long_term_credentials),
        ON_BENCH(relayed_address_is_learnt),
        ON_BENCH(second_401_means_a_wrong_password),
        ON_BENCH(old_nonce_is_exchanged_and_the_request_sent_again),
        ON_BENCH(server_that_only_says_438_is_given_up),
        ON_BENCH(answer_without_integrity_is_not_believed),
        ON_BENCH(refusal_is_told_with_its_code),
        ON_BENCH(silence_is_a_timeout),
        ON_BENCH(allocation_is_refreshed_a_minute_before_its_end),
        ON_BENCH(freed_allocation_is_not_refreshed),
        ON_BENCH(channel_is_bound_again_before_its_permission_lapses),
        ON_BENCH(permission_and_channel_of_one_peer_are_kept_as_one),
        ON_BENCH(channel_numbers_of_rfc_8656_only),
        ON_BENCH(channel_data_is_padded_on_a_stream),
        ON_BENCH(channel_data_comes_from_its_peer),
        ON_BENCH(data_of_a_channel_nobody_bound_is_dropped),
        ON_BENCH(half_a_frame_waits),
        ON_BENCH(bytes_that_are_not_turn_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
