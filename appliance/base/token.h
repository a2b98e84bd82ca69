/* token: small sealed texts that we hand to strangers and get back later.
 *
 * Floor 0. A SIP flow token, a Via branch, a nonce, a mobility ticket: what we need to know stands inside,
 * so no table has to be kept. AES-256-GCM with a random nonce; a purpose keeps one kind from being used as
 * another. A forged, cut or foreign token opens to nothing. Keys live in the store and are rotated; the
 * previous key still opens. Any thread, given its own `struct token_box` (it caches cipher contexts). */
#pragma once
#include "appliance/base/bytes.h"

#define TOKEN_KEY_BYTES 32
#define TOKEN_PLAIN_MAX 96
#define TOKEN_OVERHEAD  (1 + 12 + 16) /* key id, nonce, tag */
#define TOKEN_TEXT_MAX  (((TOKEN_PLAIN_MAX + TOKEN_OVERHEAD) * 4 + 2) / 3 + 1)

enum token_purpose {
    TOKEN_FLOW = 1,        /* RFC 5626 flow token in Path and Record-Route */
    TOKEN_NONCE = 2,       /* STUN and Digest nonces */
    TOKEN_TICKET = 3,      /* RFC 8016 MOBILITY-TICKET */
    TOKEN_RESERVATION = 4, /* RFC 8656 RESERVATION-TOKEN */
};

struct token_key {
    uint8_t id;
    uint8_t key[TOKEN_KEY_BYTES];
};

struct token_box;
/* current seals and opens; previous (may be NULL) opens only. NULL on out of memory. */
struct token_box *token_box_create(const struct token_key *current, const struct token_key *previous);
void token_box_destroy(struct token_box *box);

/* Binary: returns length in dst or 0 (too long, too small a dst, cipher trouble). */
size_t token_seal(struct token_box *box, enum token_purpose why, struct bytes plain, uint8_t *dst,
                  size_t cap);
/* Returns the length of the plain text or BYTES_NOT_FOUND when it is not ours. */
size_t token_open(struct token_box *box, enum token_purpose why, struct bytes sealed, uint8_t *dst,
                  size_t cap);

/* For where every byte counts: the tag is all that is added (AES-SIV, RFC 5297, under a key derived from the
 * same one). There is no nonce, so the same plain text gives the same token: put a serial number in. */
#define TOKEN_SHORT_OVERHEAD 16
size_t token_seal_short(struct token_box *box, enum token_purpose why, struct bytes plain, uint8_t *dst,
                        size_t cap);
size_t token_open_short(struct token_box *box, enum token_purpose why, struct bytes sealed, uint8_t *dst,
                        size_t cap);

/* The same as base64url text, NUL-terminated: fit for a SIP user part. */
size_t token_seal_text(struct token_box *box, enum token_purpose why, struct bytes plain, char *dst,
                       size_t cap);
size_t token_open_text(struct token_box *box, enum token_purpose why, struct bytes text, uint8_t *dst,
                       size_t cap);
