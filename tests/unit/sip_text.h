/* sip_text: what the tests of the SIP codec share. */
#pragma once
#include "modules/sip/msg.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define assert_bytes(b, text)                                                                                \
    do {                                                                                                     \
        struct bytes assert_bytes_ = (b);                                                                    \
        assert_int_equal(assert_bytes_.n, sizeof(text) - 1);                                                 \
        assert_memory_equal(assert_bytes_.p, text, sizeof(text) - 1);                                        \
    } while (0)

/* A copy on the heap without one spare byte, so that a read past the end is seen by AddressSanitizer. */
static inline struct bytes exact(struct bytes b)
{
    uint8_t *p = malloc(b.n ? b.n : 1);
    if (!p)
        abort();
    memcpy(p, b.p, b.n);
    return bytes_of(p, b.n);
}

static inline void drop(struct bytes b)
{
    free((void *)(uintptr_t)b.p);
}

/* The whole file on the heap; p is NULL when it cannot be read. */
static inline struct bytes read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct bytes out = BYTES_NONE;
    if (!f)
        return out;
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    uint8_t *p = n >= 0 ? malloc((size_t)n + 1) : NULL;
    if (p && fread(p, 1, (size_t)n, f) == (size_t)n)
        out = bytes_of(p, (size_t)n);
    fclose(f);
    return out;
}
