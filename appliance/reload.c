/* reload: a new configuration for a running gateway: checked whole first, then given to every worker, each of
 * which swaps it between two turns. A refused file changes nothing. */
#include "appliance/boot.h"
#include "appliance/core/abuse.h"
#include "modules/modules.h"
#include "mux/door.h"
#include <errno.h>
#include <stdlib.h>

struct new_config {
    struct letter letter;
    const struct config *config; /* held for this worker */
};

static void take_over(struct worker *w, struct letter *l)
{
    struct new_config *n = container_of(l, struct new_config, letter);
    const struct config *old = w->config;
    w->config = n->config;
    roof_set_log(&w->log, n->config);
    if (!w->management && !w->ended)
        door_reload(w, old); /* a failure leaves the old certificates in use and is logged there */
    config_drop(old);
    free(n);
}

static int post_to_all(struct roof *r, const struct config *c)
{
    struct new_config *letters[WORKER_MAX + 1];
    unsigned n = 0;
    for (; n <= r->gw.n_workers; n++) {
        letters[n] = calloc(1, sizeof *letters[n]);
        if (!letters[n])
            break;
        letters[n]->letter.open = take_over;
    }
    if (n <= r->gw.n_workers) { /* all or none: half a reload is worse than none */
        while (n-- > 0)
            free(letters[n]);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < n; i++) {
        letters[i]->config = config_hold(c);
        worker_post(r->gw.workers[i], &letters[i]->letter);
    }
    return 0;
}

int roof_reload(struct roof *r, struct worker *management, struct buf *out)
{
    struct config_problem *problems = NULL;
    struct config *c = config_load(r->config_path, r->tables.settings, &problems);
    config_problems_write(problems, out);
    config_problems_free(problems);
    if (!c)
        return -EINVAL;
    int rc = door_check(c, sallyport_modules, out);
    if (!rc) {
        config_diff(r->config, c, out);
        rc = warden_apply(r, c);
    }
    if (!rc)
        rc = post_to_all(r, c);
    if (rc) {
        config_drop(c);
        return rc;
    }
    abuse_tend(management);
    log_info(&management->log, "reload.done", F_STR("config", r->config_path));
    config_drop(r->config);
    r->config = c;
    return 0;
}
