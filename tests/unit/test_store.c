/* store: group commit, receipts, migrations, and what goes wrong: full disk, damage, newer schema. */
#include "appliance/core/schema.h"
#include "appliance/core/store.h"
#include "appliance/core/worker.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants those first. */
#include <cmocka.h>

static const char *const soft_v1[] = {
    "CREATE TABLE item (k INTEGER PRIMARY KEY, v BLOB) STRICT;"
    "CREATE TABLE part (k INTEGER REFERENCES item(k) ON DELETE CASCADE) STRICT;",
    NULL};
static const char *const soft_v2[] = {
    "CREATE TABLE item (k INTEGER PRIMARY KEY, v BLOB) STRICT;"
    "CREATE TABLE part (k INTEGER REFERENCES item(k) ON DELETE CASCADE) STRICT;",
    "ALTER TABLE item ADD COLUMN extra TEXT;", NULL};
static const char *const soft_bad[] = {
    "CREATE TABLE item (k INTEGER PRIMARY KEY, v BLOB) STRICT;"
    "CREATE TABLE part (k INTEGER REFERENCES item(k) ON DELETE CASCADE) STRICT;",
    "CREATE TABLE half (a INTEGER) STRICT; CREATE NONSENSE;", NULL};
static const char *const hard_v1[] = {"CREATE TABLE word (w TEXT PRIMARY KEY) STRICT;", NULL};

static const struct store_schema v1[STORE_FILES] = {{hard_v1}, {soft_v1}};
static const struct store_schema v2[STORE_FILES] = {{hard_v1}, {soft_v2}};
static const struct store_schema bad[STORE_FILES] = {{hard_v1}, {soft_bad}};

static const struct store_stmt put = {STORE_SOFT, "INSERT INTO item (k, v) VALUES (?1, ?2)"};
static const struct store_stmt put_blob = {STORE_SOFT,
                                           "INSERT INTO item (k, v) VALUES (?1, zeroblob(20000))"};
static const struct store_stmt put_part = {STORE_SOFT, "INSERT INTO part (k) VALUES (?1)"};
static const struct store_stmt drop_all = {STORE_SOFT, "DELETE FROM item"};
static const struct store_stmt count = {STORE_SOFT, "SELECT count(*) FROM item"};
static const struct store_stmt count_parts = {STORE_SOFT, "SELECT count(*) FROM part"};
static const struct store_stmt all = {STORE_SOFT, "SELECT k, v FROM item ORDER BY k"};
static const struct store_stmt put_word = {STORE_HARD, "INSERT INTO word (w) VALUES (?1)"};
static const struct store_stmt count_words = {STORE_HARD, "SELECT count(*) FROM word"};
static const struct store_stmt nonsense = {STORE_SOFT, "SELEKT 1"};

static char dir[64];
static struct log quiet;

static void path_in(char *dst, const char *name)
{
    snprintf(dst, 128, "%s/%s", dir, name);
}

static int setup(void **state)
{
    strcpy(dir, "/tmp/sallyport-store-XXXXXX");
    log_init(&quiet, open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_ERROR, LOG_TEXT, "test");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    char path[512];
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        unlink(path);
    }
    closedir(d);
    close(quiet.fd);
    return rmdir(dir);
}

static struct store *opened(const struct store_schema *schemas)
{
    struct store *s = store_open(dir, schemas, &quiet);
    assert_non_null(s);
    return s;
}

static int put_number(struct store *s, int64_t k)
{
    return store_exec(s, &put, (struct store_value[]){V_INT(k), V_NULL}, 2);
}

static bool take_number(void *arg, const struct store_value *v, unsigned n)
{
    *(int64_t *)arg = v[0].i;
    return true;
}

static int64_t ask(struct store *s, const struct store_stmt *st)
{
    int64_t n = -1;
    assert_int_equal(store_query(s, st, NULL, 0, take_number, &n), 0);
    return n;
}

