/* config: every type, every kind of mistake with its line, and the way back into text. */
#include "appliance/core/config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants those first. */
#include <cmocka.h>

struct turn_sample {
    bool enabled;
    int64_t threads, lifetime, memory, mode;
    const char *realm, *secret, *cert;
    struct addr relay;
    struct port_range ports;
    struct cidr_set denied;
    struct string_list names, keys;
};

struct sip_sample {
    const char *domain;
    int64_t timer;
};

static bool no_spaces(const char *text, const char **why)
{
    *why = "must hold no spaces";
    return !strchr(text, ' ');
}

static const char *const modes[] = {"strict", "open", "closed", NULL};

#define AT(f) offsetof(struct turn_sample, f)
static const struct setting turn_items[] = {
    {.key = "enabled",
     .type = SETTING_BOOL,
     .offset = AT(enabled),
     .preset = "yes",
     .help = "Whether TURN is served"},
    {.key = "threads",
     .type = SETTING_INT,
     .offset = AT(threads),
     .preset = "4",
     .min = 1,
     .max = 64,
     .help = "How many",
     .reload = RELOAD_RESTART},
    {.key = "lifetime",
     .type = SETTING_DURATION,
     .offset = AT(lifetime),
     .preset = "10m",
     .min = 1000,
     .max = 3600000,
     .help = "How long",
     .reload = RELOAD_NEW},
    {.key = "memory", .type = SETTING_SIZE, .offset = AT(memory), .preset = "64k", .help = "How much"},
    {.key = "mode",
     .type = SETTING_ENUM,
     .offset = AT(mode),
     .preset = "open",
     .choices = modes,
     .help = "Which"},
    {.key = "realm",
     .type = SETTING_STRING,
     .offset = AT(realm),
     .preset = "example.org",
     .help = "The realm",
     .reload = RELOAD_NEW,
     .check = no_spaces},
    {.key = "secret", .type = SETTING_SECRET, .offset = AT(secret), .help = "A secret"},
    {.key = "certificate", .type = SETTING_PATH, .offset = AT(cert), .preset = "", .help = "A file"},
    {.key = "relay", .type = SETTING_ADDR, .offset = AT(relay), .help = "An address"},
    {.key = "ports", .type = SETTING_PORTS, .offset = AT(ports), .preset = "49152-65535", .help = "Ports"},
    {.key = "denied",
     .type = SETTING_CIDRS,
     .offset = AT(denied),
     .preset = "10.0.0.0/8,fc00::/7",
     .help = "Networks"},
    {.key = "names", .type = SETTING_STRINGS, .offset = AT(names), .help = "Names"},
    {.key = "keys", .type = SETTING_SECRETS, .offset = AT(keys), .help = "Keys"},
};
static const struct settings turn = {"turn", "The TURN server", sizeof(struct turn_sample), turn_items,
                                     sizeof turn_items / sizeof *turn_items};
static const struct setting sip_items[] = {
    {.key = "domain",
     .type = SETTING_STRING,
     .offset = offsetof(struct sip_sample, domain),
     .help = "The domain"},
    {.key = "timer",
     .type = SETTING_DURATION,
     .offset = offsetof(struct sip_sample, timer),
     .preset = "500ms",
     .help = "T1"},
};
static const struct settings sip = {"sip", "The SIP side", sizeof(struct sip_sample), sip_items, 2};
static const struct settings *const tables[] = {&turn, &sip, NULL};

static struct config *good(const char *text)
{
    struct config_problem *p = NULL;
    struct config *c = config_load_text(text, "test.conf", tables, &p);
    if (!c)
        fail_msg("line %d: %s", p->line, p->text);
    assert_null(p);
    return c;
}

/* The text is refused with exactly these lines, in this order, and each text holds its words. */
struct expected {
    int line;
    const char *words;
};

static void refused(const char *text, const struct expected *e)
{
    struct config_problem *all = NULL, *p;
    assert_null(config_load_text(text, "test.conf", tables, &all));
    for (p = all; p && e->words; p = p->next, e++) {
        if (p->line != e->line || !strstr(p->text, e->words))
            fail_msg("want %d: %s\n got %d: %s", e->line, e->words, p->line, p->text);
        assert_string_equal(p->file, "test.conf");
    }
    if (p)
        fail_msg("unexpected %d: %s", p->line, p->text);
    if (e->words)
        fail_msg("missing %d: %s", e->line, e->words);
    config_problems_free(all);
}

