/* keyring: the secret keys that must outlive a restart: sealed tokens and TLS session tickets.
 *
 * Floor 1. Kept in the store's hard file; made at the first start. Each purpose has a current and a previous
 * key; rotation makes a new current one. Boot loads it, workers copy from it at start, and rotation tells
 * them by letter. */
#pragma once
#include "appliance/base/token.h"

struct store;

#define TICKET_KEY_BYTES 80 /* 16 name, 32 AES, 32 HMAC: SSL_CTX_set_tlsext_ticket_keys */

struct ticket_key {
    uint8_t bytes[TICKET_KEY_BYTES];
    int64_t created;
};

struct keyring {
    struct token_key token_current, token_previous;
    bool has_token_previous;
    struct ticket_key ticket_current, ticket_previous;
    bool has_ticket_previous;
};

/* Reads, makes what is missing, rotates what is older than max_age seconds (0 = never). Blocks. 0 or -errno.
 */
int keyring_load(struct keyring *k, struct store *s, int64_t wall, int64_t max_age);
void keyring_wipe(struct keyring *k);
