#include "appliance/rotation.h"
#include "appliance/boot.h"
#include "mux/door.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#define LOOK_EVERY (3600 * 1000) /* ms */

struct new_keys {
    struct letter letter;
    struct keyring *keyring; /* this worker's copy */
    struct token_box *tokens;
};

static void free_keys(struct new_keys *n)
{
    keyring_destroy(n->keyring);
    token_box_destroy(n->tokens);
    free(n);
}

/* The letter leaves with the old keys and takes them to their end. */
static void take_over(struct worker *w, struct letter *l)
{
    struct new_keys *n = container_of(l, struct new_keys, letter);
    if (!w->ended) {
        struct keyring *old = w->keyring;
        struct token_box *old_tokens = w->tokens;
        w->keyring = n->keyring;
        w->tokens = n->tokens;
        n->keyring = old;
        n->tokens = old_tokens;
        door_ticket_keys(w);
    }
    free_keys(n);
}

static struct new_keys *make_letter(const struct keyring *k)
{
    struct new_keys *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->letter.open = take_over;
    n->keyring = keyring_copy(k);
    n->tokens = keyring_tokens(k);
    if (n->keyring && n->tokens)
        return n;
    free_keys(n);
    return NULL;
}

/* All or none: a token that one worker seals, every other must open. */
static bool tell_all(struct gateway *gw, const struct keyring *k)
{
    struct new_keys *letters[WORKER_MAX + 1];
    unsigned n = 0;
    while (n <= gw->n_workers && (letters[n] = make_letter(k)))
        n++;
    if (n <= gw->n_workers) {
        while (n-- > 0)
            free_keys(letters[n]);
        return false;
    }
    for (unsigned i = 0; i < n; i++)
        worker_post(gw->workers[i], &letters[i]->letter);
    return true;
}

bool rotation_run(struct rotation *ro, int64_t max_age)
{
    struct roof *r = ro->roof;
    struct keyring fresh = {0};
    int rc = keyring_load(&fresh, r->gw.store, ro->w->wall, max_age);
    bool told = rc == 0 && !keyring_eq(&fresh, &r->keyring) && tell_all(&r->gw, &fresh);
    if (told) {
        r->keyring = fresh;
        log_info(&ro->w->log, "keys.rotated", F_UINT("token_key", fresh.token_current.id));
    } else if (rc) {
        log_error(&ro->w->log, "keys.not_rotated", F_ERRNO(rc), F_STR("remedy", "see what the store says"));
    }
    OPENSSL_cleanse(&fresh, sizeof fresh);
    return told;
}

static void on_time(struct worker *w, struct timer *t)
{
    struct rotation *ro = container_of(t, struct rotation, timer);
    const struct store_config *sc = config_of(w->config, &store_settings);
    rotation_run(ro, sc->key_rotation / 1000);
    timer_set(&w->timers, t, w->now + LOOK_EVERY);
}

void rotation_start(struct rotation *ro, struct roof *r, struct worker *management)
{
    ro->roof = r;
    ro->w = management;
    ro->timer.fire = on_time;
    timer_set(&management->timers, &ro->timer, management->now + LOOK_EVERY);
}

void rotation_stop(struct rotation *ro)
{
    if (ro->w)
        timer_stop(&ro->w->timers, &ro->timer);
}