static void what_was_written_is_there_after_a_restart(void **state)
{
    struct store *s = opened(v1);
    for (int64_t k = 0; k < 1000; k++)
        assert_int_equal(put_number(s, k), 0);
    store_close(s);
    s = opened(v1);
    assert_int_equal(ask(s, &count), 1000);
    store_close(s);
    store_close(NULL);
}

static void many_writes_share_a_commit(void **state)
{
    struct store *s = opened(v1);
    for (int64_t k = 0; k < 2000; k++)
        put_number(s, k);
    store_flush(s);
    struct store_numbers n = store_numbers(s);
    assert_int_equal(n.writes, 2000);
    assert_true(n.commits < 1000);
    assert_int_equal(n.waiting, 0);
    assert_int_equal(n.lost, 0);
    store_close(s);
}

struct row_check {
    unsigned rows;
    struct store_value want[4];
};

static bool check_row(void *arg, const struct store_value *v, unsigned n)
{
    struct row_check *c = arg;
    const struct store_value *want = &c->want[c->rows++];
    assert_int_equal(n, 2);
    assert_int_equal(v[1].kind, want->kind);
    assert_true(bytes_eq(v[1].b, want->b));
    return true;
}

static void values_come_back_as_they_went_in(void **state)
{
    struct store *s = opened(v1);
    char bytes[] = "a\0b";
    struct row_check c = {.want = {V_NULL, V_BLOB(bytes_of(bytes, 3)), V_BLOB(BYTES_NONE)}};
    for (int64_t k = 0; k < 3; k++)
        assert_int_equal(store_exec(s, &put, (struct store_value[]){V_INT(k), c.want[k]}, 2), 0);
    c.want[1].b.p = (const uint8_t *)"a\0b";
    memset(bytes, 'x', sizeof bytes); /* the store has its own copy */
    assert_int_equal(store_query(s, &all, NULL, 0, check_row, &c), 0);
    assert_int_equal(c.rows, 3);
    store_close(s);
}

static bool stop_at_first(void *arg, const struct store_value *v, unsigned n)
{
    ++*(int *)arg;
    return false;
}

static void a_row_callback_may_stop(void **state)
{
    struct store *s = opened(v1);
    int rows = 0;
    put_number(s, 1);
    put_number(s, 2);
    assert_int_equal(store_query(s, &all, NULL, 0, stop_at_first, &rows), 0);
    assert_int_equal(rows, 1);
    assert_int_equal(ask(s, &count), 2);
    store_close(s);
}

static void a_constraint_harms_only_its_own_statement(void **state)
{
    struct store *s = opened(v1);
    int64_t changes = -1;
    put_number(s, 1);
    put_number(s, 1);
    put_number(s, 2);
    assert_int_equal(store_exec_now(s, &put, (struct store_value[]){V_INT(2), V_NULL}, 2, &changes), -EEXIST);
    assert_int_equal(changes, 0);
    assert_int_equal(store_exec_now(s, &drop_all, NULL, 0, &changes), 0);
    assert_int_equal(changes, 2);
    assert_int_equal(store_numbers(s).errors, 2);
    assert_true(store_healthy(s));
    store_close(s);
}

static void foreign_keys_are_on(void **state)
{
    struct store *s = opened(v1);
    const struct store_value one[] = {V_INT(1)};
    assert_int_equal(store_exec_now(s, &put_part, one, 1, NULL), -EEXIST);
    put_number(s, 1);
    assert_int_equal(store_exec_now(s, &put_part, one, 1, NULL), 0);
    store_exec(s, &drop_all, NULL, 0);
    assert_int_equal(ask(s, &count_parts), 0);
    store_close(s);
}

static void a_wrong_statement_is_an_error_and_no_trouble(void **state)
{
    struct store *s = opened(v1);
    assert_int_equal(store_query(s, &nonsense, NULL, 0, NULL, NULL), -EIO);
    assert_int_equal(store_exec_now(s, &nonsense, NULL, 0, NULL), -EIO);
    assert_true(store_healthy(s));
    store_close(s);
}

/* Receipts. */

struct receipts {
    unsigned n;
    int rc[4];
    int64_t changes[4];
};

