#include "appliance/base/random.h"
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_BYTES 512u
#define SMALL      64u /* larger ones are drawn by themselves */

/* Most draws are of 8 to 32 bytes, and a draw costs OpenSSL a microsecond whatever its size. So each thread
 * draws ahead, as OpenSSL's own generator is one for each thread; what was given out is wiped. */
static _Thread_local struct {
    uint8_t bytes[POOL_BYTES];
    size_t left;
} pool;

static void draw(void *dst, size_t n)
{
    /* Nonces, keys and transaction ids that can be guessed are worse than no service. */
    if (n > INT_MAX || RAND_bytes(dst, (int)n) != 1) {
        (void)fputs("sallyport: no randomness on this machine\n", stderr);
        abort();
    }
}

static void draw_ahead(void *dst, size_t n)
{
    if (pool.left < n) {
        draw(pool.bytes, sizeof pool.bytes);
        pool.left = sizeof pool.bytes;
    }
    pool.left -= n;
    memcpy(dst, pool.bytes + pool.left, n);
    OPENSSL_cleanse(pool.bytes + pool.left, n);
}

void random_fill(void *dst, size_t n)
{
    if (n == 0)
        return;
    if (n <= SMALL)
        draw_ahead(dst, n);
    else
        draw(dst, n);
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
    uint8_t some[32];
    size_t at = sizeof some;
    for (size_t i = 0; i < n;) {
        if (at == sizeof some) {
            random_fill(some, sizeof some);
            at = 0;
        }
        uint8_t v = some[at++];
        if (v < 252) /* 7 * 36: above it some letters would come more often */
            dst[i++] = letters[v % 36];
    }
    dst[n] = '\0';
}
