#include "modules/turn/reservation.h"
#include "appliance/core/directory.h"
#include "modules/turn/credential.h"
#include "modules/turn/quota.h"
#include "modules/turn/turn.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reservation {
    struct list shared; /* in the gateway's list, until it is claimed */
    struct list own;    /* in the maker's, until the timer */
    struct timer timer;
    struct turn *turn;
    struct reserved what; /* fd -1: claimed. Under the lock, as is `shared` */
    uint8_t token[RESERVATION_TOKEN];
    size_t user_n;
    uint8_t user[DIRECTORY_NAME_MAX];
};

/* Off the list; what the caller then has to close, or -1. */
static int withdraw(struct reservations *all, struct reservation *r)
{
    pthread_mutex_lock(&all->lock);
    int fd = r->what.fd;
    r->what.fd = -1;
    list_remove(&r->shared);
    pthread_mutex_unlock(&all->lock);
    return fd;
}

static void destroy(struct reservation *r)
{
    struct turn *t = r->turn;
    int fd = withdraw(quota_reservations(t->quota), r);
    if (fd >= 0) {
        close(fd);
        quota_give(t->quota, bytes_of(r->user, r->user_n));
    }
    timer_stop(&t->w->timers, &r->timer);
    list_remove(&r->own);
    free(r);
}

static void on_timer(struct worker *w, struct timer *timer)
{
    destroy(container_of(timer, struct reservation, timer));
}

static struct reservation *create(struct turn *t, const struct reserved *what, struct bytes user)
{
    struct reservation *r = user.n <= DIRECTORY_NAME_MAX ? calloc(1, sizeof(*r)) : NULL;
    if (!r)
        return NULL;
    r->turn = t;
    r->what = *what;
    r->user_n = user.n;
    memcpy(r->user, user.p, user.n);
    random_fill(r->token, sizeof(r->token));
    r->timer.fire = on_timer;
    return r;
}

int reservation_make(struct turn *t, const struct reserved *what, struct bytes user,
                     uint8_t token[static RESERVATION_TOKEN])
{
    const struct turn_config *c = t->config;
    struct reservations *all = quota_reservations(t->quota);
    int rc = quota_take(t->quota, user, (uint64_t)c->user_allocations, (uint64_t)c->total_allocations);
    if (rc < 0)
        return rc;
    struct reservation *r = create(t, what, user);
    if (!r) {
        quota_give(t->quota, user);
        return -ENOMEM;
    }
    memcpy(token, r->token, sizeof(r->token));
    list_push_back(&t->reservations, &r->own);
    timer_set(&t->w->timers, &r->timer, t->w->now + RESERVATION_MS);
    pthread_mutex_lock(&all->lock);
    list_push_back(&all->held, &r->shared);
    pthread_mutex_unlock(&all->lock);
    return 0;
}

static bool is_meant(const struct reservation *r, struct bytes token, const struct credential *user)
{
    return bytes_eq_secret(bytes_of(r->token, sizeof(r->token)), token) &&
           credential_owns(user, bytes_of(r->user, r->user_n), r->what.by_token);
}

bool reservation_claim(struct turn *t, struct bytes token, const struct credential *user,
                       struct reserved *out)
{
    struct reservations *all = quota_reservations(t->quota);
    struct credential charged = {
        .name_n = 0}; /* with a fresh token (RFC 7635) another name than the one that claims */
    bool found = false;
    if (token.n != RESERVATION_TOKEN)
        return false;
    pthread_mutex_lock(&all->lock);
    list_each_safe (it, &all->held) {
        struct reservation *r = container_of(it, struct reservation, shared);
        if (found || !is_meant(r, token, user))
            continue;
        found = true;
        *out = r->what;
        credential_set_name(&charged, bytes_of(r->user, r->user_n));
        r->what.fd = -1;
        list_remove(&r->shared);
    }
    pthread_mutex_unlock(&all->lock);
    if (found)
        quota_give(t->quota, credential_name(&charged));
    return found;
}

void reservation_drop_all(struct turn *t)
{
    list_each_safe (it, &t->reservations)
        destroy(container_of(it, struct reservation, own));
}
