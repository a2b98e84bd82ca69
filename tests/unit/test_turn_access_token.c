/* Third-party authorization: the tokens of RFC 7635 appendix A, whole and broken, and what the server does
 * with them (RFC 7635 4, 7 and 9). */
#include "mobility_rig.h"
#include "modules/turn/access_token.h"
#include "modules/turn/pipe.h"
#include "modules/turn/quota.h"
#include "turn_tcp_rig.h"
#include <openssl/evp.h>

#define SERVER BYTES("blackdow.carleon.gov")
/* The long-term key of the appendix, and its first half for AES-128. */
#define LONG_TERM "HGkj32KJGiuy098sdfaqbNjOiaz71923"
#define MAC_KEY   "ZksjpweoixXmvn67534m"
#define TIMESTAMP 92470300704768u

#define TOKEN_256                                                                                            \
    BYTES("\x00\x0c\x68\x34\x6a\x33\x6b\x32\x6c\x32\x6e\x34\x62\x35\x61\x7e\xf1\x34\xa3\xd5\xe4\x4e\x9a\x19" \
          "\xcc\x7d\xc1\x04\xb0\xc0\x3d\x03\xb2\xa5\x51\xd8\xfd\xf5\xcd\x3b\x6d\xca\x6f\x10\xcf\xb7\x7e\x5b" \
          "\x2d\xde\xc8\x4d\x29\x3a\x5c\x50\x49\x93\x59\xf0\xc2\xe2\x6f\x76")
#define TOKEN_128                                                                                            \
    BYTES("\x00\x0c\x68\x34\x6a\x33\x6b\x32\x6c\x32\x6e\x34\x62\x35\x7f\xb9\xe9\x9f\x08\x27\xbe\x3d\xf1\xe1" \
          "\xbd\x65\x14\x93\xd3\x03\x1d\x36\xdf\x57\x07\x97\x84\xae\xe5\xea\xcb\x65\xfa\xd4\xf2\x7f\xab\x1a" \
          "\x3f\x97\x97\x4b\x69\xf8\x51\xb2\x4b\xf5\xaf\x09\xed\xa3\x57\xe0")

static struct oauth_key long_term(size_t n)
{
    struct oauth_key key = {.kid = BYTES("22BIjxU93h/IgwEb"), .n = n};
    memcpy(key.key, LONG_TERM, n);
    return key;
}

static void check_sample(struct bytes value, size_t key_n)
{
    struct oauth_key key = long_term(key_n);
    struct access_token t;
    assert_true(access_token_open(value, &key, SERVER, &t));
    assert_true(bytes_eq(bytes_of(t.key, t.key_n), BYTES(MAC_KEY)));
    assert_int_equal(t.timestamp, TIMESTAMP);
    assert_int_equal(t.lifetime, 3600);
}

static void tokens_of_rfc_7635(void **state)
{
    check_sample(TOKEN_256, 32);
    check_sample(TOKEN_128, 16);
}

static struct bytes as_base64(struct bytes token, char *mem)
{
    int n = EVP_EncodeBlock((unsigned char *)mem, token.p, (int)token.n);
    return bytes_of(mem, (size_t)n);
}

/* RFC 7635 6.2: "base64 encoded, and the resulting access token is signaled to the client". */
static void tokens_in_base64(void **state)
{
    char mem[200];
    struct bytes text = as_base64(TOKEN_256, mem);
    check_sample(text, 32);
    while (text.p[text.n - 1] == '=')
        text.n--;
    check_sample(text, 32);
}

/* From the heap, exactly: a byte read behind the end is seen by the sanitizer. */
static bool opens(struct bytes value, struct bytes server, const struct oauth_key *key)
{
    struct access_token t;
    uint8_t *copy = malloc(value.n ? value.n : 1);
    memcpy(copy, value.p, value.n);
    bool good = access_token_open(bytes_of(copy, value.n), key, server, &t);
    free(copy);
    return good;
}

