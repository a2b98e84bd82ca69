/* bans: the addresses that are shut out, why, until when, and by whom.
 *
 * Floor 1; the table alone: abuse.h decides who gets in, and is what other rooms include. One for the
 * gateway. The question is asked for each connection and each datagram, so it takes no lock: rows of a fixed
 * table are found by a keyed hash of the address (an IPv6 /64 is one, for a host has all of it), and only
 * writers wait for each other. Bounded: when a row is full, the ban of ours that ends first gives way; those
 * of the operator stay. Any thread. Times are wall seconds. */
#pragma once
#include "appliance/base/addr.h"

#define BAN_NOTE     96
#define BAN_FOR_EVER INT64_MAX

enum ban_reason { BAN_SIP_AUTH, BAN_TURN_AUTH, BAN_FLOOD, BAN_POLICY, BAN_OPERATOR, BAN_REASONS };
const char *ban_reason_name(enum ban_reason r);   /* "sip-auth": as in metrics, the log and the store */
enum ban_reason ban_reason_of(struct bytes name); /* BAN_REASONS: no such word */

struct ban {
    struct addr addr; /* no port; of an IPv6 address the /64 */
    enum ban_reason reason;
    int64_t since, until;
    uint32_t times; /* how often this address was banned, this time included */
    char note[BAN_NOTE];
};

struct bans;

struct bans *bans_create(void); /* NULL: out of memory */
void bans_destroy(struct bans *b);

bool bans_has(const struct bans *b, const struct addr *a, int64_t wall); /* no lock */
/* Takes the place of an earlier one. 0, or -ENOSPC: only bans of the operator where it would go. */
int bans_put(struct bans *b, const struct ban *ban);
/* The last one of that address, also when it has ended. */
bool bans_find(struct bans *b, const struct addr *a, struct ban *out);
bool bans_remove(struct bans *b, const struct addr *a);
/* Each one, also what has ended. The callback may not call anything here. */
void bans_walk(struct bans *b, void (*each)(void *arg, const struct ban *ban), void *arg);
/* What is counted as one address: without port and scope, IPv6 cut to its /64. */
struct addr ban_address(const struct addr *a);