#define REFUSED(text, ...) refused((text), (const struct expected[]){__VA_ARGS__, {0, NULL}})

static const struct turn_sample *turn_of(const struct config *c)
{
    return config_of(c, &turn);
}

static void presets_count_without_a_file(void **state)
{
    struct config *c = config_load(NULL, tables, NULL);
    assert_non_null(c);
    const struct turn_sample *t = turn_of(c);
    assert_true(t->enabled);
    assert_int_equal(t->threads, 4);
    assert_int_equal(t->lifetime, 600000);
    assert_int_equal(t->memory, 65536);
    assert_int_equal(t->mode, 1);
    assert_string_equal(t->realm, "example.org");
    assert_string_equal(t->secret, "");
    assert_int_equal(t->relay.family, ADDR_NONE);
    assert_int_equal(t->ports.first, 49152);
    assert_int_equal(t->denied.n, 2);
    assert_int_equal(t->names.n, 0);
    assert_int_equal(((const struct sip_sample *)config_of(c, &sip))->timer, 500);
    config_drop(c);
}

static void every_type_is_read(void **state)
{
    struct config *c =
        good("turn {\n  enabled = off\n  threads = 8\n  lifetime = 90s\n  memory = 10m\n"
             "  mode = closed\n  realm = \"a\\\"b\"\n  secret = 'x${HOME}'\n"
             "  certificate = /etc/c.pem\n  relay = \"[2001:db8::1]:443\"\n  ports = 5000-6000\n"
             "  denied = {\"192.0.2.0/24\", 2001:db8::/32}\n  names = {one, \"two three\"}\n}\n");
    const struct turn_sample *t = turn_of(c);
    assert_false(t->enabled);
    assert_int_equal(t->threads, 8);
    assert_int_equal(t->lifetime, 90000);
    assert_int_equal(t->memory, 10 << 20);
    assert_int_equal(t->mode, 2);
    assert_string_equal(t->realm, "a\"b");
    assert_string_equal(t->secret, "x${HOME}");
    assert_string_equal(t->cert, "/etc/c.pem");
    assert_int_equal(t->relay.family, ADDR_V6);
    assert_int_equal(t->relay.port, 443);
    assert_int_equal(t->ports.first, 5000);
    assert_int_equal(t->ports.last, 6000);
    assert_int_equal(t->denied.n, 2);
    assert_int_equal(t->denied.items[0].bits + t->denied.items[1].bits, 24 + 32); /* in the set's own order */
    assert_int_equal(t->names.n, 2);
    assert_string_equal(t->names.items[1], "two three");
    config_drop(c);
}

static void units_of_time_and_size(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } times[] = {{"1500ms", 1500}, {"2s", 2000}, {"3m", 180000}, {"1h", 3600000}};
    char text[80];
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        snprintf(text, sizeof text, "turn { lifetime = %s }", times[i].text);
        struct config *c = good(text);
        assert_int_equal(turn_of(c)->lifetime, times[i].ms);
        config_drop(c);
    }
    struct config *c = good("sip { timer = 2d }  turn { memory = 3g }");
    assert_int_equal(((const struct sip_sample *)config_of(c, &sip))->timer, 172800000);
    assert_int_equal(turn_of(c)->memory, 3ll << 30);
    config_drop(c);
}

static void an_empty_list_is_not_the_preset(void **state)
{
    struct config *c = good("turn { denied = {} }");
    assert_int_equal(turn_of(c)->denied.n, 0);
    config_drop(c);
}

static void a_single_word_is_a_list_of_one(void **state)
{
    struct config *c = good("turn { names = one }");
    assert_int_equal(turn_of(c)->names.n, 1);
    config_drop(c);
}

