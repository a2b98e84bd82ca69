#include "modules/turn/send.h"
#include "modules/stun/frame.h"
#include "modules/stun/stun.h"
#include "modules/turn/allocation.h"
#include "modules/turn/dispatch.h"
#include <string.h>

static void to_peer(struct allocation *a, const struct wire_addr *to, struct bytes data, bool whole)
{
    struct relay_udp *r = a->relay.family == to->sa.sa_family ? &a->relay : &a->second;
    if (!bandwidth_take(&a->bandwidth, a, a->turn->w->now, TO_PEER, data.n)) {
        turn_count(a->turn, TS_DROP_BANDWIDTH);
        return;
    }
    if (r->whole != whole)
        relay_udp_keep_whole(r, a->turn, whole);
    a->carried[TO_PEER] = true;
    a->bytes[TO_PEER] += data.n;
    batch_add(a->turn, r->fd, to, data);
}

/* RFC 8656 12.6 asks for a bound channel and for nothing else: a permission is what lets a peer send to the
 * client. The peer was judged when the channel was bound, and is again when the settings change. */
void channel_data(struct allocation *a, uint16_t number, struct bytes data)
{
    struct channel *c = channel_of_number(a, number);
    if (!c) {
        turn_count(a->turn, TS_DROP_NO_CHANNEL);
        a->unpermitted[TO_PEER]++;
    } else {
        to_peer(a, &c->wire, data, false);
    }
}

/* RFC 8656 13 to 15: from a client over UDP the attribute counts only from IPv4 to IPv4. */
static bool is_to_stay_whole(const struct request *rq, const struct addr *peer)
{
    return stun_has(&rq->message, STUN_A_DONT_FRAGMENT) &&
           (client_is_stream(&rq->client) || (rq->client.addr.family == ADDR_V4 && peer->family == ADDR_V4));
}

/* RFC 8656 11.2: whatever is wrong with it, it is discarded without a word. */
void handle_send(struct request *rq)
{
    struct allocation *a = rq->allocation;
    struct addr peer;
    struct bytes data;
    if (!stun_find_xor(&rq->message, STUN_A_XOR_PEER_ADDRESS, &peer) ||
        !stun_find(&rq->message, STUN_A_DATA, &data) || !allocation_relay(a, peer.family)) {
        turn_count(rq->turn, TS_DROP_SEND);
        return;
    }
    if (a->moving)
        mobility_heard(a, &rq->client);
    if (!permission_find(a, &peer)) {
        turn_count(rq->turn, TS_DROP_NO_PERMISSION);
        a->unpermitted[TO_PEER]++;
        return;
    }
    /* The permission speaks for the address only; here is the port. */
    if (peer_check(rq->turn, &peer) != PEER_ALLOWED) {
        turn_count(rq->turn, TS_DROP_DENIED);
        return;
    }
    struct wire_addr to = ports_to_wire(rq->turn, &peer);
    to_peer(a, &to, data, is_to_stay_whole(rq, &peer));
}

static bool reaches_client(struct allocation *a, struct bytes message, size_t n)
{
    enum turn_stat why = client_is_none(&a->client) ? TS_DROP_CLIENT_AWAY : TS_DROP_BANDWIDTH;
    if (why == TS_DROP_BANDWIDTH && bandwidth_take(&a->bandwidth, a, a->turn->w->now, TO_CLIENT, n)) {
        if (client_send(&a->client, message) >= 0)
            return true;
        why = TS_DROP_CLIENT_FULL;
    }
    turn_count(a->turn, why);
    return false;
}

static void to_client(struct allocation *a, struct bytes message, size_t n)
{
    if (!reaches_client(a, message, n))
        return;
    a->carried[TO_CLIENT] = true;
    a->bytes[TO_CLIENT] += n;
    turn_count(a->turn, TS_PACKETS_TO_CLIENT);
    turn_count_by(a->turn, TS_BYTES_TO_CLIENT, n);
}

/* The head goes right in front of the data. On a stream the frame is filled up to four (RFC 8656 12.5), with
 * zeros. */
static void send_on_channel(struct allocation *a, const struct channel *c, uint8_t *data, size_t n)
{
    size_t size = CHANNEL_HEADER + n;
    if (n > UINT16_MAX) {
        turn_count(a->turn, TS_DROP_TOO_BIG);
        return;
    }
    store_u16(data - 4, c->number);
    store_u16(data - 2, (uint16_t)n);
    if (client_is_stream(&a->client)) {
        memset(data + n, 0, 3);
        size = frame_pad(size);
    }
    to_client(a, bytes_of(data - CHANNEL_HEADER, size), n);
}

/* Random enough that nobody outside can guess it (RFC 8489 6), without a system call for each packet. */
void indication_id(struct turn *t, uint8_t id[static STUN_ID])
{
    uint64_t n[2] = {t->indications++, 0};
    uint64_t a = bytes_hash(&t->w->hash_key, bytes_of(n, sizeof(n)));
    n[1] = a;
    uint64_t b = bytes_hash(&t->w->hash_key, bytes_of(n, sizeof(n)));
    memcpy(id, &a, 8);
    memcpy(id + 8, &b, 4);
}

static void send_indication(struct allocation *a, const struct addr *peer, uint8_t *data, size_t n)
{
    uint8_t id[STUN_ID];
    indication_id(a->turn, id);
    size_t head = stun_indication_head(data, n, STUN_DATA, peer, id);
    if (!head) {
        turn_count(a->turn, TS_DROP_TOO_BIG);
        return;
    }
    memset(data + n, 0, 3);
    to_client(a, bytes_of(data - head, head + frame_pad(n)), n);
}

/* RFC 8656 11.3: the permission decides, then the channel, if one is bound to that address and port. */
void data_from_peer(struct allocation *a, const struct sockaddr *from, uint8_t *data, size_t n)
{
    struct turn *t = a->turn;
    struct addr peer = ports_from_wire(t, from);
    struct channel *c = channel_of_peer(a, &peer);
    bool allowed = c ? permission_is_live(c->permission, t->w->now) : permission_find(a, &peer) != NULL;
    if (!allowed) {
        turn_count(t, TS_DROP_NO_PERMISSION);
        a->unpermitted[TO_CLIENT]++;
    } else if (c) {
        send_on_channel(a, c, data, n);
    } else {
        send_indication(a, &peer, data, n);
    }
}
