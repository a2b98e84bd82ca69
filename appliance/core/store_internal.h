/* store_internal: what the files of the store noun share; nobody else includes it.
 *
 * Floor 1. store.c is the queue and what others call; store_thread.c the batches; store_file.c opens and
 * migrates one file, store_db.c prepares and steps. A struct store_db belongs to the store thread once that
 * runs. */
#pragma once
#include "appliance/core/store.h"
#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>

#define STORE_CACHE   256         /* prepared statements of one file; a power of two */
#define STORE_WAITING 65536       /* operations at most */
#define STORE_BYTES   (64u << 20) /* and their memory */
#define STORE_BATCH   4096        /* operations of one transaction at most */

#define STORE_GATHER_MS 50 /* how long soft writes that nobody waits for may lie in the box */

struct prepared {
    const struct store_stmt *st;
    const char *sql;
    sqlite3_stmt *stmt;
};

struct op;

struct store_db {
    enum store_file which;
    const char *name; /* "hard", "soft" */
    char *path;
    const struct store_schema *schema;
    int64_t version; /* of that schema */
    struct log *log; /* of whoever runs it now */
    sqlite3 *db;     /* NULL when it could not be opened again */
    struct prepared cache[STORE_CACHE];

    /* The batch: posted, not yet committed. While sick it waits here to be tried again. */
    struct op *first, **last;
    bool in_transaction;
    bool sick;
    bool reopen;    /* the connection itself is in doubt */
    int sick_rc;    /* what who asks meanwhile is told */
    uint64_t retry; /* ms */
    unsigned wait;  /* ms until the retry after that */
};

/* 0 or -errno, with a log line. The soft file is made anew when it is damaged. */
int store_db_open(struct store_db *d);
void store_db_close(struct store_db *d);
void store_db_forget(struct store_db *d); /* what was prepared */

/* Runs a statement; rows go to row() if there is one. Gives sqlite's extended result; *changes may be NULL.
 */
int store_db_run(struct store_db *d, const struct op *op, int64_t *changes);
int store_db_exec(struct store_db *d, const char *sql); /* sqlite's result */
int store_db_prove(
    struct store_db *d); /* writes something that changes nothing, to see whether writing works */
bool store_db_reads(struct store_db *d, const struct store_stmt *st); /* the statement changes nothing */

/* -EEXIST constraint, -ENOSPC full, -EIO anything else; 0 for SQLITE_OK, ROW and DONE. */
int store_errno(int sqlite_rc);
/* The file or the machine is to blame, not the statement: worth another try later. */
bool store_is_trouble(int sqlite_rc);

enum op_kind { OP_WRITE, OP_ASK, OP_FLUSH, OP_STOP };

/* A caller that blocks. */
struct op_wait {
    sem_t done;
    int rc;
    int64_t changes;
};

/* One operation: a letter into the store's box, and with a receipt, a letter home. */
struct op {
    struct letter letter; /* first: the box knows nothing else */
    struct op *next;      /* in its file's batch */
    enum op_kind kind;
    const struct store_stmt *st;
    struct op_wait *wait; /* blocking caller, or NULL */
    store_row *row;
    void *row_arg;
    struct worker *home; /* receipt, or NULL */
    store_done *done;
    void *done_arg;
    int rc;
    int64_t changes;
    size_t size; /* in memory */
    unsigned n;
    struct store_value v[]; /* and their bytes behind them */
};

struct store {
    struct inbox box;
    int bell;                      /* eventfd */
    atomic_bool rung, rung_softly; /* something came since the box was taken; only such as may lie */
    atomic_uint waiting;
    atomic_size_t bytes; /* of those */
    struct op *stop;     /* made at the start, for there may be no memory at the end */
    atomic_bool healthy;
    atomic_ullong writes, commits, lost, errors;
    _Atomic(struct gateway *) gateway;
    struct store_db files[STORE_FILES];
    struct log log; /* the thread's own */
    pthread_t thread;
};

void *store_thread(void *store);
