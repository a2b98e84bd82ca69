#include "modules/sip/branch.h"
#include "appliance/base/wire.h"
#include "modules/sip/via.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COOKIE    "z9hG4bK"
#define OURS      COOKIE "sp"
#define STATELESS COOKIE "sa"

/* Each request that goes on has one: printf would be a third of it. */
void sip_branch_write(const struct sip_branch *b, char out[static SIP_BRANCH_MAX])
{
    uint8_t plain[(SIP_BRANCH_LEN - (sizeof(OURS) - 1)) / 2];
    struct wire_out w = wire_out(plain, sizeof(plain));

    wire_put_u16(&w, b->ref.worker);
    wire_put_u32(&w, b->ref.slot);
    wire_put_u32(&w, b->ref.gen);
    wire_put_u32(&w, b->loop);
    wire_put_u64(&w, b->random);
    memcpy(out, OURS, sizeof(OURS) - 1);
    bytes_to_hex(bytes_of(plain, wire_len(&w)), out + sizeof(OURS) - 1, SIP_BRANCH_MAX - (sizeof(OURS) - 1));
}

/* Takes n lower-case hex digits off *rest. */
static bool hex_take(struct bytes *rest, size_t n, uint64_t *out)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t c = rest->p[i];
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *rest = bytes_skip(*rest, n);
    *out = v;
    return true;
}

bool sip_branch_parse(struct bytes text, struct sip_branch *out)
{
    uint64_t worker, slot, gen, loop, random;

    if (text.n != SIP_BRANCH_LEN || !bytes_starts(text, BYTES(OURS)))
        return false;
    text = bytes_skip(text, sizeof(OURS) - 1);
    if (!hex_take(&text, 4, &worker) || !hex_take(&text, 8, &slot) || !hex_take(&text, 8, &gen) ||
        !hex_take(&text, 8, &loop) || !hex_take(&text, 16, &random))
        return false;
    *out = (struct sip_branch){
        .ref = {.worker = (uint16_t)worker, .gen = (uint32_t)gen, .slot = (uint32_t)slot},
        .loop = (uint32_t)loop,
        .random = random,
    };
    return true;
}

void sip_branch_stateless(struct bytes above, uint32_t loop, char out[static SIP_BRANCH_MAX])
{
    /* Not a secret and the same on all workers: a retransmission may come in anywhere (RFC 3261 16.11). */
    static const struct hash_key key = {0x73616c6c79706f72, 0x7473746174656c65};

    snprintf(out, SIP_BRANCH_MAX, STATELESS "%016" PRIx64 "%08" PRIx32, bytes_hash(&key, above), loop);
}

bool sip_branch_is_3261(struct bytes branch)
{
    return branch.n > sizeof(COOKIE) - 1 && bytes_istarts(branch, BYTES(COOKIE));
}

/* The next header field with its folds, without the last CRLF; an empty line ends the head. */
static bool line_take(struct bytes *rest, struct bytes *line)
{
    size_t n = 0;

    for (;;) {
        size_t eol = bytes_find_byte(bytes_skip(*rest, n), '\n');
        if (eol == BYTES_NOT_FOUND)
            return false;
        n += eol + 1;
        if (n >= rest->n || (rest->p[n] != ' ' && rest->p[n] != '\t'))
            break;
    }
    *line = bytes_trim(bytes_first(*rest, n));
    *rest = bytes_skip(*rest, n);
    return line->n > 0;
}

static bool line_is_via(struct bytes line, struct bytes *value)
{
    size_t colon = bytes_find_byte(line, ':');

    if (colon == BYTES_NOT_FOUND)
        return false;
    struct bytes name = bytes_trim(bytes_first(line, colon));
    *value = bytes_skip(line, colon + 1);
    return bytes_ieq(name, BYTES("Via")) || bytes_ieq(name, BYTES("v"));
}

uint16_t sip_sort_response(struct bytes msg, uint16_t here)
{
    struct bytes line, value, item;
    struct sip_via via;
    struct sip_branch branch;

    while (msg.n && (msg.p[0] == '\r' || msg.p[0] == '\n'))
        msg = bytes_skip(msg, 1);
    if (!bytes_istarts(msg, BYTES("SIP/2.0 ")))
        return here;
    while (line_take(&msg, &line)) {
        if (!line_is_via(line, &value))
            continue;
        if (sip_list_next(&value, &item) != 1 || !sip_via_parse(item, &via))
            return here;
        return sip_branch_parse(via.branch, &branch) ? branch.ref.worker : here;
    }
    return here;
}