static void broken_tokens_do_not_open(void **state)
{
    struct oauth_key key = long_term(32), other = long_term(32), half = long_term(16);
    uint8_t mem[ACCESS_TOKEN_MAX + 8] = {0};
    char text[400];
    struct bytes token = TOKEN_256;
    for (size_t n = 0; n < token.n; n++) {
        assert_false(opens(bytes_first(token, n), SERVER, &key));
        assert_false(opens(as_base64(bytes_first(token, n), text), SERVER, &key));
    }
    for (size_t i = 0; i < token.n; i++) {
        memcpy(mem, token.p, token.n);
        mem[i] ^= 1;
        assert_false(opens(bytes_of(mem, token.n), SERVER, &key));
    }
    memcpy(mem, token.p, token.n);
    for (size_t n = token.n + 1; n <= sizeof(mem); n++)
        assert_false(opens(bytes_of(mem, n), SERVER, &key));
    other.key[31] ^= 1;
    assert_false(opens(token, SERVER, &other));
    assert_false(opens(token, SERVER, &half));
    assert_false(opens(token, BYTES("blackdow.carleon.go"), &key));
    assert_false(opens(token, BYTES_NONE, &key));
    assert_false(opens(BYTES("!!!!"), SERVER, &key));
}

/* A nonce that says it is longer than everything (CVE-2026-43994), or has another length. */
static void nonce_lengths_that_lie(void **state)
{
    struct oauth_key key = long_term(32);
    uint8_t mem[64];
    for (unsigned n = 0; n <= 0xFFFF; n += n < 64 ? 1 : 997) {
        memcpy(mem, TOKEN_256.p, sizeof(mem));
        store_u16(mem, (uint16_t)n);
        assert_int_equal(opens(bytes_of(mem, sizeof(mem)), SERVER, &key), n == 12);
    }
}

/* An authorization server's half (RFC 7635 6.2). */
static size_t seal(struct bytes block, uint8_t *token)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, rest = 0;
    memcpy(token,
           "\0\x0c"
           "h4j3k2l2n4b5",
           14);
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, (const uint8_t *)LONG_TERM, token + 2),
                     1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, SERVER.p, (int)SERVER.n), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, token + 14, &n, block.p, (int)block.n), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, token + 14 + n, &rest), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, token + 14 + n), 1);
    EVP_CIPHER_CTX_free(ctx);
    return 14 + (size_t)n + 16;
}

static size_t block_of(struct bytes key, uint64_t timestamp, uint32_t lifetime, uint8_t *block)
{
    store_u16(block, (uint16_t)key.n);
    memcpy(block + 2, key.p, key.n);
    store_u64(block + 2 + key.n, timestamp);
    store_u32(block + 10 + key.n, lifetime);
    return 14 + key.n;
}

/* Sealed rightly, and wrong inside: even who holds the long-term key cannot make us read what is not there.
 */
static void blocks_that_lie(void **state)
{
    struct oauth_key key = long_term(32);
    uint8_t block[300] = {0}, token[400], mac[100] = {0};
    for (size_t n = 0; n <= 100; n++) {
        size_t size = block_of(bytes_of(mac, n), 1, 1, block);
        size_t sealed = seal(bytes_of(block, size), token);
        assert_int_equal(opens(bytes_of(token, sealed), SERVER, &key), n >= 16 && n <= 64);
    }
    size_t size = block_of(bytes_of(mac, 20), 1, 1, block);
    for (unsigned n = 0; n <= 0xFFFF; n += n < 80 ? 1 : 997) {
        store_u16(block, (uint16_t)n);
        assert_int_equal(opens(bytes_of(token, seal(bytes_of(block, size), token)), SERVER, &key), n == 20);
    }
    store_u16(block, 20);
    assert_false(opens(bytes_of(token, seal(bytes_of(block, size + 1), token)), SERVER, &key));
    assert_false(opens(bytes_of(token, seal(bytes_of(block, size - 1), token)), SERVER, &key));
}

