#include "modules/pcscf/registration/moved.h"
#include "modules/pcscf/registration/phone.h"
#include <stdlib.h>
#include <string.h>

struct news {
    struct letter letter;
    uint64_t order;
    uint16_t home; /* whose they are */
    bool taken_out;
    size_t aor_n, key_n;
    uint8_t text[]; /* aor, key */
};

static struct bytes aor_of(const struct news *n)
{
    return bytes_of(n->text, n->aor_n);
}

static struct bytes key_of(const struct news *n)
{
    return bytes_of(n->text + n->aor_n, n->key_n);
}

uint64_t moved_order(struct pcscf *p)
{
    return atomic_fetch_add(&p->w->gw->registrations, 1) + 1;
}

/* Lets go of what is older. The order of a newer one, or 0. */
static uint64_t apply(struct pcscf *p, const struct news *news)
{
    struct bytes key = key_of(news);
    uint64_t newer = 0;
    for (struct registration *next, *r = registration_first(p, aor_of(news)); r; r = next) {
        next = registration_next(r);
        if (key.n && !bytes_eq(r->key, key))
            continue;
        if (r->order > news->order)
            newer = r->order;
        else if (r->order < news->order && news->taken_out)
            registration_end(r, "asked");
        else if (r->order < news->order)
            registration_leave(r);
    }
    return newer;
}

static void post(struct gateway *gw, uint16_t to, struct news *news)
{
    struct worker *w = gateway_worker(gw, to);
    if (w)
        worker_post(w, &news->letter);
    else
        free(news);
}

static void open_news(struct worker *w, struct letter *l)
{
    struct news *news = container_of(l, struct news, letter);
    struct pcscf *p = w->ended ? NULL : pcscf_of(w);
    uint16_t home = news->home;
    uint64_t newer = p ? apply(p, news) : 0;
    if (!newer || news->taken_out) {
        free(news);
        return;
    }
    news->order = newer;
    news->home = w->id;
    post(w->gw, home, news);
}

/* A letter that there is no memory for leaves an older registration standing until its flow ends or its time
 * does; the registrar's binding, which says where requests go, has moved all the same. */
static struct news *copy(const struct news *news)
{
    size_t size = sizeof(*news) + news->aor_n + news->key_n;
    struct news *copied = malloc(size);
    if (copied)
        memcpy(copied, news, size);
    return copied;
}

static void tell(struct pcscf *p, struct news *news)
{
    struct gateway *gw = p->w->gw;
    apply(p, news);
    for (uint16_t i = 0; i < gw->n_workers; i++) {
        struct news *one = i != p->w->id && gw->workers[i] ? copy(news) : NULL;
        if (one)
            post(gw, i, one);
    }
}

static struct news *news_create(struct pcscf *p, struct bytes aor, struct bytes key)
{
    struct news *news = malloc(sizeof(*news) + aor.n + key.n);
    if (!news)
        return NULL;
    *news = (struct news){.letter.open = open_news, .home = p->w->id, .aor_n = aor.n, .key_n = key.n};
    memcpy(news->text, aor.p, aor.n);
    if (key.n)
        memcpy(news->text + aor.n, key.p, key.n);
    return news;
}

void moved_here(struct pcscf *p, const struct registration *r)
{
    struct news *news = news_create(p, r->aor, r->key);
    if (!news)
        return;
    news->order = r->order;
    tell(p, news);
    free(news);
}

void moved_away(struct pcscf *p, struct bytes aor, struct bytes key)
{
    struct news *news = news_create(p, aor, key);
    if (!news)
        return;
    news->order = moved_order(p);
    news->taken_out = true;
    tell(p, news);
    free(news);
}
