/* Fuzz target: a sequence of requests, data and time against one worker's TURN room, with virtual time.
 *
 * Each byte of the input chooses a step and the bytes after it fill it in; requests are rightly signed for
 * the most part, so that the fuzzer gets past authentication and into the state. At the end all must be gone:
 * allocations, permissions, channels, ports, pipes, timers. */
#include "modules/turn/connect.h"
#include "modules/turn/pipe.h"
#include "modules/turn/quota.h"
#include "modules/turn/send.h"
#include "modules/turn/shared_secret.h"
#include "modules/turn/tcp_room.h"
#include "turn_scene.h"
#include <openssl/evp.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the scene */

static const char settings[] =
    "turn {\nrealm = \"r\"\nrelay_addresses = {\"127.0.0.1\", \"::1\"}\nrelay_ports = \"22300-22309\"\n"
    "allow_peers = {\"127.0.0.0/8\", \"::1/128\"}\nmax_permissions = 4\nmax_channels = 3\n"
    "user_allocations = 3\nunauthenticated_rate = 0\nshared_secrets = {\"r:a secret\"}\n"
    "oauth_keys = {\"k:SEdrajMyS0pHaXV5MDk4c2RmYXFiTmpPaWF6NzE5MjM=\"}\n}\n";

static void open_conn(struct scene *s, unsigned i)
{
    s->conns[i] = (struct conn){.w = s->w, .module = &turn_module, .transport = TRANSPORT_TLS};
    s->conns[i].peer = (struct addr){.family = ADDR_V4, .port = (uint16_t)(1000 + i), .ip = {192, 0, 2, 1}};
    s->closed[i] = s->ended[i] = s->finished[i] = false;
    turn_module.opened(&s->conns[i]);
}

static void close_conn(struct scene *s, unsigned i)
{
    const struct module *m = s->conns[i].module;
    m->closed(&s->conns[i]);
    require(m != &turn_module || s->conns[i].state == NULL);
}

static void open_peers(struct scene *s)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(sin);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    require(listen(s->listener, PEERS) == 0);
    require(getsockname(s->listener, (struct sockaddr *)&sin, &n) == 0);
    s->peer = (struct addr){.family = ADDR_V4, .port = ntohs(sin.sin_port), .ip = {127, 0, 0, 1}};
    for (unsigned i = 0; i < PEERS; i++)
        s->peers[i] = -1;
}

static void keep_peer(struct scene *s, int fd)
{
    unsigned i = 0;
    while (i < PEERS - 1 && s->peers[i] >= 0)
        i++;
    if (s->peers[i] >= 0)
        close(s->peers[i]);
    s->peers[i] = fd;
}

static void close_peers(struct scene *s)
{
    for (unsigned i = 0; i < PEERS; i++) {
        if (s->peers[i] >= 0)
            close(s->peers[i]);
        s->peers[i] = -1;
    }
}

static void scene_open(struct scene *s)
{
    static const struct stat_table *const stats[] = {&turn_stats, NULL};
    static const struct settings *const tables[] = {&turn_settings, NULL};
    struct token_key token = {.id = 1, .key = {1}};
    struct config_problem *problems = NULL;
    struct user_key key;
    s->gw.n_workers = 1;
    s->gw.stats = stats_create(stats, 1);
    s->gw.directory = directory_create();
    s->w = worker_create(&s->gw, 0);
    s->w->log.level = LOG_ERROR;
    s->w->now = 1000000;
    s->w->wall = 1000;
    timers_init(&s->w->timers, s->w->now);
    s->w->tokens = token_box_create(&token, NULL);
    s->w->config = config_load_text(settings, "fuzz", tables, &problems);
    require(s->w->config != NULL);
    require(user_key_derive(BYTES("r"), BYTES("u"), BYTES("p"), &key) == 0);
    key.enabled = true;
    require(directory_put(s->gw.directory, NULL, BYTES("r"), BYTES("u"), &key, 0) == 0);
    require(directory_put(s->gw.directory, NULL, BYTES("r"), BYTES("v"), &key, 0) == 0);
    require(turn_module.start(s->w) == 0);
    s->udp = (struct udp_port){.w = s->w, .module = &turn_module};
    open_peers(s);
}

static void pass(struct scene *s, uint64_t ms)
{
    s->w->now += ms;
    s->w->wall = (int64_t)(s->w->now / 1000);
    worker_turn(s->w);
}

