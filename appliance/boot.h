/* boot: from a configuration file to a running gateway, and back.
 *
 * Floor 4, main thread. Order: settings, log, check, store, keys, users, the operator's socket, counters,
 * workers with their doors, drop of privileges. What fails is named with its remedy, and what was started
 * before it is stopped again. */
#pragma once
#include "appliance/control.h"
#include "appliance/core/keyring.h"
#include "appliance/core/trimming.h"
#include "appliance/rotation.h"
#include "appliance/settings.h"
#include "appliance/warden.h"
#include <stdatomic.h>

struct roof {
    struct room_tables tables;
    char config_path[4096];
    const struct config
        *config;    /* newest that was taken over; main until roof_start returns, then management */
    struct log log; /* main thread's */
    struct gateway gw;
    struct keyring keyring; /* newest; main until roof_start returns, then management */
    struct rotation rotation;
    struct warden warden;
    struct trimming trimming;
    char control_path[108];  /* of the socket, once it is there: UNIX_PATH_MAX */
    int control_fd;          /* until the management worker takes it */
    struct control *control; /* management worker's */
    unsigned n_started;      /* workers whose thread runs */
    atomic_bool reload_due;  /* by a signal, and not begun yet */
};

/* Takes level, format and rate limit from the section `log`. */
void roof_set_log(struct log *log, const struct config *c);

/* Prints problems to stderr as "file:line: error: text". NULL when any is an error. */
struct config *roof_read_config(const struct room_tables *tables, const char *path);

/* 0 or -errno; on failure everything is stopped again and the reason was logged. */
int roof_start(struct roof *r, const char *config_path);
void roof_stop(struct roof *r);

/* reload.c: reads the file again and hands it to every worker. Problems, or the list of changes, go to `out`.
 * On the management worker. 0, or -EINVAL with nothing changed. */
int roof_reload(struct roof *r, struct worker *management, struct buf *out);