static void take_receipt(struct worker *w, void *arg, int rc, int64_t changes)
{
    struct receipts *r = arg;
    r->rc[r->n] = rc;
    r->changes[r->n++] = changes;
}

static void receipts_come_home_after_the_commit(void **state)
{
    struct store *s = opened(v1);
    struct worker *w = worker_create(NULL, 0);
    struct receipts r = {0};
    const struct store_value one[] = {V_INT(1), V_NULL};
    assert_int_equal(store_exec_then(s, &put, one, 2, w, take_receipt, &r), 0);
    assert_int_equal(store_exec_then(s, &put, one, 2, w, take_receipt, &r), 0);
    store_flush(s);
    assert_int_equal(r.n, 0); /* only the worker's own thread opens its letters */
    worker_turn(w);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.rc[0], 0);
    assert_int_equal(r.changes[0], 1);
    assert_int_equal(r.rc[1], -EEXIST);
    store_close(s);
    worker_destroy(w);
}

static void a_receipt_for_a_worker_that_ended_is_freed_in_silence(void **state)
{
    struct store *s = opened(v1);
    struct worker *w = worker_create(NULL, 0);
    struct receipts r = {0};
    store_exec_then(s, &put, (struct store_value[]){V_INT(1), V_NULL}, 2, w, take_receipt, &r);
    store_close(s);
    worker_destroy(w);
    assert_int_equal(r.n, 0);
}

static void a_receipt_without_a_home_goes_to_management(void **state)
{
    struct gateway gw = {.n_workers = 1};
    struct worker *w = worker_create(&gw, 1);
    struct store *s = opened(v1);
    struct receipts r = {0};
    store_set_gateway(s, &gw);
    store_exec_then(s, &drop_all, NULL, 0, NULL, take_receipt, &r);
    store_flush(s);
    worker_turn(w);
    assert_int_equal(r.n, 1);
    store_close(s);
    worker_destroy(w);
}

#define WRITERS 4
#define EACH    500

struct writer {
    pthread_t thread;
    struct store *store;
    int64_t from;
};

static void *write_each(void *arg)
{
    struct writer *me = arg;
    for (int64_t i = 0; i < EACH; i++)
        put_number(me->store, me->from + i);
    return NULL;
}

static void many_threads_may_post(void **state)
{
    struct writer w[WRITERS];
    struct store *s = opened(v1);
    for (int i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){.store = s, .from = i * EACH};
        assert_int_equal(pthread_create(&w[i].thread, NULL, write_each, &w[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(w[i].thread, NULL);
    assert_int_equal(ask(s, &count), WRITERS * EACH);
    store_close(s);
}

/* What goes wrong. */

/* A disk that is full as sqlite sees it. */
static const struct store_stmt small = {STORE_SOFT, "PRAGMA max_page_count=6"};
static const struct store_stmt larger = {STORE_SOFT, "PRAGMA max_page_count=12"};
static const struct store_stmt large = {STORE_SOFT, "PRAGMA max_page_count=100000"};

static void wait_until_healthy(const struct store *s)
{
    for (int i = 0; i < 500 && !store_healthy(s); i++)
        usleep(10000);
    assert_true(store_healthy(s));
}

static void a_full_disk_degrades_and_heals(void **state)
{
    struct store *s = opened(v1);
    ask(s, &larger);
    for (int64_t k = 0; k < 10; k++)
        store_exec(s, &put_blob, (struct store_value[]){V_INT(k)}, 1);
    /* Who waits is told at once, and may still read. */
    assert_int_equal(store_exec_now(s, &put_blob, (struct store_value[]){V_INT(99)}, 1, NULL), -ENOSPC);
    assert_false(store_healthy(s));
    assert_true(store_numbers(s).lost > 0);
    assert_int_equal(ask(s, &count_words), 0);
    /* The other file is well. */
    assert_int_equal(store_exec_now(s, &put_word, (struct store_value[]){V_TEXT(BYTES("x"))}, 1, NULL), 0);
    ask(s, &large);
    wait_until_healthy(s);
    assert_int_equal(ask(s, &count), 10); /* nothing that nobody waited for was lost */
    store_close(s);
}

static void a_receipt_on_a_full_disk_says_so(void **state)
{
    struct store *s = opened(v1);
    struct worker *w = worker_create(NULL, 0);
    struct receipts r = {0};
    ask(s, &small);
    store_exec_then(s, &put_blob, (struct store_value[]){V_INT(1)}, 1, w, take_receipt, &r);
    store_flush(s);
    worker_turn(w);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.rc[0], -ENOSPC);
    store_close(s);
    worker_destroy(w);
}

static void closing_while_the_disk_is_full_ends(void **state)
{
    struct store *s = opened(v1);
    ask(s, &small);
    for (int64_t k = 0; k < 10; k++)
        store_exec(s, &put_blob, (struct store_value[]){V_INT(k)}, 1);
    store_flush(s);
    assert_int_equal(store_numbers(s).waiting, 10);
    store_close(s);
}

static void too_much_waiting_is_refused_and_counted(void **state)
{
    struct store *s = opened(v1);
    ask(s, &small);
    store_exec(s, &put_blob, (struct store_value[]){V_INT(0)}, 1);
    store_flush(s);
    int rc = 0;
    for (int64_t k = 1; k < 100000 && rc == 0; k++)
        rc = store_exec(s, &put_blob, (struct store_value[]){V_INT(k)}, 1);
    assert_int_equal(rc, -ENOBUFS);
    assert_int_equal(store_numbers(s).lost, 1);
    store_close(s);
}

static void spoil(const char *name, off_t at, size_t n)
{
    char path[128], rubbish[8192];
    path_in(path, name);
    memset(rubbish, 0xa5, sizeof rubbish);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, rubbish, n, at), (ssize_t)n);
    close(fd);
}

