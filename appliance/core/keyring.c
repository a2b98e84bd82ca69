#include "appliance/core/keyring.h"
#include "appliance/base/random.h"
#include "appliance/core/store.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static const struct store_stmt sql_newest = {
    STORE_HARD, "SELECT id, key, created FROM secret_key WHERE purpose = ?1 ORDER BY id DESC LIMIT 2"};
static const struct store_stmt sql_add = {
    STORE_HARD, "INSERT INTO secret_key (purpose, id, key, created) VALUES (?1, ?2, ?3, ?4)"};
static const struct store_stmt sql_drop_older = {STORE_HARD,
                                                 "DELETE FROM secret_key WHERE purpose = ?1 AND id < ?2"};

/* A purpose's two newest keys as the store has them. Ids only rise; a token key's wire id is their last byte.
 */
struct pair {
    const char *purpose;
    size_t len;
    unsigned n;
    bool bad;
    struct stored {
        int64_t id, created;
        uint8_t key[TICKET_KEY_BYTES];
    } keys[2]; /* current, previous */
};

static bool take_row(void *arg, const struct store_value *c, unsigned n)
{
    struct pair *p = arg;
    p->bad = n != 3 || p->n == 2 || c[1].b.n != p->len;
    if (p->bad)
        return false;
    struct stored *k = &p->keys[p->n++];
    k->id = c[0].i;
    k->created = c[2].i;
    memcpy(k->key, c[1].b.p, p->len);
    return true;
}

static int pair_read(struct pair *p, struct store *s)
{
    const struct store_value v[] = {V_TEXT(bytes_str(p->purpose))};
    int rc = store_query(s, &sql_newest, v, 1, take_row, p);
    return rc == 0 && p->bad ? -EINVAL : rc;
}

static int pair_store(const struct pair *p, struct store *s)
{
    const struct stored *k = &p->keys[0];
    const struct store_value add[] = {V_TEXT(bytes_str(p->purpose)), V_INT(k->id),
                                      V_BLOB(bytes_of(k->key, p->len)), V_INT(k->created)};
    int rc = store_exec_now(s, &sql_add, add, 4, NULL);
    if (rc < 0 || p->n < 2)
        return rc;
    const struct store_value older[] = {V_TEXT(bytes_str(p->purpose)), V_INT(p->keys[1].id)};
    return store_exec_now(s, &sql_drop_older, older, 2, NULL);
}

/* A new current key; what was current still opens what it sealed. Used only once it is stored: a key that is
 * lost in a restart would void what it sealed. */
static int pair_rotate(struct pair *p, struct store *s, int64_t wall)
{
    int64_t id = p->n ? p->keys[0].id + 1 : 1;
    p->keys[1] = p->keys[0];
    p->n = p->n ? 2 : 1;
    p->keys[0] = (struct stored){.id = id, .created = wall};
    random_fill(p->keys[0].key, p->len);
    return pair_store(p, s);
}

static int pair_load(struct pair *p, struct store *s, int64_t wall, int64_t max_age)
{
    int rc = pair_read(p, s);
    if (rc < 0)
        return rc;
    if (p->n == 0)
        return pair_rotate(p, s, wall);
    if (max_age <= 0 || wall - p->keys[0].created < max_age)
        return 0;
    struct pair before = *p;
    if (pair_rotate(p, s, wall) < 0)
        *p = before; /* a full disk is no reason to be without a key */
    OPENSSL_cleanse(&before, sizeof before);
    return 0;
}

static void token_from(struct token_key *t, const struct stored *k)
{
    t->id = (uint8_t)k->id;
    memcpy(t->key, k->key, TOKEN_KEY_BYTES);
}

static void ticket_from(struct ticket_key *t, const struct stored *k)
{
    t->created = k->created;
    memcpy(t->bytes, k->key, TICKET_KEY_BYTES);
}

static void fill(struct keyring *k, const struct pair *token, const struct pair *ticket)
{
    keyring_wipe(k);
    token_from(&k->token_current, &token->keys[0]);
    ticket_from(&k->ticket_current, &ticket->keys[0]);
    k->has_token_previous = token->n == 2;
    k->has_ticket_previous = ticket->n == 2;
    if (k->has_token_previous)
        token_from(&k->token_previous, &token->keys[1]);
    if (k->has_ticket_previous)
        ticket_from(&k->ticket_previous, &ticket->keys[1]);
}

int keyring_load(struct keyring *k, struct store *s, int64_t wall, int64_t max_age)
{
    struct pair token = {.purpose = "token", .len = TOKEN_KEY_BYTES};
    struct pair ticket = {.purpose = "tls-ticket", .len = TICKET_KEY_BYTES};
    int rc = pair_load(&token, s, wall, max_age);
    if (rc == 0)
        rc = pair_load(&ticket, s, wall, max_age);
    if (rc == 0)
        fill(k, &token, &ticket);
    OPENSSL_cleanse(&token, sizeof token);
    OPENSSL_cleanse(&ticket, sizeof ticket);
    return rc;
}

void keyring_wipe(struct keyring *k)
{
    OPENSSL_cleanse(k, sizeof *k);
}

struct keyring *keyring_copy(const struct keyring *k)
{
    struct keyring *copy = malloc(sizeof *copy);
    if (copy)
        *copy = *k;
    return copy;
}

void keyring_destroy(struct keyring *k)
{
    if (!k)
        return;
    keyring_wipe(k);
    free(k);
}

bool keyring_eq(const struct keyring *a, const struct keyring *b)
{
    return memcmp(a->token_current.key, b->token_current.key, TOKEN_KEY_BYTES) == 0 &&
           memcmp(a->ticket_current.bytes, b->ticket_current.bytes, TICKET_KEY_BYTES) == 0;
}

struct token_box *keyring_tokens(const struct keyring *k)
{
    return token_box_create(&k->token_current, k->has_token_previous ? &k->token_previous : NULL);
}
