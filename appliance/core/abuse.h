/* abuse: who has failed to prove who he is, too often or too fast, and what comes of it: he waits longer and
 * longer, and then his address is shut out for a time.
 *
 * Floor 1. One for the gateway (gw->abuse), made by boot from section `abuse`; SIP and TURN both tell it of
 * failures and successes, the door asks it for each connection and datagram. Without one (in tests) nobody is
 * suspected. Exempt networks (abuse.exempt, and what boot adds: balancers, the core) are never banned.
 * Bans are rows of the store's soft file, so that a restart keeps them; scores are not. A success halves the
 * score of its address, so that one forgotten password behind an office's NAT shuts out nobody. Any thread.
 */
#pragma once
#include "appliance/base/buckets.h"
#include "appliance/core/bans.h"
#include "appliance/core/config.h"
#include "appliance/core/stats.h"

struct abuse_config {
    int64_t flow_rate, flow_burst; /* requests a second of a connection on which nobody is registered */
    int64_t registered_rate, registered_burst;
    int64_t address_rate, address_burst; /* of new requests, over all connections of one address */
    int64_t failures;
    int64_t window; /* ms */
    int64_t backoff_after;
    int64_t backoff, backoff_max; /* ms */
    int64_t ban, ban_max;         /* ms */
    struct cidr_set exempt;
};

enum abuse_stat {
    ABUSE_BANS, /* gauge */
    ABUSE_BANNED,
    ABUSE_FAILURES_SIP = ABUSE_BANNED + BAN_REASONS,
    ABUSE_HELD,          /* REGISTER refused because of earlier failures */
    ABUSE_FLOOD_FLOW,    /* requests over the rate of their connection */
    ABUSE_FLOOD_ADDRESS, /* or of their address */
    ABUSE_FLOOD_CLOSED,
    ABUSE_STATS
};

extern const struct settings abuse_settings;
extern const struct stat_table abuse_stats;

struct abuse;
struct gateway;
struct store;

struct abuse *abuse_create(void); /* NULL: out of memory */
void abuse_destroy(struct abuse *a);
/* Boot and reload: the limits are copied, the networks too (added to those of the config). 0 or -ENOMEM, then
 * nothing has changed. */
int abuse_configure(struct abuse *a, const struct abuse_config *c, const struct cidr_set *more, unsigned n);
struct bans *abuse_bans(struct abuse *a);
/* Boot: the bans of the store, whose rows follow from then on (NULL: none). Blocks. 0 or -errno. */
int abuse_load(struct abuse *a, struct store *s, int64_t wall);

/* ---- what rooms tell and ask; w->gw->abuse may be NULL */

static inline bool abuse_is_banned(const struct worker *w, const struct addr *from);
bool abuse_is_exempt(const struct worker *w, const struct addr *from);
/* He could not prove to be `user` (may be empty). from NULL: a source that anybody could have written, which
 * is not to be blamed. True: the address is banned now, by this or before. */
bool abuse_failed(struct worker *w, const struct addr *from, struct bytes user, enum ban_reason why);
void abuse_succeeded(struct worker *w, const struct addr *from, struct bytes user);
/* Seconds that this user, or this address, has to wait before another try; 0: none. An address from which the
 * user has proved himself of late does not wait for what others did in his name. */
uint32_t abuse_wait(struct worker *w, const struct addr *from, struct bytes user);
/* One request of that address, over all workers: within the rate? No lock. */
bool abuse_take(struct worker *w, const struct addr *from, struct bucket_rate rate);
void abuse_count(struct worker *w, enum abuse_stat what);
/* Bans without further ado (a rule says so). False: exempt, or there is no room. */
bool abuse_ban(struct worker *w, const struct addr *from, enum ban_reason why, const char *note);

/* ---- the operator's */

/* seconds 0: for ever. 0; -EPERM: exempt; -ENOSPC. */
int abuse_ban_by_hand(struct worker *w, const struct addr *a, int64_t seconds, const char *note);
bool abuse_lift(struct worker *w, const struct addr *a); /* false: was not banned */
unsigned abuse_lift_all(struct worker *w);
/* Bans in force. */
void abuse_walk(struct worker *w, void (*each)(void *arg, const struct ban *ban), void *arg);
/* Now and then, and after abuse_configure, on one worker: the gauge; rows that have ended; bans of networks
 * that have become exempt are lifted. */
void abuse_tend(struct worker *w);

static inline bool abuse_is_banned(const struct worker *w, const struct addr *from)
{
    const struct bans *b = w->gw ? w->gw->bans : NULL;
    return b && bans_has(b, from, w->wall);
}