static bool exists(const char *name)
{
    char path[128];
    path_in(path, name);
    return access(path, F_OK) == 0;
}

static void fill_and_close(void)
{
    struct store *s = opened(v1);
    for (int64_t k = 0; k < 50; k++)
        store_exec(s, &put_blob, (struct store_value[]){V_INT(k)}, 1);
    store_exec_now(s, &put_word, (struct store_value[]){V_TEXT(BYTES("kept"))}, 1, NULL);
    store_close(s);
}

static void a_damaged_soft_file_is_set_aside(void **state)
{
    static const off_t places[] = {0, 4096};
    for (size_t i = 0; i < 2; i++) {
        fill_and_close();
        spoil("soft.db", places[i], 4096);
        struct store *s = opened(v1);
        assert_int_equal(ask(s, &count), 0);
        assert_int_equal(put_number(s, 1), 0);
        assert_true(exists("soft.db.damaged"));
        store_close(s);
        s = opened(v1);
        assert_int_equal(ask(s, &count), 1);
        assert_int_equal(ask(s, &count_words), 1);
        store_exec_now(s, &(struct store_stmt){STORE_HARD, "DELETE FROM word"}, NULL, 0, NULL);
        store_exec_now(s, &drop_all, NULL, 0, NULL);
        store_close(s);
    }
}

static void a_damaged_hard_file_is_an_error(void **state)
{
    fill_and_close();
    spoil("hard.db", 0, 100);
    assert_null(store_open(dir, v1, &quiet));
    assert_true(exists("hard.db"));
    assert_false(exists("hard.db.damaged"));
}

/* The soft file goes bad under the running store: it is made anew and what comes later is kept. */
static void damage_while_running_heals(void **state)
{
    struct store *s = opened(v1);
    for (int64_t k = 0; k < 400; k++)
        store_exec(s, &put_blob, (struct store_value[]){V_INT(k)}, 1);
    ask(s, &(struct store_stmt){STORE_SOFT, "PRAGMA cache_size=1"});
    store_query(s, &(struct store_stmt){STORE_SOFT, "PRAGMA wal_checkpoint(TRUNCATE)"}, NULL, 0, NULL, NULL);
    for (off_t page = 1; page < 400; page++)
        spoil("soft.db", page * 4096, 4096);
    for (int64_t k = 1000; k < 1010; k++)
        put_number(s, k);
    store_flush(s);
    wait_until_healthy(s);
    assert_true(exists("soft.db.damaged"));
    assert_int_equal(ask(s, &count), 10);
    store_close(s);
}

