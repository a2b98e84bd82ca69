#include "appliance/boot.h"
#include "appliance/core/abuse.h"
#include "appliance/core/directory.h"
#include "appliance/core/schema.h"
#include "appliance/privilege.h"
#include "modules/modules.h"
#include "mux/door.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct config *roof_read_config(const struct room_tables *tables, const char *path)
{
    struct config_problem *problems = NULL;
    struct config *c = config_load(path, tables->settings, &problems);
    struct buf out;
    buf_init(&out);
    config_problems_write(problems, &out);
    fprintf(stderr, "%.*s", BYTES_FMT(buf_bytes(&out)));
    buf_fini(&out);
    config_problems_free(problems);
    return c;
}

void roof_set_log(struct log *log, const struct config *c)
{
    const struct log_config *lc = config_of(c, &log_settings);
    log->level = (enum log_level)lc->level;
    log->format = (enum log_format)lc->format;
    log->burst = (unsigned)lc->burst;
}

static int check_door(struct roof *r)
{
    struct buf out;
    buf_init(&out);
    int rc = door_check(r->config, sallyport_modules, &out);
    if (rc)
        log_lines(&r->log, LOG_ERROR, "boot.config_refused", "problem", buf_bytes(&out));
    buf_fini(&out);
    return rc;
}

static int open_state(struct roof *r)
{
    const struct store_config *sc = config_of(r->config, &store_settings);
    r->gw.store = store_open(sc->path, store_schemas, &r->log);
    if (!r->gw.store)
        return -EIO; /* store_open has said why */
    int rc = keyring_load(&r->keyring, r->gw.store, time(NULL), sc->key_rotation / 1000);
    if (rc) {
        log_error(&r->log, "boot.keys_unreadable", F_STR("path", sc->path), F_ERRNO(rc));
        return rc;
    }
    r->gw.directory = directory_create();
    if (!r->gw.directory)
        return -ENOMEM;
    rc = directory_load(r->gw.directory, r->gw.store);
    if (rc < 0) {
        log_error(&r->log, "boot.users_unreadable", F_STR("path", sc->path), F_ERRNO(rc));
        return rc;
    }
    log_info(&r->log, "boot.users_loaded", F_INT("count", rc));
    return 0;
}

static int begin_worker(struct worker *w)
{
    struct roof *r = w->gw->roof;
    if (!w->management)
        return door_start(w, sallyport_modules);
    r->control = control_create(w, r, r->control_fd);
    r->control_fd = -1; /* it owns the socket, or has closed it */
    rotation_start(&r->rotation, r, w);
    warden_start(&r->warden, w);
    trimming_start(&r->trimming, w);
    return r->control ? 0 : -ENOMEM;
}

static void end_worker(struct worker *w)
{
    struct roof *r = w->gw->roof;
    if (!w->management) {
        door_stop(w);
        return;
    }
    trimming_stop(&r->trimming);
    rotation_stop(&r->rotation);
    warden_stop(&r->warden, w);
    control_destroy(r->control);
    r->control = NULL;
}

static struct worker *make_worker(struct roof *r, uint16_t id)
{
    struct worker *w = worker_create(&r->gw, id);
    if (!w)
        return NULL;
    roof_set_log(&w->log, r->config);
    w->config = config_hold(r->config);
    w->keyring = keyring_copy(&r->keyring);
    w->tokens = keyring_tokens(&r->keyring);
    return w->keyring && w->tokens ? w : NULL; /* roof_stop frees what is there */
}

static int make_workers(struct roof *r)
{
    for (unsigned id = 0; id <= r->gw.n_workers; id++)
        if (!make_worker(r, (uint16_t)id))
            return -ENOMEM;
    return 0;
}

static int start_worker(struct roof *r, unsigned id)
{
    int rc = worker_start(r->gw.workers[id], begin_worker, end_worker);
    if (rc)
        log_error(&r->log, "boot.worker_failed", F_UINT("worker", id), F_ERRNO(rc));
    else
        r->n_started = id + 1u;
    return rc;
}

/* All workers exist before the first one runs: a letter may go to any. Management runs last, when all else is
 * done: from then on the configuration is its own to replace. */
