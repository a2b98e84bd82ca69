/* location: where the users of the home network are reached: the bindings of RFC 3261 10.3, with the Path of
 * RFC 3327 and the instance and reg-id of RFC 5626.
 *
 * Floor 3. One table for the process, because a call for Bob may come up on any worker: 64 shards with a lock
 * each, taken for a REGISTER and for the look-up of a request that starts a dialog, never on media. A binding
 * does not change once it is in the table; a refresh puts another one in its place. So what a look-up gives
 * is held by count and read without a lock. Every change is written to the store's `binding` rows. */
#pragma once
#include "appliance/base/bytes.h"
#include "appliance/core/store.h"
#include <stdatomic.h>

#define LOCATION_SHARDS   64u
#define LOCATION_CONTACTS 16u /* of one address of record, at most */

struct binding {
    struct bytes aor;
    struct bytes key;      /* what makes it the same binding: instance and reg-id, or the contact URI */
    struct bytes contact;  /* URI as the phone wrote it */
    struct bytes params;   /* its Contact parameters without q and expires, with the leading ';' */
    struct bytes path;     /* Path values, comma-separated; may be empty */
    struct bytes instance; /* without quotes and brackets; may be empty */
    struct bytes call_id;
    uint32_t cseq;
    uint32_t reg_id;  /* 0: registered without outbound */
    uint16_t q;       /* thousandths */
    uint64_t expires; /* worker ms */
    uint64_t serial;  /* later registered, larger */
    _Atomic unsigned refs;
    uint8_t text[];
};

struct binding *binding_hold(struct binding *b);
void binding_drop(struct binding *b);
/* Whole seconds left, at least 1 for one that has not expired. */
uint32_t binding_seconds(const struct binding *b, uint64_t now);

/* Bindings held for the reader, newest first. */
struct binding_set {
    struct binding *items[LOCATION_CONTACTS];
    size_t n;
};
void binding_set_fini(struct binding_set *s);

/* One Contact of a REGISTER. expires 0 removes it. */
struct binding_change {
    struct bytes key, contact, params, instance;
    uint32_t reg_id;
    uint32_t expires; /* seconds */
    uint16_t q;
};

/* A REGISTER, as far as the table cares. */
struct location_update {
    struct bytes aor, call_id, path;
    uint32_t cseq;
    bool all_gone; /* Contact: * */
    const struct binding_change *changes;
    size_t n;
    uint64_t now; /* ms */
    int64_t wall; /* seconds, for the rows */
};

struct location;
struct location *location_create(struct store *store); /* store may be NULL; NULL: out of memory */
struct location *location_hold(struct location *l);
bool location_drop(struct location *l); /* true: that was the last one, it is freed. NULL is fine */

/* All or nothing (RFC 3261 10.3 step 8): 0, or -ESTALE (same Call-ID and a CSeq that is not higher), -ENOSPC
 * (too many contacts), -ENOMEM. On 0 `out` has what is bound now. */
int location_apply(struct location *l, const struct location_update *u, struct binding_set *out);
void location_find(struct location *l, struct bytes aor, uint64_t now, struct binding_set *out);
/* Takes out this very binding; false when it was replaced or is gone already. */
bool location_forget(struct location *l, const struct binding *b);
/* Takes out what has expired in one shard. Returns how many. */
size_t location_expire(struct location *l, unsigned shard, uint64_t now);
size_t location_count(struct location *l); /* bindings */
