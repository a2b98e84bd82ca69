/* conn: one TCP or TLS connection through the door.
 *
 * Floor 2. Owned by the door, on the worker that accepted it. A module reads the public part, keeps its own
 * in c->state, and refers to it from elsewhere by conn_ref(). An idle connection holds no buffers: bytes are
 * kept only while a record or a frame is incomplete or the peer is slow to read.
 * All functions run on the connection's own worker. Nothing is freed inside a callback: conn_close marks,
 * the end of the turn flushes what was sent before and reaps. */
#pragma once
#include "mux/flow.h"
#include "mux/module.h"

/* Why a connection ended; each is counted (sallyport_closes_total{reason=...}). */
enum close_reason {
    CLOSE_PEER,      /* the peer closed it in order */
    CLOSE_RESET,     /* reset, or TLS closed without close_notify */
    CLOSE_MODULE,    /* the protocol was done with it */
    CLOSE_PROTOCOL,  /* the protocol got what it cannot go on after */
    CLOSE_HANDSHAKE, /* TLS refused: version, cipher, alert, garbage */
    CLOSE_HANDSHAKE_LATE,
    CLOSE_HANDSHAKE_CROWD, /* the oldest of too many handshakes underway */
    CLOSE_PLAIN,           /* plain text where TLS is due */
    CLOSE_SILENT,          /* no first byte before the deadline */
    CLOSE_UNKNOWN,         /* first bytes of no known protocol */
    CLOSE_SLOW,            /* a frame or first line that never got whole in time */
    CLOSE_TOO_BIG,         /* a frame over the limit */
    CLOSE_IDLE,
    CLOSE_PEER_LIMIT, /* too many connections from that address */
    CLOSE_LIMIT,      /* too many connections in all */
    CLOSE_BANNED,     /* the address is shut out (abuse.h) */
    CLOSE_FLOOD,      /* more requests than it may make */
    CLOSE_PROXY,      /* bad PROXY header, or from an address that is not trusted */
    CLOSE_BACKLOG,    /* peer does not read: out-batch over its limit */
    CLOSE_MEMORY,
    CLOSE_SHUTDOWN,
    CLOSE_REASONS
};

struct conn {
    struct worker *w;
    const struct module *module; /* NULL while sniffing */
    void *state;                 /* the module's */
    enum transport transport;    /* TRANSPORT_TCP or TRANSPORT_TLS */
    struct addr peer;            /* the real one behind a trusted PROXY header */
    struct addr local;
    uint16_t listener;  /* index in door.listen order; UINT16_MAX: dialled by us (dial.h) */
    uint8_t side;       /* free for the module: on which side of it the peer stands; see flow.side */
    uint64_t opened_at; /* worker ms */
    /* the rest is the door's: see conn_private.h */
};

struct ref conn_ref(const struct conn *c);
struct conn *conn_get(struct worker *w, struct ref r); /* NULL: dead, closing, or another worker's */
struct flow conn_flow(const struct conn *c);

/* Copies b to the out-batch; it leaves at the end of the turn, with everything else of the turn, in as few
 * records and writes as possible. 0; -EAGAIN: taken, but the batch is over its high mark, so hold back until
 * `drained`; -ENOBUFS: not taken, the batch is full (media drops it, signalling closes); -ENOTCONN closing.
 */
int conn_send(struct conn *c, struct bytes b);
/* The same without a copy: n writable bytes at the end of the out-batch (NULL: full), then commit <= n. */
uint8_t *conn_reserve(struct conn *c, size_t n);
void conn_commit(struct conn *c, size_t n);
size_t conn_unsent(const struct conn *c);
/* Over its high mark: `drained` will be called. For who uses conn_commit, which does not say. */
bool conn_is_high(const struct conn *c);
/* From now on the peer may take as long as it likes to read (door.write_timeout does not count until the
 * connection closes): for who holds back until `drained`, so that what waits stays small. */
void conn_wait_for_reader(struct conn *c);

/* Stop and go on reading from the peer (back-pressure). Bytes already received may still come once. */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);

/* Flush what was sent, TLS close_notify, close. `closed` is called at the end of the turn. Twice is fine. */
void conn_close(struct conn *c, enum close_reason why);
/* We send no more: flushes what was sent, however long the peer takes to read it, then says so (close_notify,
 * FIN) and goes on receiving. When the peer's side has ended too, and on TLS 1.2 at once, it is closed. */
void conn_finish(struct conn *c);
/* Closes with CLOSE_IDLE when no bytes came for that long; 0 = never. Starts anew with the call. */
void conn_idle_timeout(struct conn *c, uint64_t ms);
/* How long a frame may stay incomplete before CLOSE_SLOW, and how large its unread part may grow before
 * CLOSE_TOO_BIG. The door's settings are the preset. */
void conn_frame_limits(struct conn *c, uint64_t ms, size_t bytes);
/* Gives the connection to another module, with the bytes it has not eaten; c->state must be yours to lose. */
void conn_hand_over(struct conn *c, const struct module *to);
/* TLS facts for logs and pages: "TLSv1.3", "TLS_AES_128_GCM_SHA256", whether resumed; "" on plain TCP. */
const char *conn_tls_version(const struct conn *c);
const char *conn_tls_cipher(const struct conn *c);
bool conn_tls_resumed(const struct conn *c);
/* The peer's certificate, which was verified in this connection's own handshake; lives as long as c. NULL:
 * there is none, nobody asked for one, or it is only remembered by a ticket. */
struct x509_st *conn_tls_certificate(const struct conn *c);
