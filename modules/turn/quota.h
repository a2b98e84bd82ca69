/* quota: how many allocations each user and all users hold, over all workers.
 *
 * Floor 3. The one thing that the workers' turn rooms share; asked when an allocation begins and ends and
 * when it draws bandwidth, never on a packet, so a lock is cheap enough. Charged for the life of the
 * allocation, not of the connection (RFC 8656 7.2 step 10: by username). Any thread. */
#pragma once
#include "appliance/base/bytes.h"

struct gateway;
struct quota;
struct reservations;
struct sessions;

/* The gateway's quota: the first to join makes it (NULL: out of memory), the last to part frees it. */
struct quota *quota_join(struct gateway *gw);
void quota_part(struct gateway *gw);

/* 0; -EDQUOT: that user holds per_user already; -ENOSPC: total are held; -ENOMEM. 0 as a limit: none. */
int quota_take(struct quota *q, struct bytes user, uint64_t per_user, uint64_t total);
void quota_give(struct quota *q, struct bytes user);

/* Bytes a second each way; 0: no limit. */
struct bandwidth_limits {
    uint64_t user, total;
};
struct draw {
    unsigned way; /* to the peer, to the client */
    uint64_t n;   /* bytes at least */
    uint64_t now; /* ms */
};
/* Bytes that the user may relay now: at least d->n, a little more where there is more, or 0. */
uint64_t quota_draw(struct quota *q, struct bytes user, const struct bandwidth_limits *limits,
                    const struct draw *d);

/* The ports that are held for later requests: shared like the counts, and counted by them. */
struct reservations *quota_reservations(struct quota *q);

/* And the sessions that data connections come for (session.h). */
struct sessions *quota_sessions(struct quota *q);