/* The clients go, and then time: nothing may be left of them. */
static void scene_clear(struct scene *s)
{
    struct turn *t = turn_of(s->w);
    close_conn(s, 0);
    close_conn(s, 1);
    close_peers(s);
    pass(s, 2 * 3600 * 1000);
    require(list_empty(&t->tcp->open) && list_empty(&t->tcp->binding));
    require(t->tcp->connections.count == 0 && t->tcp->pipes.count == 0);
    require(s->w->timers.count == 0);
    require(t->allocations.used == 0 && t->by_client.count == 0 && list_empty(&t->reservations));
    for (unsigned i = 0; i < t->n_relays; i++)
        require(t->relays[i].used == 0);
    for (unsigned i = TS_ALLOCATIONS; i <= TS_CHANNELS; i++)
        require(stats_sum(s->gw.stats, &turn_stats, i) == 0);
    require(stats_sum(s->gw.stats, &turn_stats, TS_TCP_CONNECTIONS) == 0);
    require(stats_sum(s->gw.stats, &turn_stats, TS_AWAY) == 0);
    require(quota_sessions(t->quota)->by_id.count == 0);
    require(quota_take(t->quota, BYTES("nobody"), 1, 1) == 0); /* nobody has any */
    quota_give(t->quota, BYTES("nobody"));
    memset(s->nonce_n, 0, sizeof(s->nonce_n));
    memset(s->token, 0, sizeof(s->token));
    s->ticket_n = 0;
}

/* ---- the steps */

static void give(struct scene *s, unsigned client, struct bytes b)
{
    struct addr from = {.family = ADDR_V4, .port = 2000, .ip = {192, 0, 2, 2}};
    uint8_t *copy = malloc(b.n ? b.n : 1);
    require(copy != NULL);
    if (b.n)
        memcpy(copy, b.p, b.n);
    s->now_client = client;
    if (client == 2)
        turn_module.datagram(&s->udp, &from, bytes_of(copy, b.n));
    else if (!s->closed[client] && !s->ended[client])
        require(s->conns[client].module->data(&s->conns[client], bytes_of(copy, b.n)) <= b.n);
    free(copy);
}

static void put_attributes(struct scene *s, struct stun_writer *w)
{
    static const uint16_t types[] = {STUN_A_LIFETIME,
                                     STUN_A_REQUESTED_TRANSPORT,
                                     STUN_A_CHANNEL_NUMBER,
                                     STUN_A_XOR_PEER_ADDRESS,
                                     STUN_A_DATA,
                                     STUN_A_REQUESTED_ADDRESS_FAMILY,
                                     STUN_A_DONT_FRAGMENT,
                                     STUN_A_ADDITIONAL_ADDRESS_FAMILY,
                                     STUN_A_XOR_RELAYED_ADDRESS};
    for (unsigned n = wire_u8(&s->in) % 6; n > 0; n--) {
        unsigned what = wire_u8(&s->in);
        struct addr peer = {
            .family = ADDR_V4, .port = (uint16_t)(22300 + what % 16), .ip = {127, 0, 0, what % 7}};
        if (what < 96)
            stun_put_xor(w, STUN_A_XOR_PEER_ADDRESS, what < 16 ? &s->peer : &peer);
        else if (what < 128)
            stun_put_channel(w, (uint16_t)(0x4000 + what % 5));
        else if (what < 160)
            stun_put_byte(w, STUN_A_REQUESTED_TRANSPORT, what % 4 ? 17 : 6);
        else if (what < 184)
            stun_put_u32(w, STUN_A_LIFETIME, wire_u16(&s->in));
        else if (what < 188)
            stun_put(w, STUN_A_EVEN_PORT, what & 1 ? BYTES("\x80") : BYTES("\0"));
        else if (what < 192)
            stun_put(w, STUN_A_RESERVATION_TOKEN, bytes_of(s->token, sizeof(s->token)));
        else if (what < 194)
            stun_put_u32(w, STUN_A_CONNECTION_ID, what & 1 ? s->connection : wire_u32(&s->in));
        else if (what < 200)
            stun_put(w, STUN_A_MOBILITY_TICKET, what & 1 ? BYTES_NONE : bytes_of(s->ticket, s->ticket_n));
        else if (what >= 248)
            stun_put_byte(w, what & 1 ? STUN_A_ADDITIONAL_ADDRESS_FAMILY : STUN_A_REQUESTED_ADDRESS_FAMILY,
                          what & 2 ? STUN_FAMILY_V6 : STUN_FAMILY_V4);
        else if (what >= 244)
            stun_put_xor(w, STUN_A_XOR_PEER_ADDRESS,
                         &(struct addr){.family = ADDR_V6, .port = (uint16_t)(22300 + what), .ip[15] = 1});
        else
            stun_put(w, types[what % (sizeof(types) / sizeof(types[0]))], wire_bytes(&s->in, what % 23));
    }
}

