/* From the socket to TLS: PROXY header, first byte, whole ClientHello, whose turn it is. conn_feed.c has the
 * rest. */
#include "appliance/base/wire.h"
#include "mux/conn_private.h"
#include "mux/proxy_protocol.h"
#include "mux/sniff.h"
#include <errno.h>
#include <sys/socket.h>

#define TLS_HANDSHAKE_RECORD 0x16 /* RFC 8446 5.1 */
#define RECORD_HEAD          5
#define RECORD_MAX           16384

/* A browser, or a person with curl, that spoke HTTP where TLS is due gets a word that helps. */
static const struct bytes plain_answer = {
    (const uint8_t *)"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 42\r\n"
                     "Connection: close\r\n\r\nThis port speaks TLS. Please use https://\n",
    sizeof "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 42\r\n"
           "Connection: close\r\n\r\nThis port speaks TLS. Please use https://\n" -
        1};

static bool record_is_whole(struct bytes in)
{
    size_t n = in.n >= RECORD_HEAD ? load_u16(in.p + 3) : SIZE_MAX;
    return n != SIZE_MAX && (n > RECORD_MAX || in.n >= RECORD_HEAD + n); /* OpenSSL judges one too long */
}

/* OpenSSL takes some 50 KB for a handshake, at its first byte. So it sees nothing before the record of the
 * ClientHello is whole: who connects and stays silent, or drips, costs little more than what he sent. */
static void take_hello(struct entry *e, struct bytes in)
{
    struct buf held;
    if (!entry_join(e, &in)) {
        entry_break(e, CLOSE_MEMORY);
        return;
    }
    if (!record_is_whole(in)) {
        if (in.p != buf_bytes(&e->rest).p)
            entry_keep(e, in);
        return;
    }
    held = e->rest; /* `in` may lie there; and what is decrypted finds an empty rest */
    buf_init(&e->rest);
    if (conn_tls_begin(e) < 0)
        entry_break(e, CLOSE_MEMORY);
    else
        conn_tls_take(e, in);
    spare_give(e->door, &held);
}

static void refuse_plain(struct entry *e, struct bytes first)
{
    if (proxy_looks_like(first)) {
        conn_close(&e->conn, CLOSE_PROXY);
        return;
    }
    if (sniff_text(first, SNIFF_HTTP) == SNIFF_YES && !buf_append(&e->wire, plain_answer))
        e->broken = true;
    conn_close(&e->conn, CLOSE_PLAIN);
}

static void take(struct entry *e, struct bytes in)
{
    if (!in.n)
        return;
    if (e->conn.transport != TRANSPORT_TLS) {
        entry_give(e, in);
        return;
    }
    if (!e->first_seen && in.p[0] != TLS_HANDSHAKE_RECORD) {
        refuse_plain(e, in);
        return;
    }
    e->first_seen = true;
    if (e->ssl)
        conn_tls_take(e, in);
    else
        take_hello(e, in);
}

/* Handshakes are dear (some 200 us each), so they wait for the end of the turn, behind all that stands, and a
 * turn serves only so many. First come, first served, or peers that drip their bytes would be served for ever
 * and an honest one never; and meanwhile the socket is not watched, or the loop would be told of all of them
 * in every turn. */
static void enter_shaking(struct entry *e)
{
    struct door *d = e->door;
    if (list_linked(&e->shaking))
        return;
    if (d->n_shaking >= (unsigned)d->config->handshakes_per_turn)
        door_count(d, DOOR_TLS_PUT_OFF);
    list_push_back(&d->shaking, &e->shaking);
    d->n_shaking++;
    entry_watch(e);
}

static void use_addresses(struct entry *e, const struct proxy_header *h)
{
    door_count(e->door, DOOR_PROXY_HEADERS);
    if (!h->has_addresses)
        return;
    e->conn.peer = h->source;
    e->conn.local = h->destination;
}

/* The header may come in pieces, and with the first of TLS behind it. */
static void take_proxy(struct entry *e, struct bytes in)
{
    struct door *d = e->door;
    struct proxy_header h;
    if (!entry_join(e, &in)) {
        entry_break(e, CLOSE_MEMORY);
        return;
    }
    switch (proxy_parse(in, &h)) {
    case PROXY_BAD:
        entry_break(e, CLOSE_PROXY);
        return;
    case PROXY_MORE:
        if (in.p != buf_bytes(&e->rest).p)
            entry_keep(e, in);
        return;
    case PROXY_DONE:
        break;
    }
    spare_give(d, &e->rest);
    use_addresses(e, &h);
    in = bytes_skip(in, h.length);
    if (entry_begin(e) < 0)
        return;
    if (e->stage == STAGE_HANDSHAKE && in.n) {
        entry_keep(e, in); /* it waits for its turn like any other */
        enter_shaking(e);
    } else {
        take(e, in);
    }
}

static void discard(struct entry *e, ssize_t n)
{
    if (n > 0)
        return;
    e->eof = true;
    if (e->stage == STAGE_LINGER)
        e->stage = STAGE_GONE;
    entry_touch(e);
}

void entry_peer_ended(struct entry *e)
{
    const struct module *m = e->conn.module;
    if (e->stage != STAGE_OPEN || e->wanted || !m->ended || !conn_tls_half_closes(e)) {
        conn_close(&e->conn, CLOSE_PEER);
        return;
    }
    e->ended = true;
    e->frame_since = 0;
    spare_give(e->door, &e->rest);
    m->ended(&e->conn);
    entry_touch(e);
}

/* TLS that ends without close_notify may have been cut by somebody (RFC 8446 6.1): it is a reset, though what
 * was decrypted before has been given to the module. */
static void on_eof(struct entry *e)
{
    bool cut = e->conn.transport == TRANSPORT_TLS && e->first_seen;
    e->eof = true;
    if (cut)
        conn_close(&e->conn, CLOSE_RESET);
    else
        entry_peer_ended(e);
    entry_touch(e);
}

static void receive_now(struct entry *e)
{
    struct door *d = e->door;
    ssize_t n = recv(e->fd, d->raw, RAW_MAX, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        e->error = errno;
        entry_break(e, CLOSE_RESET);
        return;
    }
    stat_add(&d->stats[DOOR_BYTES_IN], (uint64_t)n);
    e->heard_at = d->w->now;
    if (e->stage >= STAGE_CLOSING)
        discard(e, n);
    else if (n == 0)
        on_eof(e);
    else if (e->stage == STAGE_PROXY)
        take_proxy(e, bytes_of(d->raw, (size_t)n));
    else
        take(e, bytes_of(d->raw, (size_t)n));
}

void entry_leave_shaking(struct entry *e)
{
    if (!list_linked(&e->shaking))
        return;
    list_remove(&e->shaking);
    e->door->n_shaking--;
}

/* In one piece with the PROXY header. */
static void take_what_came_along(struct entry *e)
{
    struct buf held = e->rest;
    if (e->first_seen || buf_len(&held) == 0)
        return;
    buf_init(&e->rest);
    take(e, buf_bytes(&held));
    spare_give(e->door, &held);
}

void handshakes_serve(struct door *d)
{
    for (int64_t i = 0; i < d->config->handshakes_per_turn && !list_empty(&d->shaking); i++) {
        struct entry *e = container_of(d->shaking.next, struct entry, shaking);
        entry_leave_shaking(e);
        take_what_came_along(e);
        receive_now(e);
        entry_watch(e);
    }
}

void entry_receive(struct entry *e)
{
    if (e->stage == STAGE_HANDSHAKE)
        enter_shaking(e);
    else
        receive_now(e);
}
