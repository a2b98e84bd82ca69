/* network: what the home network keeps on one worker, and the questions its parts ask each other.
 *
 * Floor 3; private to modules/registrar. */
#pragma once
#include "modules/registrar/location.h"
#include "modules/registrar/registrar.h"
#include "modules/registrar/replay.h"
#include "modules/sip/msg.h"
#include "modules/sip/server_txn.h"
#include "modules/sip/transaction.h"

struct registrar {
    struct worker *w;
    const struct registrar_config *config;
    struct sip_layer *layer;
    struct location *location; /* of the process */
    _Atomic uint64_t *stats;
    struct replay replay;
    struct timer sweep;
    unsigned next_shard;
    char host[256]; /* ours, in Service-Route and Record-Route */
};

extern const struct sip_entity registrar_entity;

struct registrar *registrar_create(struct worker *w, sip_send *send);
void registrar_destroy(struct registrar *r);
struct registrar *registrar_of(const struct worker *w);

static inline void registrar_count(struct registrar *r, enum registrar_stat what)
{
    stat_inc(&r->stats[what]);
}
/* Keeps the gauge of bindings: only worker 0 says it, for all. */
void registrar_gauge(struct registrar *r);

/* The domain of ours that this URI is in, as configured; empty: none. */
struct bytes registrar_domain(const struct registrar *r, const struct sip_uri *uri);
/* The user of ours that this URI is of: canonical address of record into aor, unescaped name into name. */
struct home_user {
    struct bytes realm;
    char aor[SIP_AOR_MAX];
    char name[SIP_AOR_MAX];
};
bool registrar_user(const struct registrar *r, const struct sip_uri *uri, struct home_user *out);
/* Is there such a user, and may it come in? */
bool registrar_knows(struct registrar *r, const struct home_user *u);

/* save.c */
void registrar_save(struct registrar *r, struct server_txn *st, const struct sip_msg *rq);
/* route.c: everything but REGISTER. */
void registrar_route(struct registrar *r, struct server_txn *st, const struct sip_msg *rq);
void registrar_ack(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *ack);
