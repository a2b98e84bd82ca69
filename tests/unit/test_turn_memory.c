/* The n-th allocation fails, for every n: a client's whole life is answered, refused or met with silence;
 * nothing crashes, and no port, descriptor, timer or quota is left behind. */
#include "modules/turn/pipe.h"
#include "modules/turn/shared_secret.h"
#include "turn_walk.h"

#ifndef FAILING_MALLOC
int main(void)
{
    puts("skipped: ThreadSanitizer's malloc cannot be replaced");
    return 77;
}
#else

#define SETTINGS                                                                                             \
    LOOPBACK_SETTINGS "user_allocations = 3\nshared_secrets = {\"" REALM ":north-of-the-wall\"}\n"           \
                      "oauth_keys = {\"kid:SEdrajMyS0pHaXV5MDk4c2RmYXFiTmpPaWF6NzE5MjM=\"}\n"                \
                      "oauth_server_name = \"blackdow.carleon.gov\"\n"

static void stranger(struct bench *b)
{
    struct ask a;
    ask_begin(b, &a, STUN_ALLOCATE);
    turn_module.data(&b->conn, bytes_of(a.mem, stun_end(&a.w)));
    ask_begin(b, &a, STUN_BINDING);
    turn_module.data(&b->conn, bytes_of(a.mem, stun_end(&a.w)));
}

static void life(struct bench *b)
{
    struct addr peer = addr_text("127.0.0.1:9"), other = addr_text("127.0.0.2:9");
    stranger(b);
    allocate(b, 0, BYTES_NONE);
    simple(b, STUN_CREATE_PERMISSION, &peer);
    simple(b, STUN_CHANNEL_BIND, &other);
    b->w->now += CHANNEL_MS / 2 + 1;
    simple(b, STUN_CREATE_PERMISSION, &other);
    simple(b, STUN_REFRESH, NULL);
}

static void reserving(struct bench *b)
{
    allocate(b, STUN_A_EVEN_PORT, BYTES("\x80"));
    struct bytes in = buf_bytes(&b->sent), token;
    struct stun_message m;
    uint8_t copy[RESERVATION_TOKEN];
    if (stun_read(in, &m) < 0 || !stun_find(&m, STUN_A_RESERVATION_TOKEN, &token))
        return;
    memcpy(copy, token.p, sizeof(copy));
    simple(b, STUN_REFRESH, NULL);
    allocate(b, STUN_A_RESERVATION_TOKEN, bytes_of(copy, sizeof(copy)));
}

/* The CONNECTION-IDs of all that was said so far; how many. */
static size_t connection_ids(struct bench *b, uint32_t ids[static 2])
{
    struct bytes left = buf_bytes(&b->sent);
    struct stun_message m;
    size_t n = 0;
    while (left.n >= STUN_HEADER && n < 2) {
        size_t size = STUN_HEADER + load_u16(left.p + 2);
        if (stun_read(bytes_first(left, size), &m) == 0 && stun_find_u32(&m, STUN_A_CONNECTION_ID, &ids[n]))
            n++;
        left = bytes_skip(left, size);
    }
    return n;
}

static void carry(struct bench *b, struct conn *data)
{
    if (b->given_conn != data) {
        turn_module.closed(data); /* refused: an ordinary connection */
        return;
    }
    pipe_module.data(data, BYTES("to the peer"));
    pipe_module.closed(data);
    b->given_conn = NULL;
}

static void bind_one(struct bench *b, uint32_t id)
{
    struct conn data = data_conn(b);
    struct ask a;
    b->at = &data;
    ask_begin(b, &a, STUN_CONNECTION_BIND);
    stun_put_u32(&a.w, STUN_A_CONNECTION_ID, id);
    ask(b, &a);
    carry(b, &data);
    b->at = &b->conn;
}

/* One connection each way; both are bound and carry something. */
static void tcp_relaying(struct bench *b)
{
    struct peer listener = listen_open(4);
    struct ask a;
    uint32_t ids[2];
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 6);
    stun_put(&a.w, STUN_A_MOBILITY_TICKET, BYTES_NONE);
    ask(b, &a);
    simple(b, STUN_CONNECT, &listener.addr);
    simple(b, STUN_CREATE_PERMISSION, &listener.addr);
    const struct allocation *al = bench_allocation(b);
    int fd = al ? dial(&al->relay.relayed) : -1;
    bench_poll(b);
    bench_poll(b);
    size_t n = connection_ids(b, ids);
    for (size_t i = 0; i < n; i++)
        bind_one(b, ids[i]);
    if (!failed)
        assert_int_equal(bench_count(b, TS_TCP_BOUND), 2);
    if (fd >= 0)
        close(fd);
    close(listener.fd);
    simple(b, STUN_REFRESH, NULL);
}

