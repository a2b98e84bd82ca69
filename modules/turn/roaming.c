#include "modules/turn/roaming.h"
#include "appliance/base/wire.h"
#include "modules/turn/turn.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_HEAD 4u

struct parcel *parcel_create(enum parcel_kind kind)
{
    struct parcel *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->kind = kind;
    buf_init(&p->bytes);
    return p;
}

void parcel_destroy(struct parcel *p)
{
    if (!p)
        return;
    buf_fini(&p->bytes);
    free(p);
}

bool parcel_next(const struct parcel *p, size_t *at, struct bytes *frame)
{
    struct wire_in in = wire_in(bytes_skip(buf_bytes(&p->bytes), *at));
    uint32_t n = wire_u32(&in);
    *frame = wire_bytes(&in, n);
    *at += FRAME_HEAD + n;
    return !in.bad;
}

struct turn *parcel_arrived(struct worker *w, const struct parcel *p)
{
    worker_mail_opened(w, buf_len(&p->bytes));
    return w->ended ? NULL : turn_of(w);
}

void *end_create(struct slots *slots, uint16_t to, letter_open *open)
{
    struct roaming_end *e = slots_take(slots);
    if (!e)
        return NULL;
    e->slots = slots;
    e->to = to;
    e->open = open;
    e->last = parcel_create(PARCEL_OVER);
    if (!e->last) {
        slots_give(slots, e);
        return NULL;
    }
    return e;
}

void end_destroy(struct roaming_end *e)
{
    list_remove(&e->outgoing);
    parcel_destroy(e->out);
    parcel_destroy(e->last);
    slots_give(e->slots, e);
}

static bool is_full(struct turn *t, const struct roaming_end *e, size_t n)
{
    return (e->out && buf_len(&e->out->bytes) + n > PARCEL_MAX) ||
           worker_mail_is_full(t->w->gw->workers[e->to], PARCEL_MAIL_MAX);
}

static int append(struct parcel *p, struct bytes frame)
{
    uint8_t *room = buf_reserve(&p->bytes, FRAME_HEAD + frame.n);
    if (!room)
        return -ENOMEM;
    store_u32(room, (uint32_t)frame.n);
    if (frame.n)
        memcpy(room + FRAME_HEAD, frame.p, frame.n);
    buf_commit(&p->bytes, FRAME_HEAD + frame.n);
    return 0;
}

static void wait_for_end(struct turn *t, struct roaming_end *e)
{
    if (!list_linked(&e->outgoing))
        list_push_back(&t->roaming.outgoing, &e->outgoing);
}

int end_send(struct turn *t, struct roaming_end *e, struct bytes frame)
{
    if (is_full(t, e, frame.n))
        return -ENOBUFS;
    if (!e->out && !(e->out = parcel_create(PARCEL_FRAMES)))
        return -ENOMEM;
    wait_for_end(t, e);
    return append(e->out, frame);
}

void end_finish(struct turn *t, struct roaming_end *e, enum parcel_kind kind)
{
    e->over = true;
    if (e->last)
        e->last->kind = kind;
    wait_for_end(t, e);
}

static void post_to(struct turn *t, uint16_t to, struct parcel *p)
{
    struct worker *w = gateway_worker(t->w->gw, to);
    if (!w) {
        parcel_destroy(p);
        return;
    }
    worker_mail_add(w, buf_len(&p->bytes));
    worker_post(w, &p->letter);
}

void parcel_refuse(struct turn *t, struct parcel *p, letter_open *open)
{
    p->kind = PARCEL_OVER;
    p->to = p->from;
    p->from = REF_NONE;
    p->letter.open = open;
    buf_clear(&p->bytes);
    post_to(t, p->to.worker, p);
}

static void post(struct turn *t, struct roaming_end *e, struct parcel *p)
{
    if (!p)
        return;
    p->from = slots_ref(e->slots, e);
    p->to = e->peer;
    p->letter.open = e->open;
    post_to(t, e->to, p);
}

/* One letter for the last words and the end: between two the client could have the words already, and write
 * to an end that is no more. */
static struct parcel *last_words(struct roaming_end *e, struct parcel *words)
{
    struct parcel *last = e->last;
    e->last = NULL;
    if (!last)
        return words;
    if (words) {
        last->bytes = words->bytes;
        buf_init(&words->bytes);
    }
    parcel_destroy(words);
    return last;
}

static void flush(struct turn *t, struct roaming_end *e)
{
    struct parcel *p = e->out;
    list_remove(&e->outgoing);
    e->out = NULL;
    post(t, e, e->over ? last_words(e, p) : p);
    if (e->over)
        end_destroy(e);
}

void roaming_flush(struct turn *t)
{
    struct list *it;
    while ((it = list_pop_front(&t->roaming.outgoing)) != NULL)
        flush(t, container_of(it, struct roaming_end, outgoing));
}

static void at_end(struct worker *w, struct turn_hook *h)
{
    struct roaming *r = container_of(h, struct roaming, hook);
    roaming_flush(container_of(r, struct turn, roaming));
}

int roaming_init(struct turn *t)
{
    struct roaming *r = &t->roaming;
    list_init(&r->outgoing);
    int rc = slots_init(&r->guests, guest_size(), ROAMERS_MAX, t->w->id);
    if (rc == 0)
        rc = slots_init(&r->remotes, remote_size(), ROAMERS_MAX, t->w->id);
    if (rc == 0)
        rc = map_init(&r->guests_by_client, 64);
    r->hook.at_end = at_end;
    if (rc == 0)
        worker_hook_turn(t->w, &r->hook);
    return rc;
}

/* Nobody is told: all workers end. */
void roaming_fini(struct turn *t)
{
    struct roaming *r = &t->roaming;
    uint32_t cursor = 0;
    struct roaming_end *e;
    list_remove(&r->hook.link);
    while ((e = slots_next(&r->guests, &cursor)) != NULL)
        guest_forget(e);
    for (cursor = 0; (e = slots_next(&r->remotes, &cursor)) != NULL;)
        end_destroy(e);
    map_fini(&r->guests_by_client);
    slots_fini(&r->guests);
    slots_fini(&r->remotes);
}
