#include "appliance/warden.h"
#include "appliance/boot.h"
#include "appliance/core/abuse.h"
#include "modules/pcscf/core/core_uri.h"
#include "modules/pcscf/pcscf.h"
#include "mux/door.h"
#include "mux/door_config.h"
#include <errno.h>
#include <time.h>

#define LOOK_EVERY 5000 /* ms */

/* Addresses of the core as they are written; those that DNS gives are on the core's side, where nobody is
 * suspected.
 */
static bool add_core(struct cidr_set *set, const struct string_list *core)
{
    struct core_uri uri;
    bool good = true;
    for (size_t i = 0; good && i < core->n; i++) {
        if (!core_uri_parse(bytes_str(core->items[i]), &uri, NULL) || uri.addr.family == ADDR_NONE)
            continue;
        struct cidr one = {.net = uri.addr, .bits = uri.addr.family == ADDR_V6 ? 128 : 32};
        one.net.port = 0;
        good = cidr_set_add(set, one);
    }
    return good;
}

int warden_apply(struct roof *r, const struct config *c)
{
    const struct door_config *door = config_of(c, &door_settings);
    const struct pcscf_config *pc = config_of(c, &pcscf_settings);
    struct cidr_set core = {0};
    int rc = -ENOMEM;
    if (add_core(&core, &pc->core)) {
        const struct cidr_set never[] = {door->proxy_trusted, pc->core_networks, core};
        rc = abuse_configure(r->gw.abuse, config_of(c, &abuse_settings), never,
                             sizeof never / sizeof never[0]);
    }
    cidr_set_fini(&core);
    return rc;
}

int warden_boot(struct roof *r)
{
    r->gw.abuse = abuse_create();
    if (!r->gw.abuse)
        return -ENOMEM;
    r->gw.bans = abuse_bans(r->gw.abuse);
    int rc = warden_apply(r, r->config);
    if (!rc)
        rc = abuse_load(r->gw.abuse, r->gw.store, time(NULL));
    if (rc)
        log_error(&r->log, "boot.bans_unreadable", F_ERRNO(rc));
    return rc;
}

static void on_time(struct worker *w, struct timer *t)
{
    abuse_tend(w);
    timer_set(&w->timers, t, w->now + LOOK_EVERY);
}

void warden_start(struct warden *wd, struct worker *management)
{
    wd->timer.fire = on_time;
    on_time(management, &wd->timer);
}

void warden_stop(struct warden *wd, struct worker *management)
{
    timer_stop(&management->timers, &wd->timer);
}