/* RFC 7635 7: lifetime + 5 > abs(now - timestamp); 9: no more than the lifetime. */
static void tokens_have_their_time(void **state)
{
    struct access_token t = {.timestamp = (uint64_t)1000000 << 16, .lifetime = 3600};
    assert_int_equal(access_token_left(&t, 1000000), 3600);
    assert_int_equal(access_token_left(&t, 1000005), 3600);
    assert_int_equal(access_token_left(&t, 1000006), 3599);
    assert_int_equal(access_token_left(&t, 1003604), 1);
    assert_int_equal(access_token_left(&t, 1003605), 0);
    assert_int_equal(access_token_left(&t, 996396), 1);
    assert_int_equal(access_token_left(&t, 996395), 0);
    assert_int_equal(access_token_left(&t, 0), 0);
    assert_int_equal(access_token_left(&t, -1), 0);
    t.lifetime = UINT32_MAX;
    t.timestamp = UINT64_MAX;
    assert_int_equal(access_token_left(&t, 1000000), 0);
    t.timestamp = (uint64_t)1000000 << 16;
    assert_int_equal(access_token_left(&t, 1000000), UINT32_MAX);
}

static void keys_as_they_are_written(void **state)
{
    struct oauth_key key;
    const char *why = NULL;
    assert_true(oauth_key_parse("k/1:SEdrajMyS0pHaXV5MDk4c2RmYXFiTmpPaWF6NzE5MjM=", &key));
    assert_int_equal(key.n, 32);
    assert_memory_equal(key.key, "HGkj32KJGiuy098sdfaqbNjOiaz71923", 32);
    assert_true(bytes_eq(key.kid, BYTES("k/1")));
    assert_true(oauth_key_check("k:AAAAAAAAAAAAAAAAAAAAAA==", &why));
    assert_false(oauth_key_check("k:AAAAAAAAAAAAAAAAAAAAAAAA", &why));
    assert_false(oauth_key_check("AAAAAAAAAAAAAAAAAAAAAA==", &why));
    assert_false(oauth_key_check(":AAAAAAAAAAAAAAAAAAAAAA==", &why));
    assert_false(oauth_key_check("k:AAAA!AAAAAAAAAAAAAAAAA==", &why));
    assert_false(oauth_key_check("k:", &why));
}

/* --- the server --- */

#define TOKENS                                                                                               \
    LOOPBACK_SETTINGS "oauth_server_name = \"blackdow.carleon.gov\"\n"                                       \
                      "oauth_keys = {\"spare:AAAAAAAAAAAAAAAAAAAAAA==\", "                                   \
                      "\"kid1:SEdrajMyS0pHaXV5MDk4c2RmYXFiTmpPaWF6NzE5MjM=\", "                              \
                      "\"kid9:SEdrajMyS0pHaXV5MDk4c2RmYXFiTmpPaWF6NzE5MjM=\"}\n"
#define OAUTH TOKENS "user_allocations = 1\n"

static int setup(void **state)
{
    *state = bench_create(OAUTH);
    return 0;
}

static struct worker *other_worker;

struct grant {
    struct bytes mac_key;
    int64_t made; /* wall */
    const char *kid;
    bool sha256;      /* MESSAGE-INTEGRITY-SHA256 */
    uint8_t protocol; /* of Allocate */
    size_t signs;     /* bytes of the key; 0: all */
    uint16_t with;    /* one more attribute, or 0 */
    struct bytes value;
};

static unsigned ask_with(struct bench *b, uint16_t method, const struct grant *g, struct reply *r)
{
    struct ask a;
    uint8_t block[200], token[300];
    size_t size = block_of(g->mac_key, (uint64_t)g->made << 16, 600, block);
    struct bytes key = bytes_first(g->mac_key, g->signs ? g->signs : g->mac_key.n);
    ask_begin(b, &a, method);
    if (method == STUN_ALLOCATE)
        stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, g->protocol);
    if (g->with)
        stun_put(&a.w, g->with, g->value);
    stun_put(&a.w, STUN_A_USERNAME, bytes_str(g->kid));
    stun_put(&a.w, STUN_A_REALM, BYTES(REALM));
    stun_put(&a.w, STUN_A_NONCE, bytes_of(b->nonce, b->nonce_n));
    stun_put(&a.w, STUN_A_ACCESS_TOKEN, bytes_of(token, seal(bytes_of(block, size), token)));
    if (g->sha256)
        stun_put_integrity256(&a.w, key);
    else
        stun_put_integrity(&a.w, key);
    ask_send(b, &a);
    return take_code(b, r);
}

