/* keyring: the secret keys that must outlive a restart: sealed tokens and TLS session tickets.
 *
 * Floor 1. Kept in the store's hard file; made at the first start. Each purpose has a current and a previous
 * key; rotation makes a new current one. Boot loads it, each worker has a copy of its own, and rotation gives
 * it a new one by letter. */
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
struct keyring *keyring_copy(const struct keyring *k); /* NULL: out of memory */
void keyring_destroy(struct keyring *k);               /* wipes and frees a copy; NULL is fine */
bool keyring_eq(const struct keyring *a, const struct keyring *b);
/* A box of its keys; NULL: out of memory. */
struct token_box *keyring_tokens(const struct keyring *k);
void keyring_wipe(struct keyring *k);
