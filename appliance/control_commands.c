#include "appliance/control_commands.h"
#include "appliance/boot.h"
#include "appliance/core/directory.h"
#include "appliance/core/opaque_string.h"
#include "appliance/core/store.h"
#include "appliance/core/store_stats.h"
#include "modules/turn/turn.h"
#include "mux/door.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *good(void)
{
    return json_pack("{s:b}", "ok", 1);
}

static json_t *bad(const char *field, const char *text)
{
    return field ? json_pack("{s:b,s:s,s:s}", "ok", 0, "error", text, "field", field)
                 : json_pack("{s:b,s:s}", "ok", 0, "error", text);
}

/* A text member, or the preset when it is missing; NULL when it is no text. */
static const char *text_of(json_t *q, const char *key, const char *preset)
{
    json_t *v = json_object_get(q, key);
    return v ? json_string_value(v) : preset;
}

static void ping(struct control_client *cc, json_t *q)
{
    (void)q;
    control_answer(cc, good());
}

static void status(struct control_client *cc, json_t *q)
{
    (void)q;
    struct roof *r = control_roof(cc);
    struct store_numbers n = store_numbers(r->gw.store);
    control_answer(cc, json_pack("{s:b,s:s,s:i,s:I,s:I,s:s,s:b,s:{s:I,s:I,s:I,s:I,s:I},s:I}", "ok", 1,
                                 "version", SALLYPORT_VERSION, "pid", (int)getpid(), "uptime_seconds",
                                 (json_int_t)(control_worker(cc)->wall - r->gw.started), "workers",
                                 (json_int_t)r->gw.n_workers, "config", r->config_path, "store_healthy",
                                 store_healthy(r->gw.store), "store", "writes", (json_int_t)n.writes,
                                 "commits", (json_int_t)n.commits, "lost", (json_int_t)n.lost, "errors",
                                 (json_int_t)n.errors, "waiting", (json_int_t)n.waiting, "users",
                                 (json_int_t)directory_count(r->gw.directory)));
}

static void stats(struct control_client *cc, json_t *q)
{
    const char *format = text_of(q, "format", "json");
    struct buf out;
    bool ok;
    if (!format || (strcmp(format, "json") != 0 && strcmp(format, "prometheus") != 0)) {
        control_answer(cc, bad("format", "must be \"json\" or \"prometheus\""));
        return;
    }
    struct gateway *gw = &control_roof(cc)->gw;
    buf_init(&out);
    store_stats_fill(gw->store, stats_row(gw->stats, &store_stats, control_worker(cc)->id));
    if (strcmp(format, "json") == 0)
        ok = stats_json(gw->stats, &out);
    else
        ok = stats_prometheus(gw->stats, &out);
    struct bytes b = buf_bytes(&out);
    control_answer(cc, ok ? json_pack("{s:b,s:s%}", "ok", 1, "text", (const char *)b.p, b.n) : NULL);
    buf_fini(&out);
}

static const char *realm_of(struct control_client *cc, json_t *q)
{
    const struct turn_config *tc = config_of(control_roof(cc)->config, &turn_settings);
    return text_of(q, "realm", tc->realm);
}

/* The form that clients hash (RFC 8265); the realm is what the settings say, to the letter. */
struct new_user {
    const char *realm;
    char name[DIRECTORY_NAME_MAX + 1], password[512];
};

/* NULL, or the field that is wrong with what is wrong with it. */
static const char *read_user(struct control_client *cc, json_t *q, struct new_user *u, const char **why)
{
    const char *name = text_of(q, "name", NULL), *password = text_of(q, "password", NULL);
    u->realm = realm_of(cc, q);
    *why = "must be a text that is not empty";
    if (!name || !name[0])
        return "name";
    if (!u->realm)
        return "realm";
    if (!password || !password[0])
        return "password";
    *why = "must be UTF-8, not too long, and without control or invisible characters";
    if (opaque_string(bytes_str(name), u->name, sizeof u->name) < 0)
        return "name";
    return opaque_string(bytes_str(password), u->password, sizeof u->password) < 0 ? "password" : NULL;
}

static int put_user(struct control_client *cc, const struct new_user *u)
{
    struct roof *r = control_roof(cc);
    struct user_key key;
    int rc = user_key_derive(bytes_str(u->realm), bytes_str(u->name), bytes_str(u->password), &key);
    key.enabled = true;
    if (rc == 0)
        rc = directory_put(r->gw.directory, r->gw.store, bytes_str(u->realm), bytes_str(u->name), &key,
                           control_worker(cc)->wall);
    OPENSSL_cleanse(&key, sizeof key);
    return rc;
}