static void put_realm(struct scene *s, struct stun_writer *w, unsigned client)
{
    stun_put(w, STUN_A_REALM, BYTES("r"));
    stun_put(w, STUN_A_NONCE, bytes_of(s->nonce[client], s->nonce_n[client]));
}

static void sign(struct scene *s, struct stun_writer *w, unsigned client, uint8_t how)
{
    struct user_key key;
    user_key_derive(BYTES("r"), BYTES("u"), BYTES("p"), &key);
    stun_put(w, STUN_A_USERNAME, how & 1 ? BYTES("u") : BYTES("v"));
    put_realm(s, w, client);
    stun_put_integrity(w, how & 2 ? bytes_of(key.md5, 16) : BYTES("wrong"));
}

/* By hash and SHA-256, by a shared secret, or with what says it is a token. */
static void sign_otherwise(struct scene *s, struct stun_writer *w, unsigned client)
{
    static const uint8_t offered[8] = {0, 2, 0, 0, 0, 1, 0, 0};
    uint8_t hash[USER_HASH], what = wire_u8(&s->in);
    struct bytes vouched = BYTES("9000000000:u");
    struct user_key key;
    require(user_hash(BYTES("r"), BYTES("u"), hash));
    require(user_key_derive(BYTES("r"), BYTES("u"), BYTES("p"), &key) == 0);
    if (what & 1) {
        require(shared_secret_key(BYTES("a secret"), BYTES("r"), vouched, &key));
        stun_put(w, STUN_A_USERNAME, vouched);
    } else {
        stun_put(w, STUN_A_USERHASH, bytes_of(hash, what < 8 ? what : sizeof(hash)));
    }
    put_realm(s, w, client);
    stun_put(w, STUN_A_PASSWORD_ALGORITHMS, bytes_of(offered, sizeof(offered)));
    stun_put(w, STUN_A_PASSWORD_ALGORITHM, bytes_of(offered + (what & 4), 4));
    if (what >= 224)
        stun_put(w, STUN_A_ACCESS_TOKEN, wire_bytes(&s->in, what % 97));
    stun_put_integrity256(w, what & 4 ? bytes_of(key.md5, 16) : bytes_of(key.sha256, 32));
}

#define SESSION_KEY "a session key of 160"

/* RFC 7635 6.2, made now and good for an hour. */
static size_t make_token(const struct scene *s, uint8_t *out)
{
    uint8_t block[64];
    int n = 0, rest = 0;
    struct wire_out o = wire_out(block, sizeof(block));
    wire_put_u16(&o, sizeof(SESSION_KEY) - 1);
    wire_put_bytes(&o, BYTES(SESSION_KEY));
    wire_put_u64(&o, (uint64_t)s->w->wall << 16);
    wire_put_u32(&o, 3600);
    memset(out, 0, 14);
    store_u16(out, 12);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    require(EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL,
                               (const uint8_t *)"HGkj32KJGiuy098sdfaqbNjOiaz71923", out + 2) == 1);
    require(EVP_EncryptUpdate(c, NULL, &n, (const uint8_t *)"r", 1) == 1);
    require(EVP_EncryptUpdate(c, out + 14, &n, block, (int)wire_len(&o)) == 1);
    require(EVP_EncryptFinal_ex(c, out + 14 + n, &rest) == 1);
    require(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, out + 14 + n) == 1);
    EVP_CIPHER_CTX_free(c);
    return 14 + (size_t)n + 16;
}

/* With the token, or as of one who has shown it. */
static void sign_by_token(struct scene *s, struct stun_writer *w, unsigned client, bool shown)
{
    uint8_t token[128];
    stun_put(w, STUN_A_USERNAME, BYTES("k"));
    put_realm(s, w, client);
    if (!shown)
        stun_put(w, STUN_A_ACCESS_TOKEN, bytes_of(token, make_token(s, token)));
    stun_put_integrity(w, BYTES(SESSION_KEY));
}

static void step_request(struct scene *s, unsigned client)
{
    static const uint16_t methods[] = {STUN_BINDING, STUN_ALLOCATE,          STUN_REFRESH,
                                       STUN_SEND,    STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND,
                                       STUN_CONNECT, STUN_CONNECTION_BIND};
    uint8_t mem[2048], id[STUN_ID] = {0}, what = wire_u8(&s->in);
    struct stun_writer w;
    uint16_t method = methods[what % 8];
    id[0] = wire_u8(&s->in) % 4;
    stun_begin(&w, mem, sizeof(mem), stun_type(method == STUN_SEND ? STUN_INDICATION : STUN_REQUEST, method),
               id);
    put_attributes(s, &w);
    if (what >= 240)
        sign_by_token(s, &w, client, wire_u8(&s->in) & 1);
    else if (what >= 208)
        sign_otherwise(s, &w, client);
    else if (what >= 32)
        sign(s, &w, client, what >= 64 ? 3 : what);
    if (what & 1)
        stun_put_fingerprint(&w);
    size_t n = stun_end(&w);
    if (n)
        give(s, client, bytes_of(mem, n));
}

