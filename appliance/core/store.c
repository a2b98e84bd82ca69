#include "appliance/core/store.h"
#include "appliance/core/store_internal.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const file_names[STORE_FILES] = {[STORE_HARD] = "hard", [STORE_SOFT] = "soft"};

/* Posting. */

static size_t values_bytes(const struct store_value *v, unsigned n)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < n; i++)
        bytes += v[i].b.n;
    return bytes;
}

static void copy_values(struct op *op, const struct store_value *v, unsigned n)
{
    uint8_t *at = (uint8_t *)(op->v + n);
    op->n = n;
    for (unsigned i = 0; i < n; i++) {
        op->v[i] = v[i];
        if (v[i].b.n == 0)
            continue;
        op->v[i].b.p = memcpy(at, v[i].b.p, v[i].b.n);
        at += v[i].b.n;
    }
}

static struct op *op_create(enum op_kind kind, const struct store_stmt *st, const struct store_value *v,
                            unsigned n)
{
    size_t size = sizeof(struct op) + n * sizeof *v + values_bytes(v, n);
    struct op *op = malloc(size);
    if (!op)
        return NULL;
    *op = (struct op){.kind = kind, .st = st, .size = size};
    copy_values(op, v, n);
    return op;
}

/* Soft state that nobody waits for may lie for STORE_GATHER_MS, so that a busy relay costs a commit now and
 * then rather than one for each allocation. The first of its kind rings, the rest are found. */
static bool may_lie(const struct op *op)
{
    return op->kind == OP_WRITE && op->st->file == STORE_SOFT && !op->done && !op->wait;
}

static void post(struct store *s, struct op *op)
{
    const uint64_t ring = 1;
    atomic_bool *rung = may_lie(op) ? &s->rung_softly : &s->rung;
    atomic_fetch_add(&s->waiting, 1);
    atomic_fetch_add(&s->bytes, op->size);
    inbox_put(&s->box, &op->letter);
    if (atomic_exchange(rung, true))
        return;
    while (write(s->bell, &ring, sizeof ring) < 0 && errno == EINTR)
        ;
}

static bool is_full(const struct store *s)
{
    return atomic_load_explicit(&s->waiting, memory_order_relaxed) >= STORE_WAITING ||
           atomic_load_explicit(&s->bytes, memory_order_relaxed) >= STORE_BYTES;
}

static int post_or_lose(struct store *s, struct op *op)
{
    if (op && !is_full(s)) {
        post(s, op);
        return 0;
    }
    atomic_fetch_add(&s->lost, 1);
    int rc = op ? -ENOBUFS : -ENOMEM;
    free(op);
    return rc;
}

int store_exec(struct store *s, const struct store_stmt *st, const struct store_value *v, unsigned n)
{
    return post_or_lose(s, op_create(OP_WRITE, st, v, n));
}

int store_exec_then(struct store *s, const struct store_stmt *st, const struct store_value *v, unsigned n,
                    struct worker *home, store_done *done, void *arg)
{
    struct op *op = op_create(OP_WRITE, st, v, n);
    if (op) {
        op->home = home;
        op->done = done;
        op->done_arg = arg;
    }
    return post_or_lose(s, op);
}

/* Waiting. A caller that blocks is one operation at most, so it is let in even where the box is full. */

static int post_and_wait(struct store *s, struct op *op, int64_t *changes)
{
    struct op_wait wait = {.rc = 0};
    if (!op)
        return -ENOMEM;
    sem_init(&wait.done, 0, 0);
    op->wait = &wait;
    post(s, op);
    while (sem_wait(&wait.done) < 0 && errno == EINTR)
        ;
    sem_destroy(&wait.done);
    if (changes)
        *changes = wait.changes;
    return wait.rc;
}

int store_query(struct store *s, const struct store_stmt *st, const struct store_value *v, unsigned n,
                store_row *row, void *arg)
{
    struct op *op = op_create(OP_ASK, st, v, n);
    if (op) {
        op->row = row;
        op->row_arg = arg;
    }
    return post_and_wait(s, op, NULL);
}

int store_exec_now(struct store *s, const struct store_stmt *st, const struct store_value *v, unsigned n,
                   int64_t *changes)
{
    return post_and_wait(s, op_create(OP_WRITE, st, v, n), changes);
}

void store_flush(struct store *s)
{
    post_and_wait(s, op_create(OP_FLUSH, NULL, NULL, 0), NULL);
}

/* Numbers. */

bool store_healthy(const struct store *s)
{
    return atomic_load(&s->healthy);
}

struct store_numbers store_numbers(const struct store *s)
{
    return (struct store_numbers){
        .writes = atomic_load(&s->writes),
        .commits = atomic_load(&s->commits),
        .lost = atomic_load(&s->lost),
        .errors = atomic_load(&s->errors),
        .waiting = atomic_load(&s->waiting),
    };
}

void store_set_gateway(struct store *s, struct gateway *gw)
{
    atomic_store(&s->gateway, gw);
}

/* Opening and closing. */

static int make_folder(const char *dir, struct log *log)
{
    struct stat is;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return -errno;
    if (stat(dir, &is) < 0)
        return -errno;
    if (!S_ISDIR(is.st_mode))
        return -ENOTDIR;
    if (is.st_mode & 077)
        log_warn(log, "store.folder_is_open_to_others", F_STR("folder", dir));
    return 0;
}

static int open_file(struct store *s, enum store_file f, const char *dir, const struct store_schema *schema)
{
    struct store_db *d = &s->files[f];
    d->which = f;
    d->name = file_names[f];
    d->schema = schema;
    d->log = &s->log;
    if (asprintf(&d->path, "%s/%s.db", dir, d->name) < 0) {
        d->path = NULL;
        return -ENOMEM;
    }
    return store_db_open(d);
}

static int open_files(struct store *s, const char *dir, const struct store_schema *schemas)
{
    int rc = make_folder(dir, &s->log);
    for (int f = 0; rc == 0 && f < STORE_FILES; f++)
        rc = open_file(s, (enum store_file)f, dir, &schemas[f]);
    return rc;
}

/* Signals are the main thread's business. */
static int start_thread(struct store *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&s->thread, NULL, store_thread, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_setname_np(s->thread, "store");
    return -rc;
}

static void store_free(struct store *s)
{
    for (int f = 0; f < STORE_FILES; f++) {
        store_db_close(&s->files[f]);
        free(s->files[f].path);
    }
    if (s->bell >= 0)
        close(s->bell);
    free(s->stop);
    free(s);
}

static struct store *store_new(const struct log *log)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    inbox_init(&s->box);
    atomic_init(&s->healthy, true);
    s->log = *log; /* a log belongs to one thread */
    s->log.thread = "store";
    for (int f = 0; f < STORE_FILES; f++)
        s->files[f].last = &s->files[f].first;
    s->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->stop = op_create(OP_STOP, NULL, NULL, 0);
    return s;
}

struct store *store_open(const char *dir, const struct store_schema schemas[STORE_FILES], struct log *log)
{
    struct store *s = store_new(log);
    int rc = s && s->bell >= 0 && s->stop ? open_files(s, dir, schemas) : -ENOMEM;
    if (rc == 0)
        rc = start_thread(s);
    if (rc == 0)
        return s;
    log_error(log, "store.not_opened", F_STR("folder", dir), F_ERRNO(rc));
    if (s)
        store_free(s);
    return NULL;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    post(s, s->stop);
    s->stop = NULL; /* the thread frees it */
    pthread_join(s->thread, NULL);
    store_free(s);
}
