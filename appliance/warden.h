/* warden: gives abuse its limits and the networks that are never banned, and looks after it now and then.
 *
 * Floor 4: the networks stand in the settings of several rooms (abuse.exempt, door.proxy_trusted, the
 * core's), and only the roof sees them all. Main thread until roof_start returns, then management. */
#pragma once
#include "appliance/core/worker.h"

struct roof;
struct config;

struct warden {
    struct timer timer;
};

/* Boot: makes gw->abuse and loads its bans; 0 or -errno. */
int warden_boot(struct roof *r);
/* The limits of that configuration count from now on. 0 or -ENOMEM with nothing changed. */
int warden_apply(struct roof *r, const struct config *c);
void warden_start(struct warden *wd, struct worker *management);
void warden_stop(struct warden *wd, struct worker *management);
