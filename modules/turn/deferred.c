#include "modules/turn/deferred.h"
#include <stdlib.h>
#include <string.h>

struct deferred *deferred_create(const struct request *rq)
{
    struct bytes raw = rq->message.raw;
    struct deferred *d = malloc(sizeof(*d) + raw.n);
    if (!d)
        return NULL;
    memcpy(d->bytes, raw.p, raw.n);
    d->rq = *rq;
    d->rq.name = credential_name(&d->rq.credential);
    /* It was read once, so it can be read again; what was found are views of the copy now. */
    stun_read(bytes_of(d->bytes, raw.n), &d->rq.message);
    d->rq.message.mac = rq->message.mac;
    return d;
}

void deferred_destroy(struct deferred *d)
{
    if (!d)
        return;
    credential_wipe(&d->rq.credential);
    free(d);
}