static struct grant grant_of(const struct bench *b, const char *mac_key)
{
    return (struct grant){.mac_key = bytes_str(mac_key), .made = b->w->wall, .kid = "kid1", .protocol = 17};
}

static void another_client(struct bench *b)
{
    b->stream = false;
    b->from.port++;
    bench_challenge(b);
}

static void challenge_names_the_server(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    struct bytes v;
    ask_begin(b, &a, STUN_ALLOCATE);
    ask_send(b, &a);
    assert_int_equal(take_code(b, &r), 401);
    assert_true(stun_find(&r.m, STUN_A_THIRD_PARTY_AUTHORIZATION, &v));
    assert_true(bytes_eq(v, SERVER));
}

/* The session key signs both ways, and is no password: no MD5 (RFC 7635 5). */
static void bearer_of_a_token_may_relay(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct grant g = grant_of(b, MAC_KEY);
    bench_challenge(b);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 0);
    assert_true(stun_integrity_ok(&r.m, g.mac_key));
    g.sha256 = true;
    assert_int_equal(ask_with(b, STUN_REFRESH, &g, &r), 0);
    assert_true(stun_integrity256_ok(&r.m, g.mac_key));
    assert_int_equal(bench_count(b, TS_AUTH_TOKEN), 2);
}

static void passwords_go_on_beside_tokens(void **state)
{
    struct bench *b = *state;
    bench_allocate(b);
}

static void wrong_tokens_are_401(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct grant g = grant_of(b, MAC_KEY);
    bench_challenge(b);
    g.kid = "kid2";
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 401);
    assert_true(stun_has(&r.m, STUN_A_NONCE));
    g.kid = "spare"; /* known, but the token is of the other */
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 401);
    g = grant_of(b, MAC_KEY);
    g.made -= 605;
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 401);
    g.made += 1;
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 0);
    assert_int_equal(bench_refresh(b, 0, &r), 441); /* a user of the directory */
}

/* The integrity of the request is what the session key is for. */
static void token_of_somebody_else_is_401(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    uint8_t block[200], token[300];
    size_t size = block_of(BYTES(MAC_KEY), (uint64_t)b->w->wall << 16, 600, block);
    bench_challenge(b);
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put(&a.w, STUN_A_USERNAME, BYTES("kid1"));
    stun_put(&a.w, STUN_A_REALM, BYTES(REALM));
    stun_put(&a.w, STUN_A_NONCE, bytes_of(b->nonce, b->nonce_n));
    stun_put(&a.w, STUN_A_ACCESS_TOKEN, bytes_of(token, seal(bytes_of(block, size), token)));
    stun_put_integrity(&a.w, BYTES("ZksjpweoixXmvn67534n"));
    ask_send(b, &a);
    assert_int_equal(take_code(b, &r), 401);
}

/* A nonce that is none of ours: 438, with the token or without. */
static void nonce_counts_for_tokens_too(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct grant g = grant_of(b, MAC_KEY);
    bench_challenge(b);
    b->from.port++;
    b->conn.peer.port++;
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 438);
}

/* RFC 7635 8: a token that has run out is replaced, on the allocation that stands. Each session key has the
 * quota of one user. */
static void fresh_token_keeps_the_allocation(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct grant g = grant_of(b, MAC_KEY);
    bench_challenge(b);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 0);
    g = grant_of(b, "another-session-key!");
    assert_int_equal(ask_with(b, STUN_REFRESH, &g, &r), 0);
    another_client(b);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 0);
    another_client(b);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 486);
}

