/* store: the one thread that talks to sqlite.
 *
 * Floor 1. Workers post writes and forget them, or ask for a receipt; the store thread takes what has come,
 * wraps it in one transaction (group commit) and sends the receipts home as letters. Two files: "hard"
 * (users, keys, configuration history, audit) and "soft" (bindings, flows, allocations). Soft writes that
 * nobody waits for are gathered for a moment (50 ms) first; whoever asks or waits sees them all the same.
 * WAL, synchronous=FULL, STRICT tables, user_version migrations with a backup first, a newer schema is
 * refused. A full disk or a damaged file degrades: store_healthy() says no, traffic goes on. Who waits for an
 * answer gets the error at once (counted as lost); other writes are kept in order, up to a bound, and tried
 * again with back-off. Any thread may post. */
#pragma once
#include "appliance/base/bytes.h"
#include "appliance/base/log.h"
#include "appliance/core/letter.h"
#include <stdbool.h>
#include <stdint.h>

struct gateway;
struct worker;
struct store;

enum store_file { STORE_HARD, STORE_SOFT, STORE_FILES };

/* A statement of some room: const, prepared once by the store thread at first use. */
struct store_stmt {
    enum store_file file;
    const char *sql; /* ?1, ?2, ...; both live as long as the store */
};

enum store_kind { STORE_NULL, STORE_INT, STORE_TEXT, STORE_BLOB };
struct store_value {
    enum store_kind kind;
    int64_t i;
    struct bytes b;
};
#define V_NULL    ((struct store_value){STORE_NULL, 0, BYTES_NONE})
#define V_INT(v)  ((struct store_value){STORE_INT, (v), BYTES_NONE})
#define V_TEXT(v) ((struct store_value){STORE_TEXT, 0, (v)})
#define V_BLOB(v) ((struct store_value){STORE_BLOB, 0, (v)})

/* The schema: versions in order; entry i brings user_version i to i+1. */
struct store_schema {
    const char *const *migrations; /* NULL-terminated SQL scripts */
};

/* Opens (and makes, 0700/0600) both files in dir, migrates, starts the thread. NULL with a log line that says
 * why: unreadable folder, newer schema. A damaged soft file is set aside and made anew; a damaged hard file
 * is an error, for it holds users. */
struct store *store_open(const char *dir, const struct store_schema schemas[STORE_FILES], struct log *log);
void store_close(struct store *s); /* commits what was posted, joins, closes. NULL is fine */
void store_set_gateway(struct store *s, struct gateway *gw); /* where receipts go; before the first receipt */

/* Values are copied. 0, or -ENOMEM / -ENOBUFS (too much is waiting): counted as lost, traffic goes on. */
int store_exec(struct store *s, const struct store_stmt *st, const struct store_value *v, unsigned n);

/* The same, with a receipt (home NULL: to the management worker of the gateway): done(w, arg, rc, changes) on
 * worker `home` after the commit; rc 0 or -EIO/-ENOSPC/-EEXIST (constraint). */
typedef void store_done(struct worker *w, void *arg, int rc, int64_t changes);
int store_exec_then(struct store *s, const struct store_stmt *st, const struct store_value *v, unsigned n,
                    struct worker *home, store_done *done, void *arg);

/* These block until the store thread is done: for boot, tests and the command line only, never on a worker
 * that carries traffic. row() gets the columns of each row (32 at most), on the store thread while the caller
 * waits, so it may post but not call anything that blocks; returning false stops. 0 or -errno; *changes may
 * be NULL. */
typedef bool store_row(void *arg, const struct store_value *columns, unsigned n);
int store_query(struct store *s, const struct store_stmt *st, const struct store_value *v, unsigned n,
                store_row *row, void *arg);
int store_exec_now(struct store *s, const struct store_stmt *st, const struct store_value *v, unsigned n,
                   int64_t *changes);
/* Blocks until all that was posted before is committed or was tried: while a file is in trouble its writes
 * are kept and tried again, here at once. Not on a traffic worker. */
void store_flush(struct store *s);

bool store_healthy(const struct store *s); /* any thread, no wait */
struct store_numbers {
    uint64_t writes, commits, lost, errors, waiting;
};
struct store_numbers store_numbers(const struct store *s); /* any thread */
