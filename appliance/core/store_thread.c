#include "appliance/core/clock.h"
#include "appliance/core/store_internal.h"
#include "appliance/core/worker.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Group commit: BEGIN at the first write of a batch, COMMIT when the box has been emptied. When the file or
 * the disk fails, the batch is rolled back. Who waits for an answer gets the error at once; the other writes
 * stay in the batch, in order, and are tried again, later and later. */
#define RETRY_FIRST_MS 100
#define RETRY_LAST_MS  10000

/* Answering. An operation ends in exactly one of these ways. */

/* What goes into the hard file are keys. */
static void op_free(struct op *op)
{
    if (op->st && op->st->file == STORE_HARD)
        explicit_bzero(op, op->size);
    free(op);
}

static void open_receipt(struct worker *w, struct letter *l)
{
    struct op *op = (struct op *)l;
    if (!w->ended)
        op->done(w, op->done_arg, op->rc, op->changes);
    op_free(op);
}

static struct worker *home_of(struct store *s, const struct op *op)
{
    if (op->home)
        return op->home;
    struct gateway *gw = atomic_load(&s->gateway);
    return gw ? gw->workers[gw->n_workers] : NULL;
}

static void answer(struct store *s, struct op *op, int rc)
{
    atomic_fetch_sub(&s->waiting, 1);
    atomic_fetch_sub(&s->bytes, op->size);
    op->rc = rc;
    struct worker *home = op->done ? home_of(s, op) : NULL;
    if (home) {
        op->letter.open = open_receipt;
        worker_post(home, &op->letter);
        return;
    }
    if (op->wait) {
        op->wait->rc = rc;
        op->wait->changes = op->changes;
        sem_post(&op->wait->done);
    }
    op_free(op);
}

static void lose(struct store *s, struct op *op, int rc)
{
    atomic_fetch_add(&s->lost, 1);
    answer(s, op, rc);
}

/* The batch of one file. */

static void batch_add(struct store_db *d, struct op *op)
{
    op->next = NULL;
    *d->last = op;
    d->last = &op->next;
}

static struct op *batch_take(struct store_db *d)
{
    struct op *all = d->first;
    d->first = NULL;
    d->last = &d->first;
    return all;
}

static bool someone_waits(const struct op *op)
{
    return op->done || op->wait;
}

static void tell_health(struct store *s)
{
    bool healthy = true;
    for (int f = 0; f < STORE_FILES; f++)
        healthy = healthy && !s->files[f].sick;
    atomic_store(&s->healthy, healthy);
}

/* Who waits is told now: a phone's REGISTER must not hang for as long as a disk is full. */
static void drop_the_waiting(struct store *s, struct store_db *d)
{
    struct op *next;
    for (struct op *op = batch_take(d); op; op = next) {
        next = op->next;
        if (someone_waits(op))
            lose(s, op, d->sick_rc);
        else
            batch_add(d, op);
    }
}

static void fall_sick(struct store *s, struct store_db *d, int rc)
{
    log_at(&s->log, d->wait ? LOG_DEBUG : LOG_ERROR, "store.trouble", F_STR("file", d->path),
           F_STR("why", d->db ? sqlite3_errmsg(d->db) : sqlite3_errstr(rc)),
           F_STR("hint", "calls and relays go on; what changes is kept until it can be written, see "
                         "sallyportctl status"));
    if (d->db && !sqlite3_get_autocommit(d->db))
        store_db_exec(d, "ROLLBACK");
    atomic_fetch_add(&s->errors, 1);
    d->in_transaction = false;
    d->wait = d->wait ? d->wait * 2 : RETRY_FIRST_MS;
    d->wait = d->wait > RETRY_LAST_MS ? RETRY_LAST_MS : d->wait;
    d->retry = clock_ms() + d->wait;
    d->sick = true;
    d->sick_rc = store_errno(rc);
    d->reopen = (rc & 0xff) != SQLITE_FULL && (rc & 0xff) != SQLITE_BUSY && (rc & 0xff) != SQLITE_NOMEM;
    drop_the_waiting(s, d);
    tell_health(s);
}

static int begin(struct store_db *d)
{
    if (d->in_transaction)
        return SQLITE_OK;
    int rc = store_db_exec(d, "BEGIN IMMEDIATE");
    d->in_transaction = rc == SQLITE_OK;
    return rc;
}

/* False when the file is in trouble. A statement that fails by itself harms only itself: sqlite undoes it and
 * the transaction goes on. */
static bool run_write(struct store *s, struct store_db *d, struct op *op)
{
    int rc = begin(d);
    if (rc == SQLITE_OK)
        rc = store_db_run(d, op, &op->changes);
    op->rc = store_errno(rc);
    if (op->rc == 0)
        return true;
    if (store_is_trouble(rc)) {
        fall_sick(s, d, rc);
        return false;
    }
    atomic_fetch_add(&s->errors, 1);
    log_warn(&s->log, "store.refused", F_STR("sql", op->st->sql), F_STR("why", sqlite3_errmsg(d->db)));
    return true;
}

static void answer_batch(struct store *s, struct store_db *d)
{
    struct op *next;
    for (struct op *op = batch_take(d); op; op = next) {
        next = op->next;
        if (op->rc == 0)
            atomic_fetch_add(&s->writes, 1);
        answer(s, op, op->rc);
    }
}