/* A request without the token, signed with its session key. */
static void sign_with(struct bench *b, struct ask *a, const char *kid, struct bytes mac_key)
{
    stun_put(&a->w, STUN_A_USERNAME, bytes_str(kid));
    stun_put(&a->w, STUN_A_REALM, BYTES(REALM));
    stun_put(&a->w, STUN_A_NONCE, bytes_of(b->nonce, b->nonce_n));
    stun_put_integrity(&a->w, mac_key);
}

static unsigned ask_without(struct bench *b, uint16_t method, struct bytes mac_key, struct reply *r)
{
    struct ask a;
    struct addr peer = addr_text("127.0.0.1:9");
    ask_begin(b, &a, method);
    if (method == STUN_CHANNEL_BIND)
        stun_put_channel(&a.w, 0x4000);
    if (method != STUN_REFRESH)
        stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &peer);
    sign_with(b, &a, "kid1", mac_key);
    ask_send(b, &a);
    return take_code(b, r);
}

/* RFC 7635 9: ACCESS-TOKEN is in Allocate and Refresh only. The session key signs the rest, both ways. */
static void other_requests_come_without_the_token(void **state)
{
    static const uint16_t methods[] = {STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND, STUN_REFRESH};
    struct bench *b = *state;
    struct reply r;
    struct grant g = grant_of(b, MAC_KEY);
    bench_challenge(b);
    assert_int_equal(ask_without(b, STUN_REFRESH, g.mac_key, &r), 401); /* no allocation, no session */
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ask_without(b, methods[i], g.mac_key, &r), 0);
        assert_true(stun_integrity_ok(&r.m, g.mac_key));
        assert_int_equal(ask_without(b, methods[i], BYTES("some-other-sessionkey"), &r), 401);
    }
    g = grant_of(b, "another-session-key!");
    assert_int_equal(ask_with(b, STUN_REFRESH, &g, &r), 0);
    assert_int_equal(ask_without(b, STUN_CREATE_PERMISSION, g.mac_key, &r), 0);
    assert_int_equal(ask_without(b, STUN_CREATE_PERMISSION, BYTES(MAC_KEY), &r), 401);
    bench_reload(b, LOOPBACK_SETTINGS); /* no more tokens, no more sessions */
    assert_int_equal(ask_without(b, STUN_CREATE_PERMISSION, g.mac_key, &r), 401);
}

static uint32_t lifetime_in(const struct reply *r)
{
    uint32_t seconds = 0;
    assert_true(stun_find_u32(&r->m, STUN_A_LIFETIME, &seconds));
    return seconds;
}

/* The authorization server has a new key by now: the fresh token has another key id. A password is no token.
 */
static void a_fresh_token_may_be_of_another_key(void **state)
{
    struct bench *b = *state;
    struct ask a;
    struct reply r;
    struct grant g = grant_of(b, MAC_KEY);
    struct addr peer = addr_text("127.0.0.1:9");
    bench_challenge(b);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 0);
    g = grant_of(b, "another-session-key!");
    g.kid = "kid9";
    assert_int_equal(ask_with(b, STUN_REFRESH, &g, &r), 0);
    ask_begin(b, &a, STUN_CREATE_PERMISSION);
    stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &peer);
    sign_with(b, &a, "kid9", g.mac_key);
    ask_send(b, &a);
    assert_int_equal(take_code(b, &r), 0);
    assert_int_equal(bench_permit(b, &peer), 441);
    assert_int_equal(ask_with(b, STUN_REFRESH, &g, &r), 0);
    turn_module.closed(&b->conn);
    b->conn.state = NULL;
    bench_allocate(b);
    assert_int_equal(ask_with(b, STUN_REFRESH, &g, &r), 441);
}

/* coturn's way: the first 16 bytes of the key of 20 sign; both ways, with the token and without. Fewer do
 * not. */
