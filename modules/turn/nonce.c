#include "modules/turn/nonce.h"
#include "appliance/base/addr.h"
#include "appliance/base/wire.h"
#include "appliance/core/worker.h"
#include <string.h>

/* RFC 8489 9.2: "obMatJos2" says that the server knows RFC 8489; four characters of base64 are the 24 feature
 * bits (18.1): bit 0, password algorithms, and bit 1, username anonymity, are C0 00 00. */
#define MARK     "obMatJos2"
#define COOKIE   MARK "wAAA"
#define COOKIE_N (sizeof(COOKIE) - 1)
#define PLAIN_N  27u /* wall seconds, family, port, ip */

_Static_assert(COOKIE_N + ((PLAIN_N + TOKEN_OVERHEAD) * 4 + 2) / 3 < NONCE_MAX, "a nonce fits its attribute");

static void bind_to(const struct addr *client, uint8_t out[static 19])
{
    out[0] = client->family;
    store_u16(out + 1, client->port);
    memcpy(out + 3, client->ip, 16);
}

size_t nonce_make(struct worker *w, const struct addr *client, char out[static NONCE_MAX])
{
    uint8_t plain[PLAIN_N];
    struct wire_out o = wire_out(plain, sizeof(plain));
    wire_put_u64(&o, (uint64_t)w->wall);
    bind_to(client, plain + 8);
    memcpy(out, COOKIE, COOKIE_N);
    size_t n = token_seal_text(w->tokens, TOKEN_NONCE, bytes_of(plain, sizeof(plain)), out + COOKIE_N,
                               NONCE_MAX - COOKIE_N);
    return n ? COOKIE_N + n : 0;
}

/* Bit 0 is the top one of the first character's six: "g" stands for 32. */
bool nonce_offers_algorithms(struct bytes nonce)
{
    static const char with_bit_0[] = "ghijklmnopqrstuvwxyz0123456789+/";
    struct bytes bits = bytes_skip(nonce, sizeof(MARK) - 1);
    return bytes_starts(nonce, BYTES(MARK)) && bits.n >= 4 && bits.p[0] && strchr(with_bit_0, bits.p[0]);
}

bool nonce_ok(struct worker *w, const struct addr *client, struct bytes nonce, int64_t max_age)
{
    uint8_t plain[TOKEN_PLAIN_MAX], bound[19];
    if (!bytes_starts(nonce, BYTES(COOKIE)))
        return false;
    size_t n = token_open_text(w->tokens, TOKEN_NONCE, bytes_skip(nonce, COOKIE_N), plain, sizeof(plain));
    if (n != PLAIN_N)
        return false;
    struct wire_in in = wire_in(bytes_of(plain, n));
    int64_t age = w->wall - (int64_t)wire_u64(&in);
    bind_to(client, bound);
    if (!client->port)
        memcpy(bound + 1, plain + 9, sizeof(uint16_t));
    return age >= -1 && age * 1000 <= max_age && memcmp(bound, plain + 8, sizeof(bound)) == 0;
}