static void commit(struct store *s, struct store_db *d)
{
    if (d->sick || !d->in_transaction)
        return;
    int rc = store_db_exec(d, "COMMIT");
    if (rc != SQLITE_OK) {
        fall_sick(s, d, rc);
        return;
    }
    d->in_transaction = false;
    atomic_fetch_add(&s->commits, 1);
    answer_batch(s, d);
}

static bool run_batch(struct store *s, struct store_db *d)
{
    for (struct op *op = d->first; op; op = op->next)
        if (!run_write(s, d, op))
            return false;
    return true;
}

static bool open_again(struct store_db *d)
{
    if (!d->reopen && d->db)
        return true;
    store_db_close(d);
    return store_db_open(d) == 0;
}

static void try_again(struct store *s, struct store_db *d)
{
    if (!open_again(d)) {
        fall_sick(s, d, SQLITE_CANTOPEN);
        return;
    }
    int rc = begin(d);
    if (rc == SQLITE_OK)
        rc = store_db_prove(d); /* the batch may be empty, which would prove nothing */
    if (rc != SQLITE_OK) {
        fall_sick(s, d, rc);
        return;
    }
    if (!run_batch(s, d))
        return;
    d->sick = false;
    commit(s, d);
    if (d->sick)
        return;
    d->wait = 0;
    tell_health(s);
    log_info(&s->log, "store.well_again", F_STR("file", d->path));
}

/* Operations. */

static void do_write(struct store *s, struct op *op)
{
    struct store_db *d = &s->files[op->st->file];
    if (d->sick && someone_waits(op)) {
        lose(s, op, d->sick_rc);
        return;
    }
    batch_add(d, op);
    if (!d->sick)
        run_write(s, d, op);
}

/* Reading goes on while writing fails, and sees what the open transaction wrote. */
static void do_ask(struct store *s, struct op *op)
{
    struct store_db *d = &s->files[op->st->file];
    if (!d->db || !store_db_reads(d, op->st)) {
        do_write(s, op);
        return;
    }
    int rc = store_db_run(d, op, &op->changes);
    answer(s, op, store_errno(rc));
    if (store_is_trouble(rc) && !d->sick)
        fall_sick(s, d, rc);
}

static void settle(struct store *s, bool hurry)
{
    uint64_t now = clock_ms();
    for (int f = 0; f < STORE_FILES; f++) {
        struct store_db *d = &s->files[f];
        commit(s, d);
        if (d->sick && (hurry || now >= d->retry))
            try_again(s, d);
    }
}

/* True for the last one. */
static bool do_op(struct store *s, struct op *op)
{
    switch (op->kind) {
    case OP_WRITE:
        do_write(s, op);
        return false;
    case OP_ASK:
        do_ask(s, op);
        return false;
    case OP_FLUSH:
        settle(s, true);
        answer(s, op, 0);
        return false;
    default:
        answer(s, op, 0);
        return true;
    }
}

static bool take_box(struct store *s)
{
    bool last = false;
    unsigned n = 0;
    struct letter *next;
    for (struct letter *l = inbox_take(&s->box); l; l = next) {
        next = l->next;
        last = do_op(s, (struct op *)l) || last;
        if (++n % STORE_BATCH == 0)
            settle(s, false);
    }
    return last;
}

static int sleep_ms(const struct store *s)
{
    uint64_t now = clock_ms(), until = UINT64_MAX;
    for (int f = 0; f < STORE_FILES; f++)
        if (s->files[f].sick && s->files[f].retry < until)
            until = s->files[f].retry;
    if (until == UINT64_MAX)
        return -1;
    return until <= now ? 0 : (int)(until - now);
}

static void hear_bell(struct store *s, int ms)
{
    struct pollfd p = {.fd = s->bell, .events = POLLIN};
    uint64_t rings;
    if (poll(&p, 1, ms) > 0 && read(s->bell, &rings, sizeof rings) < 0 && errno != EAGAIN)
        log_error(&s->log, "store.bell", F_ERRNO(errno));
}

/* The marks are wiped before the box is taken: what comes in between rings once too often, never too seldom.
 */
static void wait_for_bell(struct store *s)
{
    hear_bell(s, sleep_ms(s));
    if (!atomic_load(&s->rung) && atomic_load(&s->rung_softly))
        hear_bell(s, STORE_GATHER_MS);
    atomic_store(&s->rung, false);
    atomic_store(&s->rung_softly, false);
}

static void give_up(struct store *s)
{
    struct op *next;
    for (int f = 0; f < STORE_FILES; f++) {
        for (struct op *op = batch_take(&s->files[f]); op; op = next) {
            next = op->next;
            lose(s, op, s->files[f].sick_rc);
        }
    }
    uint64_t lost = atomic_load(&s->lost);
    if (lost)
        log_error(&s->log, "store.lost", F_UINT("writes", lost));
}

void *store_thread(void *store)
{
    struct store *s = store;
    bool last = false;
    while (!last) {
        wait_for_bell(s);
        last = take_box(s);
        settle(s, last);
    }
    give_up(s);
    return NULL;
}
