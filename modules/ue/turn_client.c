#include "modules/ue/turn_client.h"
#include "modules/stun/frame.h"
#include "modules/ue/turn_request.h"
#include <errno.h>

/* A quarter before its end, and never later than a minute before it (RFC 8656 8). */
static uint64_t refresh_in_ms(uint32_t lifetime)
{
    uint32_t early = lifetime >= 240 ? 60 : lifetime / 4;
    uint32_t in = lifetime - early;
    return (uint64_t)(in > 0 ? in : 1) * 1000;
}

static void on_refresh(struct worker *w, struct timer *timer)
{
    struct turn_client *t = container_of(timer, struct turn_client, refresh);
    turn_request_start(t,
                       &(struct turn_ask){.method = STUN_REFRESH, .lifetime = TURN_LIFETIME, .again = true});
}

static void on_peer_again(struct worker *w, struct timer *timer)
{
    struct turn_peer *p = container_of(timer, struct turn_peer, again);
    struct turn_ask ask = {.method = p->channel ? STUN_CHANNEL_BIND : STUN_CREATE_PERMISSION,
                           .peer = p->addr,
                           .channel = p->channel,
                           .again = true};
    ue_loop_arm(p->t->loop, &p->again, TURN_PEER_AGAIN_MS);
    turn_request_start(p->t, &ask);
}

void turn_client_lives(struct turn_client *t, uint32_t lifetime)
{
    t->lifetime = lifetime;
    if (lifetime > 0)
        ue_loop_arm(t->loop, &t->refresh, refresh_in_ms(lifetime));
    else
        ue_loop_disarm(t->loop, &t->refresh);
}

static struct turn_peer *find_peer(struct turn_client *t, const struct addr *a)
{
    for (unsigned i = 0; i < t->n_peers; i++)
        if (addr_ip_eq(&t->peers[i].addr, a) && (t->peers[i].channel == 0 || addr_eq(&t->peers[i].addr, a)))
            return &t->peers[i];
    return NULL;
}

/* A channel takes the place of the bare permission of its address: binding it installs one too (RFC
 * 8656 12.2). */
void turn_client_peer(struct turn_client *t, const struct addr *a, uint16_t channel)
{
    struct turn_peer *p = find_peer(t, a);
    if (!p && t->n_peers < TURN_PEERS_MAX)
        p = &t->peers[t->n_peers++];
    if (!p)
        return;
    p->addr = *a;
    p->t = t;
    if (channel)
        p->channel = channel;
    p->again.fire = on_peer_again;
    ue_loop_arm(t->loop, &p->again, TURN_PEER_AGAIN_MS);
}

static void handle_channel(struct turn_client *t, const struct frame *f)
{
    for (unsigned i = 0; i < t->n_peers; i++) {
        if (t->peers[i].channel == f->channel) {
            t->on->data(t, &t->peers[i].addr, f->body);
            return;
        }
    }
    t->indications_dropped++;
}

static void handle_stun(struct turn_client *t, struct bytes body)
{
    struct stun_message m;
    struct addr peer;
    struct bytes data;
    if (stun_read(body, &m) != 0 || !stun_fingerprint_ok(&m))
        return;
    if (m.class == STUN_SUCCESS || m.class == STUN_ERROR)
        turn_request_answered(t, &m);
    else if (m.class == STUN_INDICATION && m.method == STUN_DATA &&
             stun_find_xor(&m, STUN_A_XOR_PEER_ADDRESS, &peer) && stun_find(&m, STUN_A_DATA, &data))
        t->on->data(t, &peer, data);
}

static size_t on_data(struct tls_link *l, struct bytes in)
{
    struct turn_client *t = container_of(l, struct turn_client, link);
    struct frame f = frame_of_stream(in);
    if (f.kind == FRAME_MORE)
        return 0;
    if (f.kind == FRAME_BAD) {
        tls_link_abort(l, TLS_FAULT_PROTOCOL, "what came is not TURN");
        return in.n;
    }
    if (f.kind == FRAME_CHANNEL)
        handle_channel(t, &f);
    else
        handle_stun(t, f.body);
    return f.size;
}

static void on_opened(struct tls_link *l)
{
    /* Requests wait in the link until now. */
}

static void stop_timers(struct turn_client *t)
{
    ue_loop_disarm(t->loop, &t->refresh);
    for (unsigned i = 0; i < t->n_peers; i++)
        ue_loop_disarm(t->loop, &t->peers[i].again);
}

static void on_closed(struct tls_link *l)
{
    struct turn_client *t = container_of(l, struct turn_client, link);
    stop_timers(t);
    t->lifetime = 0;
    turn_request_fail_all(t, -ENOTCONN, l->why);
    t->on->closed(t);
}

static const struct tls_link_handler link_handler = {
    .opened = on_opened, .data = on_data, .closed = on_closed};

int turn_client_open(struct turn_client *t, struct ue_loop *loop, const struct tls_target *target,
                     const struct turn_account *account, const struct turn_client_handler *on)
{
    void *owner = t->owner;
    *t = (struct turn_client){
        .loop = loop, .account = account, .on = on, .owner = owner, .refresh.fire = on_refresh};
    list_init(&t->requests);
    return tls_link_open(&t->link, loop, target, &link_handler);
}

void turn_client_close(struct turn_client *t)
{
    if (!t->loop)
        return;
    stop_timers(t);
    tls_link_close(&t->link);
}

void turn_client_fini(struct turn_client *t)
{
    if (!t->loop)
        return;
    turn_client_close(t);
    turn_request_drop_all(t);
    tls_link_fini(&t->link);
    OPENSSL_cleanse(t->key, sizeof t->key);
}

int turn_client_allocate(struct turn_client *t)
{
    return turn_request_start(t, &(struct turn_ask){.method = STUN_ALLOCATE, .lifetime = TURN_LIFETIME});
}

int turn_client_permit(struct turn_client *t, const struct addr *peer)
{
    return turn_request_start(t, &(struct turn_ask){.method = STUN_CREATE_PERMISSION, .peer = *peer});
}

int turn_client_bind(struct turn_client *t, const struct addr *peer, uint16_t channel)
{
    if (!channel_is_valid(channel, false))
        return -EINVAL;
    return turn_request_start(
        t, &(struct turn_ask){.method = STUN_CHANNEL_BIND, .peer = *peer, .channel = channel});
}

int turn_client_free(struct turn_client *t)
{
    return turn_request_start(t, &(struct turn_ask){.method = STUN_REFRESH, .lifetime = 0});
}

int turn_client_send(struct turn_client *t, uint16_t channel, struct bytes data)
{
    uint8_t out[CHANNEL_HEADER + 2048];
    size_t padded = frame_pad(data.n); /* on a stream the padding is a must (RFC 8656 12.5) */
    if (padded > sizeof out - CHANNEL_HEADER)
        return -EMSGSIZE;
    store_u16(out, channel);
    store_u16(out + 2, (uint16_t)data.n);
    if (data.n > 0)
        memcpy(out + CHANNEL_HEADER, data.p, data.n);
    memset(out + CHANNEL_HEADER + data.n, 0, padded - data.n);
    return tls_link_send(&t->link, bytes_of(out, CHANNEL_HEADER + padded));
}
