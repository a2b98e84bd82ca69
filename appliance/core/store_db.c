#include "appliance/core/store_internal.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

void store_db_forget(struct store_db *d)
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
