/* A file of the store: made private, checked, migrated; set aside when it is damaged and soft. */
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

static bool is_damage(int rc)
{
    return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

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

/* Where somebody holds a lock the step gives up, and to finish is then no error of sqlite's. */
static int copy_into(sqlite3 *from, const char *path)
{
    sqlite3 *to = NULL;
    int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    sqlite3_backup *b = rc == SQLITE_OK ? sqlite3_backup_init(to, "main", from, "main") : NULL;
    if (rc == SQLITE_OK && !b)
        rc = sqlite3_errcode(to);
    if (b) {
        int step = sqlite3_backup_step(b, -1);
        rc = sqlite3_backup_finish(b);
        rc = rc == SQLITE_OK && step != SQLITE_DONE ? step : rc;
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
    store_db_forget(d);
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
