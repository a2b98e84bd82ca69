#include "appliance/core/store_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 2000 /* another process reads the file: a backup, the operator's sqlite3 */

int store_errno(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_CONSTRAINT:
        return -EEXIST;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    default:
        return -EIO;
    }
}

bool store_is_trouble(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_NOMEM:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_PERM:
        return true;
    default:
        return false;
    }
}

static bool is_damage(int rc)
{
    return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

int store_db_exec(struct store_db *d, const char *sql)
{
    return sqlite3_exec(d->db, sql, NULL, NULL, NULL);
}

/* The statement cache. */

static struct prepared *cache_row(struct store_db *d, const struct store_stmt *st)
{
    size_t at = (size_t)((uintptr_t)st / sizeof *st * 0x9e3779b97f4a7c15u >> 32);
    for (size_t i = 0; i < 8; i++) {
        struct prepared *p = &d->cache[(at + i) % STORE_CACHE];
        if (!p->st || p->st == st)
            return p;
    }
    return &d->cache[at % STORE_CACHE]; /* crowded: one of them is prepared again */
}

static int prepare(struct store_db *d, const struct store_stmt *st, sqlite3_stmt **out)
{
    struct prepared *p = cache_row(d, st);
    if (p->st == st && p->sql == st->sql) {
        *out = p->stmt;
        return SQLITE_OK;
    }
    sqlite3_finalize(p->stmt);
    *p = (struct prepared){0};
    int rc = sqlite3_prepare_v3(d->db, st->sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    if (rc != SQLITE_OK)
        return rc;
    *p = (struct prepared){st, st->sql, *out};
    return SQLITE_OK;
}

static void forget_prepared(struct store_db *d)
{
    for (size_t i = 0; i < STORE_CACHE; i++)
        sqlite3_finalize(d->cache[i].stmt);
    memset(d->cache, 0, sizeof d->cache);
}

int store_db_prove(struct store_db *d)
{
    char same[48];
    snprintf(same, sizeof same, "PRAGMA user_version=%" PRId64, d->version);
    return store_db_exec(d, same);
}

bool store_db_reads(struct store_db *d, const struct store_stmt *st)
{
    sqlite3_stmt *s = NULL;
    return prepare(d, st, &s) == SQLITE_OK && s && sqlite3_stmt_readonly(s);
}

/* Running one. */

/* sqlite takes a NULL pointer for the value NULL, also where the length is 0. */
static int bind_value(sqlite3_stmt *s, int at, const struct store_value *v)
{
    const char *p = v->b.p ? (const char *)v->b.p : "";
    switch (v->kind) {
    case STORE_INT:
        return sqlite3_bind_int64(s, at, v->i);
    case STORE_TEXT:
        return sqlite3_bind_text64(s, at, p, v->b.n, SQLITE_STATIC, SQLITE_UTF8);
    case STORE_BLOB:
        return sqlite3_bind_blob64(s, at, p, v->b.n, SQLITE_STATIC);
    default:
        return sqlite3_bind_null(s, at);
    }
}

static int bind_all(sqlite3_stmt *s, const struct op *op)
{
    int rc = SQLITE_OK;
    for (unsigned i = 0; rc == SQLITE_OK && i < op->n; i++)
        rc = bind_value(s, (int)i + 1, &op->v[i]);
    return rc;
}

#define COLUMNS_MAX 32

static struct store_value column(sqlite3_stmt *s, int at)
{
    int type = sqlite3_column_type(s, at);
    if (type == SQLITE_NULL)
        return V_NULL;
    if (type == SQLITE_INTEGER)
        return V_INT(sqlite3_column_int64(s, at));
    const void *p = type == SQLITE_BLOB ? sqlite3_column_blob(s, at) : sqlite3_column_text(s, at);
    struct bytes b = bytes_of(p, (size_t)sqlite3_column_bytes(s, at));
    return type == SQLITE_BLOB ? V_BLOB(b) : V_TEXT(b);
}

static bool give_row(sqlite3_stmt *s, const struct op *op)
{
    struct store_value values[COLUMNS_MAX];
    int n = sqlite3_column_count(s);
    n = n < COLUMNS_MAX ? n : COLUMNS_MAX;
    for (int i = 0; i < n; i++)
        values[i] = column(s, i);
    return op->row(op->row_arg, values, (unsigned)n);
}

static int step_all(sqlite3_stmt *s, const struct op *op)
{
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW)
        if (op->row && !give_row(s, op))
            return SQLITE_DONE;
    return rc;
}

int store_db_run(struct store_db *d, const struct op *op, int64_t *changes)
{
    sqlite3_stmt *s = NULL;
    int rc = prepare(d, op->st, &s);
    if (rc == SQLITE_OK)
        rc = bind_all(s, op);
    if (rc == SQLITE_OK)
        rc = step_all(s, op);
    if (changes)
        *changes = rc == SQLITE_DONE ? sqlite3_changes64(d->db) : 0;
    if (s) {
        sqlite3_reset(s);
        sqlite3_clear_bindings(s); /* the values are the operation's and go with it */
    }
    return rc;
}

/* Opening. */

static void log_sqlite(struct store_db *d, const char *event, int rc)
{
    const char *text = d->db ? sqlite3_errmsg(d->db) : sqlite3_errstr(rc);
    log_error(d->log, event, F_STR("file", d->path), F_STR("why", text));
}

/* sqlite would make it for all to read; and it gives -wal and -shm the mode of the file itself. */
static int make_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int rc = fchmod(fd, 0600) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

static int read_one(sqlite3 *db, const char *sql, int64_t *number, char *text, size_t cap)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (number)
            *number = sqlite3_column_int64(s, 0);
        if (text)
            snprintf(text, cap, "%s",
                     sqlite3_column_text(s, 0) ? (const char *)sqlite3_column_text(s, 0) : "");
        rc = SQLITE_OK;
    }
    sqlite3_finalize(s);
    return rc;
}

