/* bytes: a view of memory that somebody else owns.
 *
 * Floor 0. Every parser takes and gives these; nothing here allocates, and no byte past p[n-1] is read.
 * Any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *p;
    size_t n;
};

/* printf("%.*s", BYTES_FMT(b)) */
#define BYTES_FMT(b)    (int)(b).n, (const char *)(b).p
#define BYTES(literal)  ((struct bytes){(const uint8_t *)(literal), sizeof(literal) - 1})
#define BYTES_NONE      ((struct bytes){NULL, 0})
#define BYTES_NOT_FOUND SIZE_MAX

static inline struct bytes bytes_of(const void *p, size_t n)
{
    return (struct bytes){p, n};
}
struct bytes bytes_str(const char *s); /* NULL gives an empty view */

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
bool bytes_ieq(struct bytes a, struct bytes b); /* ASCII case-insensitive */
bool bytes_starts(struct bytes b, struct bytes prefix);
bool bytes_istarts(struct bytes b, struct bytes prefix);
/* Constant time in the content (not in the lengths): for MACs, digests, tickets. */
bool bytes_eq_secret(struct bytes a, struct bytes b);

/* Without the first n (empty if n > b.n). */
static inline struct bytes bytes_skip(struct bytes b, size_t n)
{
    if (b.n == 0)
        return b;
    size_t cut = n < b.n ? n : b.n;
    return (struct bytes){b.p + cut, b.n - cut};
}
/* At most the first n. */
static inline struct bytes bytes_first(struct bytes b, size_t n)
{
    return (struct bytes){b.p, n < b.n ? n : b.n};
}
struct bytes bytes_trim(struct bytes b);           /* without SP, HTAB, CR, LF at both ends */
size_t bytes_find_byte(struct bytes b, uint8_t c); /* index or BYTES_NOT_FOUND */
size_t bytes_find(struct bytes b, struct bytes needle);
/* Takes what stands before the first `sep` off the front of *rest (all of it when there is none).
 * False when *rest was empty. */
bool bytes_split(struct bytes *rest, uint8_t sep, struct bytes *item);

/* Whole view as an unsigned decimal number; false on empty, any non-digit or overflow. */
bool bytes_u32(struct bytes b, uint32_t *out);
bool bytes_u64(struct bytes b, uint64_t *out);

/* Copies b to *at, which then stands behind it; gives the view of the copy. For several texts in one block.
 */
struct bytes bytes_keep(uint8_t **at, struct bytes b);

/* NUL-terminated copy; false (and dst is "") when b plus the NUL does not fit or b holds a NUL. */
bool bytes_to_str(struct bytes b, char *dst, size_t cap);

/* Keyed SipHash-1-3: for tables whose keys strangers choose. */
struct hash_key {
    uint64_t k0, k1;
};
uint64_t bytes_hash(const struct hash_key *key, struct bytes b);

/* Text encodings. Encoders write a NUL and return the length without it, 0 when cap is too small.
 * Decoders return the count of bytes or BYTES_NOT_FOUND on bad input or too small a dst; base64url that
 * has padding or stray bits in its last character is bad input, so one value has exactly one text. */
size_t bytes_to_hex(struct bytes b, char *dst, size_t cap); /* lower case; needs 2n+1 */
size_t bytes_from_hex(struct bytes text, uint8_t *dst, size_t cap);
size_t bytes_to_base64url(struct bytes b, char *dst, size_t cap); /* RFC 4648 section 5, no padding */
size_t bytes_from_base64url(struct bytes text, uint8_t *dst, size_t cap);