static int start_workers(struct roof *r)
{
    const struct process_config *pc = config_of(r->config, &process_settings);
    int rc = make_workers(r);
    for (unsigned id = 0; !rc && id < r->gw.n_workers; id++)
        rc = start_worker(r, id);
    if (!rc)
        rc = privilege_drop(pc->user, &r->log); /* ports and keys are open */
    return rc ? rc : start_worker(r, r->gw.n_workers);
}

static unsigned worker_count(const struct config *c)
{
    const struct process_config *pc = config_of(c, &process_settings);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long n = pc->threads ? (long)pc->threads : cores;
    return n < 1 ? 1 : n > WORKER_MAX ? WORKER_MAX : (unsigned)n;
}

static int listen_for_operator(struct roof *r)
{
    const struct control_config *cc = config_of(r->config, &control_settings);
    int fd = control_listen(cc->socket, &r->log);
    if (fd < 0)
        return fd;
    r->control_fd = fd;
    snprintf(r->control_path, sizeof r->control_path, "%s", cc->socket);
    return 0;
}

static int fill_gateway(struct roof *r)
{
    const struct process_config *pc = config_of(r->config, &process_settings);
    r->gw.node = (uint32_t)pc->node;
    r->gw.started = time(NULL);
    r->gw.n_workers = worker_count(r->config);
    r->gw.roof = r;
    r->gw.stats = stats_create(r->tables.stats, r->gw.n_workers + 1);
    if (!r->gw.stats)
        return -ENOMEM;
    store_set_gateway(r->gw.store, &r->gw);
    return 0;
}

static int give_files(struct roof *r)
{
    const struct process_config *pc = config_of(r->config, &process_settings);
    const struct store_config *sc = config_of(r->config, &store_settings);
    return privilege_give_files(pc->user, sc->path, r->control_path, &r->log);
}

/* A connection is a descriptor. The soft limit is 1024 by custom, for programs that use select(2): one
 * address alone may hold that many connections (door.connections_per_address). */
static int raise_file_limit(struct roof *r)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == files.rlim_max)
        return 0;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files))
        log_warn(&r->log, "boot.files_not_raised", F_ERRNO(errno)); /* the door says whether it matters */
    return 0;
}

static int start_all(struct roof *r)
{
    static int (*const steps[])(struct roof *) = {raise_file_limit,    check_door,   open_state,
                                                  listen_for_operator, fill_gateway, warden_boot,
                                                  give_files,          start_workers};
    int rc = 0;
    for (size_t i = 0; !rc && i < sizeof steps / sizeof steps[0]; i++)
        rc = steps[i](r);
    return rc;
}

int roof_start(struct roof *r, const char *config_path)
{
    memset(r, 0, sizeof *r);
    r->control_fd = -1;
    room_tables_fill(&r->tables);
    snprintf(r->config_path, sizeof r->config_path, "%s", config_path);
    r->config = roof_read_config(&r->tables, config_path);
    if (!r->config)
        return -EINVAL;
    log_init(&r->log, STDERR_FILENO, LOG_INFO, LOG_TEXT, "main");
    roof_set_log(&r->log, r->config);
    int rc = start_all(r);
    if (rc) {
        log_error(&r->log, "boot.failed", F_STR("config", config_path), F_ERRNO(rc));
        roof_stop(r);
        return rc;
    }
    log_info(&r->log, "boot.ready", F_STR("version", SALLYPORT_VERSION), F_UINT("workers", r->gw.n_workers),
             F_INT("pid", getpid()));
    return 0;
}

void roof_stop(struct roof *r)
{
    /* Management first: no question reaches workers that are ending. Then the others, then what they used. */
    for (unsigned i = r->n_started; i-- > 0;)
        worker_stop(r->gw.workers[i]);
    r->n_started = 0;
    if (r->control_fd >= 0)
        close(r->control_fd);
    if (r->control_path[0])
        unlink(r->control_path);
    store_close(r->gw.store); /* its last receipts go to workers that have ended: they free themselves */
    for (unsigned i = 0; i <= WORKER_MAX; i++)
        worker_destroy(r->gw.workers[i]);
    directory_destroy(r->gw.directory);
    abuse_destroy(r->gw.abuse);
    stats_destroy(r->gw.stats);
    keyring_wipe(&r->keyring);
    if (r->config)
        log_info(&r->log, "boot.stopped");
    config_drop(r->config);
    r->config = NULL;
}