static void the_half_of_a_session_key_that_coturn_takes(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct grant g = grant_of(b, MAC_KEY);
    bench_challenge(b);
    g.signs = 15;
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 401);
    g.signs = 16;
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 0);
    assert_true(stun_integrity_ok(&r.m, bytes_first(g.mac_key, 16)));
    assert_int_equal(ask_without(b, STUN_CREATE_PERMISSION, bytes_first(g.mac_key, 16), &r), 0);
    assert_true(stun_integrity_ok(&r.m, bytes_first(g.mac_key, 16)));
    assert_int_equal(ask_with(b, STUN_REFRESH, &g, &r), 0);
    g.sha256 = true;
    assert_int_equal(ask_with(b, STUN_REFRESH, &g, &r), 401);
}

/* RFC 7635 9: no lifetime beyond the token's. */
static void the_token_bounds_the_lifetime(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct grant g = grant_of(b, MAC_KEY);
    g.made -= 205;
    bench_challenge(b);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 0);
    assert_int_equal(lifetime_in(&r), 400);
    bench_pass(b, 100000);
    assert_int_equal(ask_with(b, STUN_REFRESH, &g, &r), 0);
    assert_int_equal(lifetime_in(&r), 300);
    bench_pass(b, 100000);
    assert_int_equal(ask_without(b, STUN_REFRESH, g.mac_key, &r), 0); /* nor without showing it */
    assert_int_equal(lifetime_in(&r), 200);
    bench_pass(b, 199000);
    struct grant fresh = grant_of(b, "another-session-key!");
    assert_int_equal(ask_with(b, STUN_REFRESH, &fresh, &r), 0);
    assert_int_equal(lifetime_in(&r), 600);
    bench_pass(b, 599000);
    assert_non_null(bench_allocation(b));
    bench_pass(b, 1000);
    assert_null(bench_allocation(b));
}

/* ConnectionBind: on this worker, and, by the door's showing it twice, on another one. */
static void bind_without_the_token(struct bench *b, struct conn *data, uint32_t id, unsigned code)
{
    struct ask a;
    struct reply r;
    b->at = data;
    bench_challenge(b);
    ask_begin(b, &a, STUN_CONNECTION_BIND);
    stun_put_u32(&a.w, STUN_A_CONNECTION_ID, id);
    sign_with(b, &a, "kid1", BYTES(MAC_KEY));
    size_t n = stun_end(&a.w);
    if (turn_module.data(data, bytes_of(a.mem, n)) == 0) {
        settle_with(b, other_worker);
        turn_module.data(data, bytes_of(a.mem, n));
    }
    assert_int_equal(take_code(b, &r), code);
    assert_int_equal(stun_integrity_ok(&r.m, BYTES(MAC_KEY)), code != 401);
    b->at = &b->conn;
}

/* Another bearer's good token is not good for it. */
static void bind_with_another_token(struct bench *b, struct conn *data, uint32_t id)
{
    struct reply r;
    uint8_t value[4];
    struct grant g = grant_of(b, "another-session-key!");
    store_u32(value, id);
    g.with = STUN_A_CONNECTION_ID;
    g.value = bytes_of(value, sizeof(value));
    b->at = data;
    bench_challenge(b);
    assert_int_equal(ask_with(b, STUN_CONNECTION_BIND, &g, &r), 441);
    b->at = &b->conn;
}

