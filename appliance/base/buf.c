#include "appliance/base/buf.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST 256u /* the smallest heap block */

void buf_init(struct buf *b)
{
    *b = (struct buf){0};
}

void buf_fixed(struct buf *b, void *mem, size_t cap)
{
    *b = (struct buf){.mem = mem, .cap = cap, .fixed = true};
}

void buf_fini(struct buf *b)
{
    if (!b)
        return;
    if (!b->fixed)
        free(b->mem);
    buf_init(b);
}

/* Moves what is there to the start of the memory. */
static void compact(struct buf *b)
{
    size_t len = buf_len(b);
    if (b->head > 0 && len > 0)
        memmove(b->mem, b->mem + b->head, len);
    b->head = 0;
    b->tail = len;
}

static bool grow(struct buf *b, size_t need)
{
    size_t cap = b->cap <= SIZE_MAX / 2 ? b->cap * 2 : SIZE_MAX;
    if (cap < BUF_FIRST)
        cap = BUF_FIRST;
    if (cap < need)
        cap = need;
    uint8_t *mem = realloc(b->mem, cap);
    if (!mem)
        return false;
    b->mem = mem;
    b->cap = cap;
    return true;
}

static bool make_room(struct buf *b, size_t n)
{
    size_t need;
    if (__builtin_add_overflow(buf_len(b), n, &need))
        return false;
    /* A heap buffer moves its bytes only when at least half of it is eaten: then each byte is moved at
     * most once for every byte eaten, however the two ends creep along. */
    if (b->mem && need <= b->cap && (b->fixed || b->head >= b->cap / 2)) {
        compact(b);
        return true;
    }
    return !b->fixed && grow(b, b->tail + n);
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (n > b->cap - b->tail || !b->mem) {
        if (n > SIZE_MAX - b->tail || !make_room(b, n)) {
            b->failed = true;
            return NULL;
        }
    }
    return b->mem + b->tail;
}

void buf_commit(struct buf *b, size_t n)
{
    b->tail += n;
}

bool buf_append(struct buf *b, struct bytes x)
{
    if (x.n == 0)
        return !b->failed;
    uint8_t *to = buf_reserve(b, x.n);
    if (!to)
        return false;
    memcpy(to, x.p, x.n);
    b->tail += x.n;
    return true;
}

bool buf_str(struct buf *b, const char *s)
{
    return buf_append(b, bytes_str(s));
}

bool buf_u64(struct buf *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return buf_append(b, bytes_of(digits + at, sizeof digits - at));
}

/* A text that was too long for the stack: now that its length is known, straight into the buffer. */
static bool print_long(struct buf *b, size_t len, const char *fmt, va_list args)
{
    uint8_t *to = buf_reserve(b, len + 1);
    if (!to)
        return false;
    if (vsnprintf((char *)to, len + 1, fmt, args) != (int)len) {
        b->failed = true;
        return false;
    }
    b->tail += len;
    return true;
}

bool buf_printf(struct buf *b, const char *fmt, ...)
{
    char text[256];
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(text, sizeof text, fmt, args);
    bool ok;
    if (len < 0) {
        b->failed = true;
        ok = false;
    } else if ((size_t)len < sizeof text) {
        ok = buf_append(b, bytes_of(text, (size_t)len));
    } else {
        ok = print_long(b, (size_t)len, fmt, again);
    }
    va_end(again);
    va_end(args);
    return ok;
}

void buf_consume(struct buf *b, size_t n)
{
    b->head += n;
    if (b->head == b->tail)
        b->head = b->tail = 0;
}

void buf_clear(struct buf *b)
{
    b->head = b->tail = 0;
    b->failed = false;
}