static int64_t version_of(const char *name)
{
    char path[128];
    sqlite3 *db;
    sqlite3_stmt *st;
    path_in(path, name);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t v = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return v;
}

static void a_migration_keeps_the_rows_and_a_backup(void **state)
{
    fill_and_close();
    assert_false(exists("soft.db.v1"));
    struct store *s = opened(v2);
    const struct store_stmt extra = {STORE_SOFT, "SELECT count(*) FROM item WHERE extra IS NULL"};
    assert_int_equal(ask(s, &extra), 50);
    store_close(s);
    assert_int_equal(version_of("soft.db"), 2);
    assert_int_equal(version_of("soft.db.v1"), 1);
    assert_false(exists("hard.db.v1"));
}

static void a_migration_that_fails_changes_nothing(void **state)
{
    fill_and_close();
    assert_null(store_open(dir, bad, &quiet));
    struct store *s = opened(v1);
    const struct store_stmt half = {STORE_SOFT, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"};
    assert_int_equal(ask(s, &half), 0);
    assert_int_equal(ask(s, &count), 50);
    store_close(s);
}

static void a_newer_schema_is_refused(void **state)
{
    store_close(opened(v2));
    assert_null(store_open(dir, v1, &quiet));
    assert_int_equal(version_of("soft.db"), 2);
}

static mode_t mode_of(const char *name)
{
    char path[128];
    struct stat st;
    path_in(path, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void files_and_folder_are_private(void **state)
{
    mode_t before = umask(0);
    assert_int_equal(rmdir(dir), 0);
    struct store *s = opened(v1);
    put_number(s, 1);
    store_flush(s);
    assert_int_equal(mode_of("."), 0700);
    assert_int_equal(mode_of("hard.db"), 0600);
    assert_int_equal(mode_of("soft.db"), 0600);
    assert_int_equal(mode_of("soft.db-wal"), 0600);
    store_close(s);
    store_close(opened(v2));
    assert_int_equal(mode_of("soft.db.v1"), 0600);
    umask(before);
}

static void a_folder_that_cannot_be_made_is_an_error(void **state)
{
    assert_null(store_open("/nonexistent/store", v1, &quiet));
    assert_null(store_open("/dev/null", v1, &quiet));
}

static void the_shipped_schema_opens_and_reopens(void **state)
{
    store_close(opened(store_schemas));
    struct store *s = opened(store_schemas);
    const struct store_stmt bindings = {STORE_SOFT, "SELECT count(*) FROM binding"};
    assert_int_equal(ask(s, &bindings), 0);
    store_close(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_written_is_there_after_a_restart),
        TEST(many_writes_share_a_commit),
        TEST(values_come_back_as_they_went_in),
        TEST(a_row_callback_may_stop),
        TEST(a_constraint_harms_only_its_own_statement),
        TEST(foreign_keys_are_on),
        TEST(a_wrong_statement_is_an_error_and_no_trouble),
        TEST(receipts_come_home_after_the_commit),
        TEST(a_receipt_for_a_worker_that_ended_is_freed_in_silence),
        TEST(a_receipt_without_a_home_goes_to_management),
        TEST(many_threads_may_post),
        TEST(a_full_disk_degrades_and_heals),
        TEST(a_receipt_on_a_full_disk_says_so),
        TEST(closing_while_the_disk_is_full_ends),
        TEST(too_much_waiting_is_refused_and_counted),
        TEST(a_damaged_soft_file_is_set_aside),
        TEST(a_damaged_hard_file_is_an_error),
        TEST(damage_while_running_heals),
        TEST(a_migration_keeps_the_rows_and_a_backup),
        TEST(a_migration_that_fails_changes_nothing),
        TEST(a_newer_schema_is_refused),
        TEST(files_and_folder_are_private),
        TEST(a_folder_that_cannot_be_made_is_an_error),
        TEST(the_shipped_schema_opens_and_reopens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