static void parts_of_a_section_are_one(void **state)
{
    struct config *c = good("turn { threads = 2 }\nsip { domain = d }\nturn { memory = 1 }\n");
    assert_int_equal(turn_of(c)->threads, 2);
    assert_int_equal(turn_of(c)->memory, 1);
    config_drop(c);
}

static void variables_of_the_environment_are_taken(void **state)
{
    setenv("SALLYPORT_TEST_REALM", "from.env", 1);
    struct config *c =
        good("turn { realm = \"${SALLYPORT_TEST_REALM}\" secret = \"${SALLYPORT_NONE:-other}\" }");
    assert_string_equal(turn_of(c)->realm, "from.env");
    assert_string_equal(turn_of(c)->secret, "other");
    config_drop(c);
}

static void bad_values_are_told_with_their_lines(void **state)
{
    REFUSED("turn {\n enabled = maybe\n threads = 65\n lifetime = 10\n lifetime2 = 3\n memory = -1\n mode = "
            "clsed\n"
            " realm = \"a b\"\n relay = nowhere\n ports = 9-8\n denied = {\"10.0.0.1/8\"}\n}\n",
            {2, "must be yes or no"}, {3, "must be from 1 to 64"}, {4, "is no duration"},
            {5, "did you mean \"lifetime\"?"}, {6, "is no size"}, {7, "did you mean closed?"},
            {8, "must hold no spaces"}, {9, "is no IP address"}, {10, "is no port range"},
            {11, "is no network"});
}

static void bad_numbers(void **state)
{
    static const char *const texts[] = {"4x", "\" 4\"", "\"\"", "99999999999999999999", "0x10", "4.5"};
    char text[80];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        snprintf(text, sizeof text, "turn { threads = %s }", texts[i]);
        REFUSED(text, {1, "is no whole number"});
    }
    REFUSED("turn { memory = 9223372036854775807g }", {1, "is no size"});
    REFUSED("turn { lifetime = 2h }", {1, "must be from 1s to 1h"});
}

static void ports_have_bounds(void **state)
{
    REFUSED("turn { ports = 0-10 }", {1, "1 to 65535"});
    REFUSED("turn { ports = 1-65536 }", {1, "1 to 65535"});
    REFUSED("turn { ports = \"1- 3x\" }", {1, "is no port range"});
    struct config *c = good("turn { ports = 7 }");
    assert_int_equal(turn_of(c)->ports.last, 7);
    config_drop(c);
}

/* The lexer of libconfuse counts a comment as several lines; ours must not. */
static void comments_do_not_move_the_lines(void **state)
{
    REFUSED("# one\n// two\n/* three\n four */\nturn { # five\n  threads = 0 # six\n  names = {a, # seven\n"
            "   b}\n  memory = x\n}\n",
            {6, "must be from"}, {9, "is no size"});
}

static void what_looks_like_a_comment_in_a_word_is_none(void **state)
{
    struct config *c = good("turn { realm = http://x/y secret = \"a#b//c/*d\" }");
    assert_string_equal(turn_of(c)->realm, "http://x/y");
    assert_string_equal(turn_of(c)->secret, "a#b//c/*d");
    config_drop(c);
}

static void all_unknown_names_are_told_at_once(void **state)
{
    REFUSED("realm = x\nturn {\n relm = x\n names2 = {a, b}\n domain = q\n zzzzzz = 1\n}\ntrun {\n a = 1\n b "
            "= {c}\n}\n"
            "listener \"x\" {\n port = 1\n}\nturn { threads = 99 }\n",
            {1, "it belongs into section \"turn\""}, {3, "did you mean \"realm\"?"},
            {4, "did you mean \"names\"?"}, {5, "it belongs into section \"sip\""},
            {6, "unknown setting \"zzzzzz\""}, {8, "unknown section \"trun\": did you mean \"turn\"?"},
            {12, "unknown section \"listener\""}, {15, "must be from 1 to 64"});
}

static void twice_is_refused_with_both_lines(void **state)
{
    REFUSED("turn {\n threads = 1\n threads = 2\n}\nturn { threads = 3 }\n",
            {3, "set twice, first in line 2"}, {5, "set twice, first in line 2"});
    REFUSED("turn {\n names = {a, b}\n names = {c}\n}\n", {3, "set twice, first in line 2"});
}

