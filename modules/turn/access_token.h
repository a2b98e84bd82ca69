/* access_token: the self-contained token of third-party authorization (RFC 7635 6.2 and 7).
 *
 * Floor 3, pure. An authorization server that shares a long-term key with us makes the token; a client only
 * carries it, and signs with the session key inside. AEAD_AES_256_GCM and AEAD_AES_128_GCM, by the length of
 * the key. Read before anybody is authenticated, so nothing is believed: the nonce has twelve bytes or the
 * token is none (CVE-2026-43994 was a length from the wire), and what is inside is read only once the tag
 * has proved it. */
#pragma once
#include "appliance/base/bytes.h"
#include <stdbool.h>

#define ACCESS_TOKEN_KID 64u  /* the longest key id */
#define ACCESS_TOKEN_MAX 256u /* and token, as bytes */
#define SESSION_KEY_MIN  16u
#define SESSION_KEY_MAX  64u

struct oauth_key {
    struct bytes kid; /* a view of the setting */
    uint8_t key[32];
    size_t n; /* 16 or 32 */
};
/* A setting's item, "kid:key", the key in base64. Wipe it. */
bool oauth_key_parse(const char *item, struct oauth_key *out);
bool oauth_key_check(const char *item, const char **why);

struct access_token {
    uint8_t key[SESSION_KEY_MAX];
    size_t key_n;
    uint64_t timestamp; /* 48 bits of seconds since 1970, 16 of 64000ths */
    uint32_t lifetime;  /* seconds */
};
/* value: of ACCESS-TOKEN, the token as it is or in base64 (RFC 7635 6.2 has both: what the authorization
 * server hands out is base64, and a client must not look into it). server: our name, the associated data.
 * False: forged, cut, made for another server, or of no form. Wipe it. */
bool access_token_open(struct bytes value, const struct oauth_key *key, struct bytes server,
                       struct access_token *out);
/* How many seconds it is still good for (RFC 7635 7 and 9: its lifetime and Delta, less abs(now -
 * timestamp)), but never more than its lifetime; 0: it is over. */
uint32_t access_token_left(const struct access_token *t, int64_t wall);
