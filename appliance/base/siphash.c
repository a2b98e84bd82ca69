/* SipHash-1-3: J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", section 2, with one
 * compression round a word and three final ones. Enough against chosen keys of a hash table, where the
 * output is never shown; not a MAC. */
#include "appliance/base/bytes.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t m)
{
    s->v3 ^= m;
    sip_round(s);
    s->v0 ^= m;
}

static inline uint64_t load_le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

/* The bytes after the last whole word, and the length modulo 256 in the top byte. */
static inline uint64_t last_word(const uint8_t *p, size_t n)
{
    uint64_t m = (uint64_t)n << 56;
    const uint8_t *tail = p + (n & ~(size_t)7);
    for (size_t i = 0; i < (n & 7); i++)
        m |= (uint64_t)tail[i] << (8 * i);
    return m;
}

uint64_t bytes_hash(const struct hash_key *key, struct bytes b)
{
    static const uint8_t nothing[1];
    const uint8_t *p = b.n > 0 ? b.p : nothing;
    struct sip s = {
        .v0 = key->k0 ^ 0x736f6d6570736575u,
        .v1 = key->k1 ^ 0x646f72616e646f6du,
        .v2 = key->k0 ^ 0x6c7967656e657261u,
        .v3 = key->k1 ^ 0x7465646279746573u,
    };
    for (size_t i = 0; i + 8 <= b.n; i += 8)
        sip_word(&s, load_le64(p + i));
    sip_word(&s, last_word(p, b.n));
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
