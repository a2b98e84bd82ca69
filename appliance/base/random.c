#include "appliance/base/random.h"
#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

void random_fill(void *dst, size_t n)
{
    if (n == 0)
        return;
    /* Nonces, keys and transaction ids that can be guessed are worse than no service. */
    if (n > INT_MAX || RAND_bytes(dst, (int)n) != 1) {
        (void)fputs("sallyport: no randomness on this machine\n", stderr);
        abort();
    }
}

uint32_t random_u32(void)
{
    uint32_t v;
    random_fill(&v, sizeof v);
    return v;
}

uint32_t random_below(uint32_t limit)
{
    /* 2^32 mod limit values at the bottom would come once too often: throw again. */
    uint32_t skewed = (uint32_t)(0u - limit) % limit;
    uint32_t v;
    do {
        v = random_u32();
    } while (v < skewed);
    return v % limit;
}

struct hash_key random_hash_key(void)
{
    struct hash_key key;
    random_fill(&key, sizeof key);
    return key;
}

void random_text(char *dst, size_t n)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    uint8_t pool[32];
    size_t at = sizeof pool;
    for (size_t i = 0; i < n;) {
        if (at == sizeof pool) {
            random_fill(pool, sizeof pool);
            at = 0;
        }
        uint8_t v = pool[at++];
        if (v < 252) /* 7 * 36: above it some letters would come more often */
            dst[i++] = letters[v % 36];
    }
    dst[n] = '\0';
}
