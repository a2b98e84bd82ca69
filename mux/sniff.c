/* The compiled patterns are the only thing here that is not const from the start: a `sniff` slot is pure and
 * has no worker to keep them in. They are made once and never change. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "mux/sniff.h"
#include <pcre2.h>
#include <pthread.h>
#include <stdlib.h>

#define STUN_COOKIE 0x2112a442u

/* A line may be wrong in ways that its protocol has an answer for (RFC 4475 3.1.2: spaces around the URI,
 * SIP/7.0), so these patterns take what can only be meant as SIP or HTTP, and leave judging it to the module.
 */
#define METHOD "[-A-Za-z0-9.!%*_+`'~]{1,64}+"
#define TARGET "[^\\r\\n]*"
static const char *const patterns[SNIFF_PATTERNS] = {
    [SNIFF_SIP] =
        "\\r\\n|(?i:SIP)/2\\.0 |" METHOD " " TARGET " (?i:SIP)/[0-9]{1,4}\\.[0-9]{1,4}[ \\t]*+\\r?\\n",
    [SNIFF_HTTP] = METHOD " " TARGET " HTTP/1\\.[0-9][ \\t]*+\\r?\\n",
};

struct sniffers {
    pcre2_code *code[SNIFF_PATTERNS];
    pcre2_match_context *limits;
};

static struct sniffers sniffers;
static pthread_once_t sniffers_once = PTHREAD_ONCE_INIT;

/* A first line has one place to backtrack from; these limits are far above what it needs and far below harm.
 */
static void compile(void)
{
    sniffers.limits = pcre2_match_context_create(NULL);
    if (!sniffers.limits)
        abort();
    pcre2_set_match_limit(sniffers.limits, 200000);
    pcre2_set_depth_limit(sniffers.limits, 1000);
    pcre2_set_heap_limit(sniffers.limits, 2048);
    for (int i = 0; i < SNIFF_PATTERNS; i++) {
        int error;
        PCRE2_SIZE at;
        sniffers.code[i] =
            pcre2_compile((PCRE2_SPTR)patterns[i], PCRE2_ZERO_TERMINATED, PCRE2_ANCHORED, &error, &at, NULL);
        if (!sniffers.code[i])
            abort();
    }
}

enum sniff sniff_text(struct bytes first, enum sniff_pattern pattern)
{
    if (first.n == 0)
        return SNIFF_MORE;
    pthread_once(&sniffers_once, compile);
    pcre2_match_data *found = pcre2_match_data_create(1, NULL);
    if (!found)
        return SNIFF_NO;
    int rc =
        pcre2_match(sniffers.code[pattern], first.p, first.n, 0, PCRE2_PARTIAL_SOFT, found, sniffers.limits);
    pcre2_match_data_free(found);
    if (rc >= 0)
        return SNIFF_YES;
    return rc == PCRE2_ERROR_PARTIAL ? SNIFF_MORE : SNIFF_NO;
}

/* RFC 8489 5: two zero bits, 14 bits of type, 16 of length (a multiple of 4), then the cookie. */
static bool stun_byte_fits(size_t at, uint8_t byte)
{
    if (at == 0)
        return (byte & 0xc0) == 0;
    if (at == 3)
        return (byte & 3) == 0;
    if (at >= 4)
        return byte == (uint8_t)(STUN_COOKIE >> (8 * (7 - at)));
    return true;
}

enum sniff sniff_stun(struct bytes first)
{
    for (size_t i = 0; i < first.n && i < 8; i++) {
        if (!stun_byte_fits(i, first.p[i]))
            return SNIFF_NO;
    }
    return first.n < 8 ? SNIFF_MORE : SNIFF_YES;
}