static void user_add(struct control_client *cc, json_t *q)
{
    struct new_user u;
    const char *why, *field = read_user(cc, q, &u, &why);
    int rc = field ? 0 : put_user(cc, &u);
    OPENSSL_cleanse(u.password, sizeof u.password);
    if (field)
        control_answer(cc, bad(field, why));
    else if (rc == -EINVAL)
        control_answer(cc, bad("name", "no ':' in a name; the realm must not be empty or too long"));
    else if (rc < 0)
        control_answer(cc, bad(NULL, strerror(-rc)));
    else
        control_answer(cc, json_pack("{s:b,s:s,s:s}", "ok", 1, "name", u.name, "realm", u.realm));
}

static void user_remove(struct control_client *cc, json_t *q)
{
    struct roof *r = control_roof(cc);
    const char *realm = realm_of(cc, q), *name = text_of(q, "name", NULL);
    if (!name || !realm) {
        control_answer(cc, bad(name ? "realm" : "name", "must be a text"));
        return;
    }
    char form[DIRECTORY_NAME_MAX + 1];
    int rc = opaque_string(bytes_str(name), form, sizeof form) < 0
                 ? -ENOENT
                 : directory_remove(r->gw.directory, r->gw.store, bytes_str(realm), bytes_str(form));
    control_answer(cc, rc == -ENOENT ? bad("name", "no such user") : rc ? bad(NULL, strerror(-rc)) : good());
}

static void list_user(void *arg, struct bytes realm, struct bytes name, bool enabled)
{
    json_array_append_new(arg, json_pack("{s:s%,s:s%,s:b}", "name", (const char *)name.p, name.n, "realm",
                                         (const char *)realm.p, realm.n, "enabled", enabled));
}

static void user_list(struct control_client *cc, json_t *q)
{
    (void)q;
    json_t *users = json_array();
    if (users)
        directory_walk(control_roof(cc)->gw.directory, list_user, users);
    control_answer(cc, users ? json_pack("{s:b,s:o}", "ok", 1, "users", users) : NULL);
}

/* What the operator wrote in his file may be in any charset; JSON is UTF-8 only (RFC 8259 8.1). */
json_t *control_text(struct buf *b)
{
    json_t *text = json_stringn((const char *)buf_bytes(b).p, buf_len(b));
    if (text || !b->mem)
        return text ? text : json_string("");
    for (size_t i = b->head; i < b->tail; i++)
        b->mem[i] = b->mem[i] < 0x80 ? b->mem[i] : '?';
    return json_stringn((const char *)buf_bytes(b).p, buf_len(b));
}

static void reload(struct control_client *cc, json_t *q)
{
    (void)q;
    struct buf out;
    buf_init(&out);
    int rc = roof_reload(control_roof(cc), control_worker(cc), &out);
    json_t *text = control_text(&out);
    control_answer(cc, rc ? json_pack("{s:b,s:s,s:o}", "ok", 0, "error",
                                      "the configuration was refused; nothing changed", "text", text)
                          : json_pack("{s:b,s:o}", "ok", 1, "text", text));
    buf_fini(&out);
}

static void keys_rotate(struct control_client *cc, json_t *q)
{
    (void)q;
    bool done = rotation_run(&control_roof(cc)->rotation, 1);
    control_answer(
        cc,
        done ? good() : bad(NULL, "no new keys: the last ones are a second old, or the store is in trouble"));
}

static void on_drain(struct worker *w, struct letter *l)
{
    if (!w->ended)
        door_drain(w);
    free(l);
}

static void drain(struct control_client *cc, json_t *q)
{
    (void)q;
    struct gateway *gw = &control_roof(cc)->gw;
    for (unsigned i = 0; i < gw->n_workers; i++) {
        struct letter *l = calloc(1, sizeof *l);
        if (!l) {
            control_answer(cc, NULL); /* asking again is harmless */
            return;
        }
        l->open = on_drain;
        worker_post(gw->workers[i], l);
    }
    log_info(&control_worker(cc)->log, "drain.started");
    control_answer(cc, good());
}

static const struct command {
    const char *name;
    void (*run)(struct control_client *cc, json_t *q);
} commands[] = {
    {"ping", ping},
    {"status", status},
    {"stats", stats},
    {"user-add", user_add},
    {"user-remove", user_remove},
    {"user-list", user_list},
    {"connections", control_connections},
    {"registrations", control_registrations},
    {"dialogs", control_dialogs},
    {"allocations", control_allocations},
    {"core", control_core},
    {"bans-list", control_bans_list},
    {"bans-add", control_bans_add},
    {"bans-remove", control_bans_remove},
    {"bans-clear", control_bans_clear},
    {"policy-list", control_policy_list},
    {"policy-test", control_policy_test},
    {"reload", reload},
    {"keys-rotate", keys_rotate},
    {"drain", drain},
};

void control_command(struct control_client *cc, json_t *q)
{
    const char *name = text_of(q, "command", NULL);
    for (size_t i = 0; name && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(name, commands[i].name) == 0) {
            commands[i].run(cc, q);
            return;
        }
    control_answer(cc, bad("command", "no such command"));
}
