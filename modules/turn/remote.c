/* A client of an allocation of this worker whose connection is on another one (roaming.h). */
#include "modules/stun/frame.h"
#include "modules/turn/allocation.h"
#include "modules/turn/roaming.h"

struct remote {
    struct roaming_end end;
    struct turn *turn;
    struct client client;
    struct allocation *allocation; /* whose path it is, or NULL */
};

size_t remote_size(void)
{
    return sizeof(struct remote);
}

int remote_send(struct remote *r, struct bytes frame)
{
    return end_send(r->turn, &r->end, frame);
}

struct allocation *remote_allocation(const struct remote *r)
{
    return r->allocation;
}

void remote_take(struct remote *r, struct allocation *a)
{
    r->allocation = a;
}

void remote_leave(struct remote *r, enum path_end how)
{
    r->allocation = NULL;
    if (how != PATH_GONE)
        end_finish(r->turn, &r->end, how == PATH_LEFT ? PARCEL_CLOSE : PARCEL_OVER);
}

static struct remote *create(struct turn *t, const struct parcel *p)
{
    struct remote *r = end_create(&t->roaming.remotes, p->from.worker, guest_open_parcel);
    if (!r)
        return NULL;
    r->turn = t;
    r->end.peer = p->from;
    r->client = (struct client){.remote = r, .addr = p->client, .transport = p->transport};
    return r;
}

static void feed(struct remote *r, const struct parcel *p)
{
    struct turn *t = r->turn;
    struct bytes in;
    for (size_t at = 0; !r->end.over && parcel_next(p, &at, &in);) {
        struct frame f = client_is_stream(&r->client) ? frame_of_stream(in) : frame_of_datagram(in);
        if (f.kind == FRAME_STUN || f.kind == FRAME_CHANNEL)
            turn_frame(t, &r->client, &f);
    }
    batch_flush(t);
}

/* The first parcel: the request in it either makes the client one of an allocation's or does not. False:
 * there is no room for it. */
static bool begin(struct turn *t, const struct parcel *p)
{
    struct remote *r = create(t, p);
    if (!r)
        return false;
    feed(r, p);
    if (!r->allocation && !r->end.over)
        end_finish(t, &r->end, PARCEL_OVER);
    return true;
}

/* The client's connection has ended. */
static void on_over(struct remote *r)
{
    struct allocation *a = r->allocation;
    struct client gone = r->client;
    allocation_client_gone(a, &gone);
    end_destroy(&r->end);
}

void remote_open_parcel(struct worker *w, struct letter *l)
{
    struct parcel *p = container_of(l, struct parcel, letter);
    struct turn *t = parcel_arrived(w, p);
    struct remote *r = t && p->kind != PARCEL_FIRST ? slots_get(&t->roaming.remotes, p->to) : NULL;
    if (t && p->kind == PARCEL_FIRST && !begin(t, p)) {
        turn_count(t, TS_DROP_ROAMING);
        parcel_refuse(t, p, guest_open_parcel);
        return;
    }
    if (r)
        feed(r, p);
    if (r && p->kind == PARCEL_OVER)
        on_over(r);
    parcel_destroy(p);
}
