/* roaming: a client whose connection is on one worker and whose allocation is on another.
 *
 * Floor 3. A client that moves (RFC 8016) comes back on a new connection, and the kernel gives that to any
 * worker. The law of the house (nothing moves) then leaves three ways. The connection's socket could be
 * carried to the allocation's loop, or the allocation with its relay socket to the connection's: both move a
 * descriptor between two epoll sets, which libev does not survive, and the second one would have to serve two
 * paths on two workers all the same, for RFC 8016 keeps the old one in use until the new one has carried
 * data. So neither moves, and frames travel by letter, but not one by one: what comes in on a worker within a
 * turn of its loop goes to the other one in one letter, a parcel. A busy pair of workers exchanges two
 * letters a turn, however many packets are in them, and a quiet one pays one wake-up of a thread, some
 * microseconds. Only clients that have moved, and moved to another worker, pay that. The allocation, its
 * timers, quota and row know nothing of it, and an unmoved client's packet pays one branch.
 *
 * On the connection's worker stands a guest: it cuts frames and sends them. On the allocation's worker stands
 * a remote: a place to send to, and a client like any other (client.h). The guest's first parcel is the
 * Refresh with its ticket, whose user it has authenticated, so that strangers cannot write letters; the
 * allocation's worker then judges it as if it had come in there. Until the answer the guest reads no more.
 * It is a guest as long as the allocation holds the path; after that the connection is an ordinary one again,
 * or is closed when the client has moved on.
 * Each side may end first; the other is told by a parcel that was set aside at the beginning, so that it
 * cannot fail for want of memory. Parcels underway to a worker are bounded in bytes; what does not fit is
 * dropped like a datagram. */
#pragma once
#include "appliance/base/buf.h"
#include "appliance/base/map.h"
#include "appliance/base/slots.h"
#include "appliance/core/worker.h"
#include "modules/turn/path.h"
#include "mux/module.h"

struct turn;
struct request;
struct parcel;

#define ROAMERS_MAX     65536u
#define PARCEL_MAX      (1024u * 1024)        /* of one client in one turn; more is dropped */
#define PARCEL_MAIL_MAX (WORKER_MAIL_MAX / 2) /* signalling has the rest */

/* The room's part. */
struct roaming {
    struct slots guests, remotes;
    struct map guests_by_client; /* those over UDP */
    struct list outgoing;        /* ends with something to send */
    struct turn_hook hook;
};

int roaming_init(struct turn *t);
void roaming_fini(struct turn *t); /* after the allocations */

enum parcel_kind {
    PARCEL_FRAMES,
    PARCEL_FIRST, /* guest to worker: the Refresh with its ticket */
    PARCEL_OVER,  /* either way, the last one: this end is no more */
    PARCEL_CLOSE, /* to the guest: likewise, and the connection is to be closed */
};

struct parcel {
    struct letter letter;
    enum parcel_kind kind;
    uint8_t transport; /* of PARCEL_FIRST, */
    struct addr client;
    struct ref from, to; /* guest and remote, or the other way round; PARCEL_FIRST is to none */
    struct buf bytes;    /* frames, each behind its length in four bytes */
};

struct parcel *parcel_create(enum parcel_kind kind);
void parcel_destroy(struct parcel *p);
/* The next frame of it; false at the end. *at begins at 0. */
bool parcel_next(const struct parcel *p, size_t *at, struct bytes *frame);
/* Where it has come, first of all: the room, or NULL when it is no more. */
struct turn *parcel_arrived(struct worker *w, const struct parcel *p);

/* Back to whom it came from, as word that there is nobody here. Gives it away. */
void parcel_refuse(struct turn *t, struct parcel *p, letter_open *open);

/* One end of the line, on either side; the first member of a guest and of a remote. */
struct roaming_end {
    struct list outgoing;
    struct slots *slots; /* it lies in */
    letter_open *open;   /* at the other end */
    struct ref peer;
    uint16_t to; /* the other end's worker */
    bool over;
    struct parcel *out;  /* what goes at the end of this turn, or NULL */
    struct parcel *last; /* set aside for the end; NULL: the other end knows */
};

/* NULL: no room or memory. */
void *end_create(struct slots *slots, uint16_t to, letter_open *open);
/* At once, without a word to the other end. */
void end_destroy(struct roaming_end *e);
/* Appends a frame to what goes out at the end of the turn. 0, -ENOBUFS, -ENOMEM. */
int end_send(struct turn *t, struct roaming_end *e, struct bytes frame);
/* At the end of the turn, behind what waits; it destroys itself then. */
void end_finish(struct turn *t, struct roaming_end *e, enum parcel_kind kind);
/* The end of the turn has come. */
void roaming_flush(struct turn *t);

/* --- guest.c: the connection's worker --- */
/* The client of that request goes through to that worker, the request first: 0, and the answer comes from
 * there; or 437 or 508. */
unsigned guest_begin(struct request *rq, uint16_t home);
/* A datagram of a guest? Then it is taken. */
bool guest_datagram(struct turn *t, const struct client *from, struct bytes frame);
size_t guest_size(void);
void guest_forget(struct roaming_end *e); /* at shutdown */
letter_open guest_open_parcel;
/* A guest's connection: its bytes, as module.data and module.closed have them. */
bool conn_is_guest(const struct conn *c);
size_t guest_data(struct conn *c, struct bytes in);
void guest_closed(struct conn *c);

/* --- remote.c: the allocation's worker --- */
int remote_send(struct remote *r, struct bytes frame);
struct allocation *remote_allocation(const struct remote *r);
void remote_take(struct remote *r, struct allocation *a); /* its path is open */
void remote_leave(struct remote *r, enum path_end how);
size_t remote_size(void);
letter_open remote_open_parcel;