static void data_connections_come_without_the_token(void **state)
{
    struct bench *b = *state;
    struct reply r;
    uint32_t id;
    struct grant g = grant_of(b, MAC_KEY);
    struct peer p = listen_open(4);
    other_worker = second_worker(b, OAUTH);
    bench_challenge(b);
    g.protocol = 6;
    for (unsigned i = 0; i < 2; i++) {
        struct conn data = data_conn(b);
        data.w = i ? other_worker : b->w;
        bench_challenge(b);
        assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 0);
        struct ask a;
        ask_begin(b, &a, STUN_CONNECT);
        stun_put_xor(&a.w, STUN_A_XOR_PEER_ADDRESS, &p.addr);
        sign_with(b, &a, "kid1", g.mac_key);
        ask_send(b, &a);
        while (bench_silent(b))
            bench_poll(b);
        assert_int_equal(take_code(b, &r), 0);
        assert_true(stun_find_u32(&r.m, STUN_A_CONNECTION_ID, &id));
        bind_without_the_token(b, &data, id + 1, 401);
        bind_with_another_token(b, &data, id);
        bind_without_the_token(b, &data, id, 0);
        pipe_module.closed(&data);
        bench_challenge(b);
        assert_int_equal(ask_without(b, STUN_REFRESH, g.mac_key, &r), 0);
        bench_pass(b, 3000);
        other_worker->now += 3000;
        settle_with(b, other_worker);
        assert_int_equal(bench_count(b, TS_TCP_CONNECTIONS), 0);
        turn_module.closed(&b->conn);
        b->conn.state = NULL;
    }
    assert_int_equal(quota_sessions(b->t->quota)->by_id.count, 0);
    close(p.fd);
    turn_module.stop(other_worker);
    worker_destroy(other_worker);
}

/* A port that was reserved with one token is claimed with the next; the name that was charged for it is free.
 */
static void a_fresh_token_claims_what_was_reserved(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct bytes v;
    uint8_t token[RESERVATION_TOKEN];
    struct grant g = grant_of(b, MAC_KEY);
    bench_reload(b, TOKENS "user_allocations = 2\n");
    bench_challenge(b);
    g.with = STUN_A_EVEN_PORT;
    g.value = BYTES("\x80");
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 0);
    assert_true(stun_find(&r.m, STUN_A_RESERVATION_TOKEN, &v));
    memcpy(token, v.p, sizeof(token));
    struct grant fresh = grant_of(b, "another-session-key!");
    fresh.with = STUN_A_RESERVATION_TOKEN;
    fresh.value = bytes_of(token, sizeof(token));
    another_client(b);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &fresh, &r), 0);
    g = grant_of(b, MAC_KEY);
    another_client(b);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 0);
    another_client(b);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 486);
}

/* RFC 7635 7: nobody asked for it. */
static void unasked_token_is_420(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct bytes v;
    struct grant g = grant_of(b, MAC_KEY);
    bench_reload(b, LOOPBACK_SETTINGS);
    bench_challenge(b);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 420);
    assert_true(stun_find(&r.m, STUN_A_UNKNOWN_ATTRIBUTES, &v));
    assert_int_equal(v.n, 2);
    assert_int_equal(load_u16(v.p), STUN_A_ACCESS_TOKEN);
}

/* A token names nobody who could be registered. */
static void token_is_no_registration(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct grant g = grant_of(b, MAC_KEY);
    bench_reload(b, OAUTH "require_registration = yes\n");
    bench_challenge(b);
    assert_int_equal(ask_with(b, STUN_ALLOCATE, &g, &r), 403);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_rfc_7635),
        cmocka_unit_test(tokens_in_base64),
        cmocka_unit_test(broken_tokens_do_not_open),
        cmocka_unit_test(nonce_lengths_that_lie),
        cmocka_unit_test(blocks_that_lie),
        cmocka_unit_test(tokens_have_their_time),
        cmocka_unit_test(keys_as_they_are_written),
        T(challenge_names_the_server),
        T(bearer_of_a_token_may_relay),
        T(passwords_go_on_beside_tokens),
        T(wrong_tokens_are_401),
        T(token_of_somebody_else_is_401),
        T(nonce_counts_for_tokens_too),
        T(fresh_token_keeps_the_allocation),
        T(other_requests_come_without_the_token),
        T(a_fresh_token_may_be_of_another_key),
        T(the_half_of_a_session_key_that_coturn_takes),
        T(the_token_bounds_the_lifetime),
        T(data_connections_come_without_the_token),
        T(a_fresh_token_claims_what_was_reserved),
        T(unasked_token_is_420),
        T(token_is_no_registration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