static void broken_syntax_is_told(void **state)
{
    REFUSED("turn {\n threads = 1\n", {1, "this brace is never closed"});
    REFUSED("turn {\n threads = 1\n names = {a\n}", {1, "this brace is never closed"});
    REFUSED("turn {{{{{{{{{{", {1, "nested too deeply"});
    REFUSED("turn {\n threads 1\n}\n", {2, "missing equal sign"});
    REFUSED("turn\n", {2, ""});
    REFUSED("}\n", {1, "unexpected closing brace"});
    REFUSED("turn { realm = \"abc\n}\n", {1, "this string never ends"});
    REFUSED("turn { }\n/* abc\n", {2, "this comment never ends"});
    REFUSED("turn { names += {a} }\n", {1, "'+='"});
    REFUSED("turn { realm = * }\n", {1, "'*'"});
    REFUSED("turn { threads = {1, 2} }\n", {1, "unexpected token"});
    REFUSED("\"\" = 1\n", {1, ""});
    REFUSED("\"turn|realm\" = 1\n", {1, ""});
}

static void a_mask_is_not_taken_for_the_secret(void **state)
{
    REFUSED("turn { secret = \"********\" }", {1, "is the mask"});
}

static void a_refused_secret_is_not_shown(void **state)
{
    struct config_problem *p = NULL;
    assert_null(config_load_text("turn { secret = \"********\" threads = x }", "t", tables, &p));
    for (const struct config_problem *i = p; i; i = i->next)
        assert_null(strstr(i->text, "****"));
    config_problems_free(p);
}

static char *written(const struct config *c, bool with_secrets)
{
    struct buf b;
    buf_init(&b);
    assert_true(config_write(c, &b, with_secrets));
    char *text = strndup((const char *)buf_bytes(&b).p, buf_len(&b));
    buf_fini(&b);
    assert_non_null(text);
    return text;
}

static void what_is_written_reads_back_the_same(void **state)
{
    struct config *c =
        good("turn { enabled = no threads = 8 lifetime = 1500ms memory = 1025 mode = strict\n"
             "realm = 'q\"\\\\${HOME}\t\x01z' secret = s certificate = /c relay = 192.0.2.1\n"
             "ports = 9 denied = {} names = {\"a,b\", 'c\"d', \"\"} }\nsip { domain = \"ä\" }");
    char *text = written(c, true);
    struct config *again = good(text);
    struct buf b;
    buf_init(&b);
    assert_int_equal(config_diff(c, again, &b), 0);
    assert_string_equal(turn_of(again)->realm, "q\"\\${HOME}\t\x01z");
    assert_string_equal(turn_of(again)->names.items[0], "a,b");
    char *twice = written(again, true);
    assert_string_equal(text, twice);
    free(twice);
    free(text);
    buf_fini(&b);
    config_drop(again);
    config_drop(c);
}

static void presets_are_written_as_comments_and_secrets_masked(void **state)
{
    struct config *c = good("turn { lifetime = 600s secret = hush realm = r }");
    char *text = written(c, false);
    assert_non_null(strstr(text, "\n    #lifetime = 10m\n"));
    assert_non_null(strstr(text, "\n    realm = \"r\"\n"));
    assert_non_null(strstr(text, "\n    secret = \"********\"\n"));
    assert_non_null(strstr(text, "\n    #denied = {\"10.0.0.0/8\", \"fc00::/7\"}\n"));
    assert_null(strstr(text, "hush"));
    free(text);
    config_drop(c);
}

static void a_list_of_secrets_is_masked_as_a_whole(void **state)
{
    struct config *c = good("turn { keys = {\"hush\", \"hash\"} }");
    struct config_problem *p = NULL;
    assert_int_equal(turn_of(c)->keys.n, 2);
    assert_string_equal(turn_of(c)->keys.items[1], "hash");
    char *text = written(c, false), *plain = written(c, true);
    assert_non_null(strstr(text, "\n    keys = {\"********\"}\n"));
    assert_null(strstr(text, "hush"));
    assert_non_null(strstr(plain, "\n    keys = {\"hush\", \"hash\"}\n"));
    free(text);
    free(plain);
    config_drop(c);
    REFUSED("turn { keys = {\"********\"} }", {1, "is the mask"});
    assert_null(config_load_text("turn { keys = {\"********\"} threads = x }", "t", tables, &p));
    for (const struct config_problem *i = p; i; i = i->next)
        assert_null(strstr(i->text, "****"));
    config_problems_free(p);
}