static void step_channel_data(struct scene *s, unsigned client)
{
    uint8_t mem[64] = {0}, n = wire_u8(&s->in) % 32;
    store_u16(mem, (uint16_t)(0x4000 + wire_u8(&s->in) % 6));
    store_u16(mem + 2, n);
    give(s, client, bytes_of(mem, 4 + (size_t)((n + 3) & ~3)));
}

/* The client ends its side; when both are over the door closes. */
static void step_end(struct scene *s, unsigned i)
{
    struct conn *c = &s->conns[i];
    if (s->ended[i] || !c->module->ended) {
        s->closed[i] = true;
        return;
    }
    s->ended[i] = true;
    c->module->ended(c);
}

static void dial_relay(struct scene *s, struct allocation *a)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    to.sin_port = htons(a->relay.port);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) {
        close(fd);
        return;
    }
    keep_peer(s, fd);
    ev_cb (&a->relay.io)(NULL, &a->relay.io, EV_READ);
}

/* TCP peers answer, come, talk and go; the loop would say so. */
static void step_tcp_peers(struct scene *s, uint8_t how)
{
    struct turn *t = turn_of(s->w);
    uint32_t cursor = 0;
    struct allocation *a;
    connect_on_ready(NULL, &t->tcp->io, EV_READ);
    for (int fd; (fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;)
        keep_peer(s, fd);
    while (how & 1 && (a = slots_next(&t->allocations, &cursor)) != NULL)
        if (a->tcp)
            dial_relay(s, a);
    for (unsigned i = 0; i < PEERS; i++) {
        if (s->peers[i] >= 0 && how & 2)
            send(s->peers[i], "talk", 4, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (s->peers[i] >= 0 && how & 4)
            shutdown(s->peers[i], how & 8 ? SHUT_RDWR : SHUT_WR);
    }
    if (how & 16)
        close_peers(s);
    list_each_safe (it, &t->tcp->open) {
        struct pipe *p = container_of(it, struct pipe, link);
        ev_cb (&p->io)(NULL, &p->io, how & 32 ? EV_READ : EV_READ | EV_WRITE);
    }
}

static void step_from_peer(struct scene *s, unsigned client)
{
    uint8_t mem[RECEIVE_HEAD + 64 + 4];
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct addr udp = {.family = ADDR_V4, .port = 2000, .ip = {192, 0, 2, 2}};
    struct client c = client == 2 ? client_of_datagram(&s->udp, &udp) : client_of_conn(&s->conns[client]);
    struct allocation *a = allocation_of(turn_of(s->w), &c);
    uint8_t who = wire_u8(&s->in);
    from.sin_addr.s_addr = htonl(0x7F000000u + who % 7);
    from.sin_port = htons((uint16_t)(22300 + who % 16));
    memset(mem, who, sizeof(mem));
    if (a && !(client < 2 && s->closed[client]))
        data_from_peer(a, (struct sockaddr *)&from, mem + RECEIVE_HEAD, who % 64);
}

static void step(struct scene *s)
{
    uint8_t what = wire_u8(&s->in);
    unsigned client = what / 8 % CLIENTS;
    s->full = what >= 240;
    s->now_client = client;
    switch (what % 8) {
    case 0:
        give(s, client, wire_bytes(&s->in, wire_u8(&s->in) < wire_left(&s->in) ? s->in.p[-1] : 0));
        break;
    case 1:
        step_channel_data(s, client);
        break;
    case 2:
        step_from_peer(s, client);
        break;
    case 3:
        if (what >= 224) {
            step_tcp_peers(s, wire_u8(&s->in));
            break;
        }
        pass(s, (uint64_t)wire_u8(&s->in) * 2500);
        break;
    default:
        if (what == 254 && client < 2) {
            step_end(s, client);
            break;
        }
        if (what == 255 && client < 2) {
            close_conn(s, client);
            open_conn(s, client);
            break;
        }
        step_request(s, client);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (s->closed[i] || (s->ended[i] && s->finished[i])) {
            close_conn(s, i);
            open_conn(s, i);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* One room for all inputs: making it costs more than they do. */
    static struct scene s;
    the_scene = &s;
    if (!s.w)
        scene_open(&s);
    s.in = wire_in(bytes_of(data, size));
    open_conn(&s, 0);
    open_conn(&s, 1);
    for (unsigned steps = 0; wire_left(&s.in) && steps < 200; steps++)
        step(&s);
    scene_clear(&s);
    return 0;
}
