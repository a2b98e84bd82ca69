/* edit: changes to a received message as a list of cuts and inserts over its bytes.
 *
 * Room modules/sip, floor 3. Nothing is copied before sip_edit_apply(): a proxied message is its old bytes
 * with a few pieces changed, so what we do not understand goes through as it came (RFC 3261 16.6). Inserted
 * texts must live until apply; sip_edit_text() has room of its own for them. Keep it on the stack (about 6
 * KB). One thread.
 *
 * Trouble (too many edits, a view that is not of this message, no room) sets `failed`; apply then says
 * -ENOSPC or -EINVAL. Header order: the relative order of different header fields means nothing (RFC
 * 3261 7.3.1); of equal ones it does. */
#pragma once
#include "appliance/base/buf.h"
#include "modules/sip/msg.h"
#include <sys/uio.h>

#define SIP_EDITS_MAX    128
#define SIP_EDIT_SCRATCH 4096

struct sip_edit_op {
    uint32_t from, to; /* bytes of msg->raw that go away */
    int32_t rank;      /* order of inserts at one place */
    struct bytes put;  /* what comes instead */
};

struct sip_edit {
    const struct sip_msg *m;
    struct sip_edit_op ops[SIP_EDITS_MAX];
    uint16_t n;
    int failed; /* 0 or -errno */
    size_t scratch_used;
    char scratch[SIP_EDIT_SCRATCH];
};

void sip_edit_init(struct sip_edit *e, const struct sip_msg *m);

/* Text that lives as long as the edit. Empty on failure (e->failed is set). */
struct bytes sip_edit_text(struct sip_edit *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Primitives: old must be a view into e->m->raw (an empty one is a place). */
void sip_edit_replace(struct sip_edit *e, struct bytes old, struct bytes with);
void sip_edit_cut(struct sip_edit *e, struct bytes old);

/* The start line. */
void sip_edit_ruri(struct sip_edit *e, struct bytes uri);

/* Header fields. value without CRLF; `id` must be a known name. */
/* Above all of the same name (a new Via, Route, Record-Route, Path); called twice, the second stands above
 * the first. */
void sip_edit_push(struct sip_edit *e, enum sip_header_id id, struct bytes value);
/* Below all of the same name, or as the last header field. */
void sip_edit_add(struct sip_edit *e, enum sip_header_id id, struct bytes value);
void sip_edit_add_named(struct sip_edit *e, struct bytes name, struct bytes value);
/* Replaces the value of the first one and removes any other of that name; adds it when there was none. */
void sip_edit_set(struct sip_edit *e, enum sip_header_id id, struct bytes value);
void sip_edit_set_value(struct sip_edit *e, const struct sip_header *h, struct bytes value);
void sip_edit_remove_header(struct sip_edit *e, const struct sip_header *h);
void sip_edit_remove(struct sip_edit *e, enum sip_header_id id); /* all of that name */
/* Takes the first `count` values off a comma list, over its lines (own Routes, the top Via). Once per id and
 * edit. */
void sip_edit_pop(struct sip_edit *e, enum sip_header_id id, size_t count);
/* Some values of one line of a comma list go away: bit i of which is the i-th value; the line too when none
 * stays. Once per line and edit. A line of more than 64 values fails. */
void sip_edit_remove_values(struct sip_edit *e, const struct sip_header *h, uint64_t which);
/* Drops one option tag from Supported, Require ...; the line too when nothing stays. */
void sip_edit_remove_token(struct sip_edit *e, enum sip_header_id id, struct bytes token);

/* Puts received= and rport= into the top Via as RFC 3261 18.2.1 and RFC 3581 4 say (received always when
 * rport was asked; a received or rport value that the sender wrote himself is replaced). */
void sip_edit_via_source(struct sip_edit *e, const struct addr *source);
/* One less, or 70 when there was none (RFC 3261 16.6 3). The caller has refused 0 before. */
void sip_edit_max_forwards(struct sip_edit *e);
/* Sets or replaces (value empty: without value) one parameter of a text ";a=b;c" inside the message. */
void sip_edit_param(struct sip_edit *e, struct bytes params, struct bytes name, struct bytes value);
/* New body, with Content-Length (and Content-Type when type is not empty; both empty: no body). */
void sip_edit_body(struct sip_edit *e, struct bytes type, struct bytes body);

/* A message without Content-Length gets one: before it leaves a datagram for a stream (RFC 3261 18.3). */
void sip_edit_need_length(struct sip_edit *e);

/* Length of the result, or 0 when failed. */
size_t sip_edit_size(struct sip_edit *e);
/* Appends the result. 0, -EINVAL, -ENOSPC or -ENOMEM. May be called again after more edits. */
int sip_edit_apply(struct sip_edit *e, struct buf *out);
/* The same as pieces for writev: count of pieces, or -errno (-E2BIG: more than max). */
int sip_edit_iov(struct sip_edit *e, struct iovec *iov, int max);