static void differences_name_key_values_and_when_they_count(void **state)
{
    struct config *a = good("turn { realm = a secret = one }"),
                  *b = good("turn { realm = b secret = two threads = 5 }");
    struct buf out;
    buf_init(&out);
    assert_int_equal(config_diff(a, b, &out), 3);
    buf_append(&out, bytes_of("", 1));
    assert_string_equal((const char *)buf_bytes(&out).p,
                        "turn.threads: 4 -> 5 (restart)\n"
                        "turn.realm: \"a\" -> \"b\" (new connections)\n"
                        "turn.secret: \"********\" -> \"********\" (live)\n");
    buf_fini(&out);
    config_drop(a);
    config_drop(b);
}

static void the_man_page_has_every_key(void **state)
{
    struct buf b;
    buf_init(&b);
    assert_true(config_man(tables, &b));
    buf_append(&b, bytes_of("", 1));
    const char *text = (const char *)buf_bytes(&b).p;
    for (size_t i = 0; i < turn.n; i++)
        assert_non_null(strstr(text, turn_items[i].key));
    assert_non_null(strstr(text, "default 49152\\-65535"));
    assert_non_null(strstr(text, "From 1s to 1h."));
    assert_non_null(strstr(text, "One of \\fBstrict\\fR, \\fBopen\\fR, \\fBclosed\\fR."));
    buf_fini(&b);
}

static void a_path_is_taken_from_the_files_folder(void **state)
{
    char folder[] = "/tmp/sallyport-config-XXXXXX", file[64], want[64];
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/s.conf", folder);
    snprintf(want, sizeof want, "%s/c.pem", folder);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs("turn { certificate = c.pem }\n", f);
    fclose(f);
    struct config *c = config_load(file, tables, NULL);
    assert_non_null(c);
    assert_string_equal(turn_of(c)->cert, want);
    config_drop(c);
    unlink(file);
    rmdir(folder);
}

static void a_file_that_is_not_there_is_a_problem(void **state)
{
    struct config_problem *p = NULL;
    assert_null(config_load("/nonexistent/s.conf", tables, &p));
    assert_non_null(p);
    assert_int_equal(p->line, 0);
    assert_non_null(strstr(p->text, "No such file"));
    config_problems_free(p);
}

static void a_preset_that_is_wrong_is_found(void **state)
{
    static const struct setting items[] = {
        {.key = "wait", .type = SETTING_DURATION, .preset = "10", .help = "no unit"},
    };
    static const struct settings bad = {"bad", "", 8, items, 1};
    static const struct settings *const list[] = {&bad, NULL};
    struct config_problem *p = NULL;
    assert_null(config_load(NULL, list, &p));
    assert_non_null(p);
    assert_non_null(strstr(p->text, "bad.wait"));
    config_problems_free(p);
}

static void a_held_config_outlives_its_first_owner(void **state)
{
    struct config *c = good("turn { realm = kept }");
    const struct config *mine = config_hold(c);
    config_drop(c);
    assert_string_equal(turn_of(mine)->realm, "kept");
    config_drop(mine);
    config_drop(NULL);
}

/* ---- what a room makes of its settings */

struct made {
    struct string_list words;
    int64_t number;
    char *joined; /* of all words, made once */
};

static unsigned made_now;

static void make(void *values, struct config_report *r)
{
    struct made *m = values;
    for (size_t i = 0; i < m->words.n; i++)
        if (strcmp(m->words.items[i], "bad") == 0)
            config_report(r, "words", i, "\"%s\" is bad", m->words.items[i]);
    if (asprintf(&m->joined, "%zu words and %d", m->words.n, (int)m->number) > 0)
        made_now++;
}

