/* held: how much memory waiting requests may take, in all and for one phone.
 *
 * Modules, private to the transaction layer; one worker. Whoever can send a request can have one wait: for a
 * core that is down, for a phone that rings. The layer as a whole holds so much that it can serve its
 * max_transactions with messages of ordinary size, and each phone's connection max_pending of it, so that one
 * of them cannot use up what is there for all. Over it: 503. */
#pragma once
#include "modules/sip/hop.h"

struct sip_layer;
struct held_source;

/* Bytes of one request, booked on its sender's account when it has one. */
struct held {
    struct held_source *source;
    size_t n;
};

/* 0, -EBUSY (no room), -ENOMEM. from NULL: on nobody's account. */
int held_take(struct sip_layer *l, struct held *h, const struct sip_hop *from, size_t n);
void held_give(struct sip_layer *l, struct held *h); /* twice is fine */
