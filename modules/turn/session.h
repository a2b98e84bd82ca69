/* session: what a token leaves behind (RFC 7635 9). Only Allocate and Refresh bring it; all other requests of
 * its bearer are signed with the session key that was in it, so an allocation keeps that key.
 *
 * Floor 3. A ConnectionBind (RFC 6062) comes on another connection, maybe to another worker: for it the
 * sessions of connections with peers stand in one list of the gateway, by CONNECTION-ID, under a lock. Only
 * who has a token is ever looked up there. */
#pragma once
#include "appliance/base/map.h"
#include "modules/turn/credential.h"
#include <pthread.h>

struct turn;

struct session {
    int64_t until; /* wall: when the token is over; 0: there is none */
    uint8_t key_n;
    uint8_t key[CREDENTIAL_KEY_MAX];
};

/* Of a user that a token vouches for; of others nothing is kept. */
void session_keep(struct session *s, const struct credential *c, int64_t wall);
void session_wipe(struct session *s);
static inline bool session_is_kept(const struct session *s)
{
    return s->until != 0;
}
/* Makes the credential of who is called so, as session_keep got it. False: there is none, or it is over. */
bool session_credential(const struct session *s, struct bytes name, int64_t wall, struct credential *out);

/* The name that goes with that key id and key. False: trouble with the cipher, or too long. */
bool session_name(struct credential *c, struct bytes kid);

struct sessions {
    pthread_mutex_t lock;
    struct map by_id;
};
int sessions_init(struct sessions *all); /* 0 or -ENOMEM */
void sessions_fini(struct sessions *all);

/* A connection's entry; NULL: there is no session, or no memory: then ConnectionBind needs the token. */
struct session_entry;
struct session_entry *session_enter(struct turn *t, uint32_t id, const struct session *s, struct bytes name);
void session_leave(struct turn *t, struct session_entry *e); /* NULL is fine */
bool session_of_connection(struct turn *t, uint32_t id, struct credential *out);
