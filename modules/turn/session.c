#include "modules/turn/session.h"
#include "modules/turn/access_token.h"
#include "modules/turn/quota.h"
#include "modules/turn/turn.h"
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_TEXT 16u /* of the session key, behind "kid#" */

struct session_entry {
    struct map_node node;
    struct session session;
    uint8_t name_n;
    char name[DIRECTORY_NAME_MAX];
};

void session_keep(struct session *s, const struct credential *c, int64_t wall)
{
    if (!c->seconds_left)
        return;
    s->until = wall + c->seconds_left;
    s->key_n = c->key_n;
    memcpy(s->key, c->key, c->key_n);
}

void session_wipe(struct session *s)
{
    OPENSSL_cleanse(s, sizeof(*s));
}

bool session_credential(const struct session *s, struct bytes name, int64_t wall, struct credential *out)
{
    if (s->until <= wall || !credential_set_name(out, name))
        return false;
    out->key_n = s->key_n;
    memcpy(out->key, s->key, s->key_n);
    out->seconds_left = (uint32_t)(s->until - wall);
    return true;
}

/* So that one of them cannot use up what all of a key's may have, each session key is a user of its own to
 * the quota. */
bool session_name(struct credential *c, struct bytes kid)
{
    char name[ACCESS_TOKEN_KID + 1 + DIGEST_TEXT + 1];
    uint8_t digest[32];
    if (kid.n > ACCESS_TOKEN_KID || !user_hash(kid, credential_key(c), digest))
        return false;
    memcpy(name, kid.p, kid.n);
    name[kid.n] = '#';
    bytes_to_hex(bytes_of(digest, DIGEST_TEXT / 2), name + kid.n + 1, DIGEST_TEXT + 1);
    return credential_set_name(c, bytes_of(name, kid.n + 1 + DIGEST_TEXT));
}

/* --- of connections with peers
 * ----------------------------------------------------------------------------------------------- */

int sessions_init(struct sessions *all)
{
    pthread_mutex_init(&all->lock, NULL);
    return map_init(&all->by_id, 16);
}

void sessions_fini(struct sessions *all)
{
    map_fini(&all->by_id);
    pthread_mutex_destroy(&all->lock);
}

struct session_entry *session_enter(struct turn *t, uint32_t id, const struct session *s, struct bytes name)
{
    struct sessions *all = quota_sessions(t->quota);
    struct session_entry *e =
        session_is_kept(s) && name.n <= DIRECTORY_NAME_MAX ? calloc(1, sizeof(*e)) : NULL;
    if (!e)
        return NULL;
    e->session = *s;
    e->name_n = (uint8_t)name.n;
    memcpy(e->name, name.p, name.n);
    pthread_mutex_lock(&all->lock);
    map_insert(&all->by_id, &e->node, id);
    pthread_mutex_unlock(&all->lock);
    return e;
}

void session_leave(struct turn *t, struct session_entry *e)
{
    struct sessions *all = quota_sessions(t->quota);
    if (!e)
        return;
    pthread_mutex_lock(&all->lock);
    map_remove(&all->by_id, &e->node);
    pthread_mutex_unlock(&all->lock);
    session_wipe(&e->session);
    free(e);
}

bool session_of_connection(struct turn *t, uint32_t id, struct credential *out)
{
    struct sessions *all = quota_sessions(t->quota);
    pthread_mutex_lock(&all->lock);
    struct map_node *n = map_find(&all->by_id, id);
    const struct session_entry *e = n ? container_of(n, struct session_entry, node) : NULL;
    bool good = e && session_credential(&e->session, bytes_of(e->name, e->name_n), t->w->wall, out);
    pthread_mutex_unlock(&all->lock);
    return good;
}