static void unmake(void *values)
{
    struct made *m = values;
    made_now -= m->joined != NULL;
    free(m->joined);
}

static const struct setting made_items[] = {
    {.key = "words",
     .type = SETTING_STRINGS,
     .offset = offsetof(struct made, words),
     .preset = "one, and a half\nand a second one",
     .help = "Words",
     .finish = make,
     .release = unmake},
    {.key = "number", .type = SETTING_INT, .offset = offsetof(struct made, number), .preset = "7"},
};
static const struct settings made_settings = {"made", "Made", sizeof(struct made), made_items, 2};
static const struct settings *const made_tables[] = {&made_settings, NULL};

static void a_room_makes_something_of_its_settings_once(void **state)
{
    struct config *c = config_load_text("made { number = 9 }", "f", made_tables, NULL);
    const struct made *m = config_of(c, &made_settings);
    assert_string_equal(m->joined, "2 words and 9"); /* a preset of lines: commas are its own */
    assert_string_equal(m->words.items[0], "one, and a half");
    assert_int_equal(made_now, 1);
    config_drop(c);
    assert_int_equal(made_now, 0);
}

static void what_it_reports_refuses_the_file_with_the_items_line(void **state)
{
    struct config_problem *p = NULL;
    assert_null(config_load_text("made { words = { good,\n\n bad,\n good, bad } }", "f", made_tables, &p));
    assert_string_equal(p->text, "made.words: \"bad\" is bad");
    assert_int_equal(p->line, 3);
    assert_int_equal(p->next->line, 4);
    assert_null(p->next->next);
    config_problems_free(p);
    assert_null(config_load_text("made { number = x words = { bad } }", "f", made_tables, &p));
    assert_null(p->next); /* only what is good is made something of */
    config_problems_free(p);
    assert_int_equal(made_now, 0);
}

static void long_items_are_written_line_by_line(void **state)
{
    struct config *c =
        config_load_text("made { words = { \"a sentence that is longer than forty characters\", short } }",
                         "f", made_tables, NULL);
    struct buf out;
    buf_init(&out);
    assert_true(config_write(c, &out, true));
    assert_true(bytes_find(buf_bytes(&out),
                           BYTES("words = {\n        \"a sentence that is longer than forty characters\","
                                 "\n        \"short\"\n    }\n")) != BYTES_NOT_FOUND);
    buf_fini(&out);
    config_drop(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_count_without_a_file),
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(units_of_time_and_size),
        cmocka_unit_test(an_empty_list_is_not_the_preset),
        cmocka_unit_test(a_single_word_is_a_list_of_one),
        cmocka_unit_test(parts_of_a_section_are_one),
        cmocka_unit_test(variables_of_the_environment_are_taken),
        cmocka_unit_test(bad_values_are_told_with_their_lines),
        cmocka_unit_test(bad_numbers),
        cmocka_unit_test(ports_have_bounds),
        cmocka_unit_test(comments_do_not_move_the_lines),
        cmocka_unit_test(what_looks_like_a_comment_in_a_word_is_none),
        cmocka_unit_test(all_unknown_names_are_told_at_once),
        cmocka_unit_test(twice_is_refused_with_both_lines),
        cmocka_unit_test(broken_syntax_is_told),
        cmocka_unit_test(a_mask_is_not_taken_for_the_secret),
        cmocka_unit_test(a_refused_secret_is_not_shown),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(presets_are_written_as_comments_and_secrets_masked),
        cmocka_unit_test(a_list_of_secrets_is_masked_as_a_whole),
        cmocka_unit_test(differences_name_key_values_and_when_they_count),
        cmocka_unit_test(the_man_page_has_every_key),
        cmocka_unit_test(a_path_is_taken_from_the_files_folder),
        cmocka_unit_test(a_file_that_is_not_there_is_a_problem),
        cmocka_unit_test(a_preset_that_is_wrong_is_found),
        cmocka_unit_test(a_held_config_outlives_its_first_owner),
        cmocka_unit_test(a_room_makes_something_of_its_settings_once),
        cmocka_unit_test(what_it_reports_refuses_the_file_with_the_items_line),
        cmocka_unit_test(long_items_are_written_line_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