/* An Allocate that is signed in another way than with MD5 and a password; the peer has memory enough. */
static void allocate_by(struct bench *b, uint16_t who, struct bytes value, struct bytes token)
{
    static const uint8_t offered[8] = {0, 2, 0, 0, 0, 1, 0, 0};
    struct ask a;
    struct user_key shared;
    int was = countdown;
    countdown = -1;
    ask_begin(b, &a, STUN_ALLOCATE);
    stun_put_byte(&a.w, STUN_A_REQUESTED_TRANSPORT, 17);
    stun_put(&a.w, who, value);
    stun_put(&a.w, STUN_A_REALM, BYTES(REALM));
    stun_put(&a.w, STUN_A_NONCE, bytes_of(b->nonce, b->nonce_n));
    stun_put(&a.w, STUN_A_PASSWORD_ALGORITHMS, bytes_of(offered, 8));
    stun_put(&a.w, STUN_A_PASSWORD_ALGORITHM, bytes_of(offered, 4));
    assert_true(shared_secret_key(BYTES("north-of-the-wall"), BYTES(REALM), value, &shared));
    if (token.n) {
        stun_put(&a.w, STUN_A_ACCESS_TOKEN, token);
        stun_put_integrity(&a.w, BYTES("ZksjpweoixXmvn67534m"));
    } else {
        stun_put_integrity256(&a.w, bytes_of(who == STUN_A_USERHASH ? key.sha256 : shared.sha256, 32));
    }
    size_t n = stun_end(&a.w);
    countdown = was;
    turn_module.data(&b->conn, bytes_of(a.mem, n));
}

static void other_credentials(struct bench *b)
{
    static const char token[] = "\x00\x0c\x68\x34\x6a\x33\x6b\x32\x6c\x32\x6e\x34\x62\x35\x61\x7e"
                                "\xf1\x34\xa3\xd5\xe4\x4e\x9a\x19\xcc\x7d\xc1\x04\xb0\xc0\x3d\x03"
                                "\xb2\xa5\x51\xd8\xfd\xf5\xcd\x3b\x6d\xca\x6f\x10\xcf\xb7\x7e\x5b"
                                "\x2d\xde\xc8\x4d\x29\x3a\x5c\x50\x49\x93\x59\xf0\xc2\xe2\x6f\x76";
    uint8_t hash[USER_HASH];
    int was = countdown;
    countdown = -1;
    assert_true(user_hash(BYTES(REALM), BYTES(USER), hash));
    countdown = was;
    allocate_by(b, STUN_A_USERHASH, bytes_of(hash, sizeof(hash)), BYTES_NONE);
    simple(b, STUN_REFRESH, NULL);
    allocate_by(b, STUN_A_USERNAME, BYTES("1900000000:" USER), BYTES_NONE);
    simple(b, STUN_REFRESH, NULL);
    int64_t wall = b->w->wall; /* the token of RFC 7635 appendix A is of 2014 */
    b->w->wall = (int64_t)(92470300704768u >> 16);
    allocate_by(b, STUN_A_USERNAME, BYTES("kid"), bytes_of(token, 64));
    b->w->wall = wall;
    if (failed)
        return;
    assert_int_equal(bench_count(b, TS_AUTH_USERHASH), 1);
    assert_int_equal(bench_count(b, TS_AUTH_SHARED_SECRET), 1);
    assert_int_equal(bench_count(b, TS_AUTH_TOKEN), 1);
}

static void stream_life_survives_every_failed_allocation(void **state)
{
    walk(life, SETTINGS, true);
}

static void datagram_life_survives_every_failed_allocation(void **state)
{
    walk(life, SETTINGS, false);
}

static void tcp_relaying_survives_every_failed_allocation(void **state)
{
    walk(tcp_relaying, SETTINGS, true);
}

static void reservation_survives_every_failed_allocation(void **state)
{
    walk(reserving, SETTINGS, true);
}

static void other_credentials_survive_every_failed_allocation(void **state)
{
    walk(other_credentials, SETTINGS, true);
}

/* The room itself: it starts, or says why not and leaves nothing. */
static void start_survives_every_failed_allocation(void **state)
{
    struct bench *b = bench_create(SETTINGS);
    bool more = true;
    for (int nth = 0; more; nth++) {
        turn_module.stop(b->w);
        unsigned files = open_files();
        failed = false;
        countdown = nth;
        int rc = turn_module.start(b->w);
        countdown = -1;
        more = failed;
        assert_true(rc <= 0);
        if (rc == 0)
            turn_module.stop(b->w);
        assert_null(turn_of(b->w));
        assert_null(b->gw.quota);
        assert_int_equal(open_files(), files);
        assert_int_equal(turn_module.start(b->w), 0);
        assert_true(nth < 100);
    }
    b->t = turn_of(b->w);
    bench_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_life_survives_every_failed_allocation),
        cmocka_unit_test(datagram_life_survives_every_failed_allocation),
        cmocka_unit_test(tcp_relaying_survives_every_failed_allocation),
        cmocka_unit_test(reservation_survives_every_failed_allocation),
        cmocka_unit_test(other_credentials_survive_every_failed_allocation),
        cmocka_unit_test(start_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