static int check_whole(struct store_db *d)
{
    char verdict[80] = "";
    int rc = read_one(d->db, "PRAGMA quick_check(1)", NULL, verdict, sizeof verdict);
    if (rc != SQLITE_OK)
        return rc;
    return strcmp(verdict, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
}

/* WAL with FULL: what was receipted survives a power cut, and a commit costs one fsync. */
static int configure(struct store_db *d)
{
    char mode[16] = "";
    sqlite3_extended_result_codes(d->db, 1);
    sqlite3_busy_timeout(d->db, BUSY_MS);
    sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    int rc = read_one(d->db, "PRAGMA journal_mode=WAL", NULL, mode, sizeof mode);
    if (rc == SQLITE_OK && strcmp(mode, "wal") != 0)
        rc = SQLITE_CANTOPEN;
    if (rc == SQLITE_OK)
        rc = store_db_exec(d, "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"
                              "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=16777216;"
                              "PRAGMA cell_size_check=ON;");
    /* Keys that were replaced or removed are overwritten, not only forgotten. */
    if (rc == SQLITE_OK && d->which == STORE_HARD)
        rc = store_db_exec(d, "PRAGMA secure_delete=ON");
    return rc == SQLITE_OK ? check_whole(d) : rc;
}

static int copy_into(sqlite3 *from, const char *path)
{
    sqlite3 *to = NULL;
    int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    sqlite3_backup *b = rc == SQLITE_OK ? sqlite3_backup_init(to, "main", from, "main") : NULL;
    if (rc == SQLITE_OK && !b)
        rc = sqlite3_errcode(to);
    if (b) {
        sqlite3_backup_step(b, -1);
        rc = sqlite3_backup_finish(b);
    }
    sqlite3_close(to);
    return rc;
}

/* The file as it was, beside it, before any migration touches it: "hard.db.v1". */
static int back_up(struct store_db *d, int64_t version)
{
    char *path = NULL;
    if (asprintf(&path, "%s.v%" PRId64, d->path, version) < 0)
        return SQLITE_NOMEM;
    unlink(path);
    int rc = make_private(path) < 0 ? SQLITE_CANTOPEN : copy_into(d->db, path);
    if (rc == SQLITE_OK)
        log_info(d->log, "store.backed_up", F_STR("file", d->path), F_STR("to", path));
    free(path);
    return rc;
}

static int run_migrations(struct store_db *d, int64_t from, int64_t to)
{
    char version[48];
    int rc = store_db_exec(d, "BEGIN IMMEDIATE");
    for (int64_t v = from; rc == SQLITE_OK && v < to; v++)
        rc = store_db_exec(d, d->schema->migrations[v]);
    snprintf(version, sizeof version, "PRAGMA user_version=%" PRId64, to);
    if (rc == SQLITE_OK)
        rc = store_db_exec(d, version);
    if (rc == SQLITE_OK)
        rc = store_db_exec(d, "COMMIT");
    if (rc != SQLITE_OK) {
        log_sqlite(d, "store.migration_failed", rc);
        store_db_exec(d, "ROLLBACK");
    }
    return rc;
}

static int migrate(struct store_db *d)
{
    int64_t have = 0, want = 0;
    while (d->schema->migrations[want])
        want++;
    d->version = want;
    int rc = read_one(d->db, "PRAGMA user_version", &have, NULL, 0);
    if (rc != SQLITE_OK || have == want)
        return rc;
    if (have > want || have < 0) {
        log_error(d->log, "store.newer_schema", F_STR("file", d->path), F_INT("has", have),
                  F_INT("known", want));
        return SQLITE_MISMATCH;
    }
    if (have > 0)
        rc = back_up(d, have);
    if (rc != SQLITE_OK) {
        log_sqlite(d, "store.backup_failed", rc);
        return rc;
    }
    return run_migrations(d, have, want);
}

static int open_once(struct store_db *d)
{
    int made = make_private(d->path);
    if (made < 0) {
        log_error(d->log, "store.cannot_make", F_STR("file", d->path), F_ERRNO(made));
        return SQLITE_CANTOPEN;
    }
    int rc = sqlite3_open_v2(d->path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = configure(d);
    if (rc == SQLITE_OK)
        rc = migrate(d);
    return rc;
}

void store_db_close(struct store_db *d)
{
    forget_prepared(d);
    sqlite3_close(d->db);
    d->db = NULL;
    d->in_transaction = false;
}

static int rename_beside(const char *path, const char *suffix)
{
    char *from = NULL, *to = NULL;
    int rc = -ENOMEM;
    if (asprintf(&from, "%s%s", path, suffix) >= 0) {
        if (asprintf(&to, "%s.damaged%s", path, suffix) >= 0)
            rc = rename(from, to) < 0 ? -errno : 0;
        free(to);
    }
    free(from);
    return rc;
}

/* One damaged file is kept for whoever wants to look; an older one makes room, so that the disk does not
 * fill. */
static void set_aside(struct store_db *d)
{
    (void)rename_beside(d->path, "-wal"); /* these two need not exist */
    (void)rename_beside(d->path, "-shm");
    int rc = rename_beside(d->path, "");
    if (rc < 0) {
        log_error(d->log, "store.soft_file_damaged", F_STR("file", d->path), F_ERRNO(rc),
                  F_STR("remedy", "move it away"));
        return;
    }
    log_error(d->log, "store.soft_file_damaged", F_STR("file", d->path),
              F_STR("did", "set aside as .damaged, made anew"));
}

static int open_errno(int rc)
{
    if (is_damage(rc))
        return -EUCLEAN;
    return (rc & 0xff) == SQLITE_MISMATCH ? -EPROTO : store_errno(rc);
}

int store_db_open(struct store_db *d)
{
    int rc = open_once(d);
    if (is_damage(rc) && d->which == STORE_SOFT) {
        store_db_close(d);
        set_aside(d);
        rc = open_once(d);
    }
    if (rc == SQLITE_OK)
        return 0;
    if (rc != SQLITE_MISMATCH) /* the newer schema has its own line */
        log_sqlite(d, "store.cannot_open", rc);
    store_db_close(d);
    return open_errno(rc);
}
