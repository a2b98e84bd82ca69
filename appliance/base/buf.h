/* buf: bytes that grow at the tail and are eaten at the head.
 *
 * Floor 0. Heap memory it owns, or (buf_fixed) memory of yours that never grows. A failed growth sets
 * `failed` and the buffer stays as it was, later appends included, so that no text has a hole in it: a
 * builder checks once, at its end. What is appended must not lie in the buffer itself.
 * One owner, one thread. */
#pragma once
#include "appliance/base/bytes.h"

struct buf {
    uint8_t *mem;
    size_t cap;
    size_t head, tail;
    bool fixed;
    bool failed;
};

void buf_init(struct buf *b);
void buf_fixed(struct buf *b, void *mem, size_t cap);
void buf_fini(struct buf *b); /* frees; leaves it as after buf_init. NULL is fine */

static inline size_t buf_len(const struct buf *b)
{
    return b->tail - b->head;
}
static inline struct bytes buf_bytes(const struct buf *b)
{
    return b->mem ? bytes_of(b->mem + b->head, b->tail - b->head) : BYTES_NONE;
}

/* Room for n more bytes at the tail, or NULL (failed is set). Valid until the next call on b. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n); /* n <= what was reserved */

bool buf_append(struct buf *b, struct bytes x);
bool buf_str(struct buf *b, const char *s);
bool buf_u64(struct buf *b, uint64_t n); /* decimal */
/* In a fixed buffer a text of 256 bytes or more needs room for a NUL behind it. */
bool buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void buf_consume(struct buf *b, size_t n); /* n <= buf_len(b) */
void buf_clear(struct buf *b);             /* empty, memory kept, failed cleared */
