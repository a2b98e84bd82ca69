#include "modules/turn/deferred.h"
#include <stdlib.h>
#include <string.h>

struct deferred *deferred_create(const struct request *rq)
{
    struct deferred *d = malloc(sizeof(*d));
    if (!d)
        return NULL;
    memcpy(d->header, rq->message.raw.p, sizeof(d->header));
    d->rq = *rq;
    d->rq.name = credential_name(&d->rq.credential);
    d->rq.message.raw = bytes_of(d->header, sizeof(d->header));
    d->rq.message.id = d->header + STUN_HEADER - STUN_ID;
    d->rq.message.end = STUN_HEADER;
    return d;
}

void deferred_destroy(struct deferred *d)
{
    if (!d)
        return;
    credential_wipe(&d->rq.credential);
    free(d);
}
