/* sallyportctl policy: the rules, and what they would do with a message. */
#include "appliance/boot.h"
#include "appliance/ctl/ask.h"
#include "appliance/ctl/commands.h"
#include "appliance/ctl/listing.h"
#include "appliance/policy_question.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 40000 /* what fits into one question, in base64url */
#define REFUSED     3     /* exit code */

static void head_rules(const json_t *a)
{
    (void)a;
    printf("%10s %10s %9s %-4s %s\n", "hits", "limited", "overruns", "jit", "rule");
}

static void print_rule(const json_t *r)
{
    printf("%10lld %10lld %9lld %-4s %s\n", (long long)number_in(r, "hits"),
           (long long)number_in(r, "limited"), (long long)number_in(r, "overruns"),
           json_is_true(json_object_get(r, "jit")) ? "yes" : "no", text_in(r, "text"));
}

int ctl_policy_list(const char *socket, int argc, char **argv)
{
    static const struct listing l = {"policy list", "policy-list", "rules", head_rules, print_rule, NULL};
    return listing_run(&l, socket, argc, argv);
}

struct test_args {
    struct policy_question q;
    const char *config, *file;
};

static bool take_option(struct test_args *t, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **to;
    } options[] = {{"--config", &t->config},
                   {"--source", &t->q.source},
                   {"--direction", &t->q.direction},
                   {"--transport", &t->q.transport},
                   {"--identity", &t->q.identity}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (strcmp(name, options[i].name) != 0)
            continue;
        *options[i].to = value;
        return value != NULL;
    }
    return false;
}

static bool parse_test_args(struct test_args *t, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--registered") == 0)
            t->q.registered = true;
        else if (argv[i][0] == '-' && argv[i][1] &&
                 !take_option(t, argv[i], i + 1 < argc ? argv[i + 1] : NULL))
            return false;
        else if (argv[i][0] == '-' && argv[i][1])
            i++;
        else if (t->file)
            return false;
        else
            t->file = argv[i];
    }
    return t->file != NULL;
}

static bool read_file(const char *file, uint8_t *mem, size_t *n)
{
    FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "rb");
    if (!f)
        return perror(file), false;
    *n = fread(mem, 1, MESSAGE_MAX + 1, f);
    if (f != stdin)
        fclose(f);
    if (*n && *n <= MESSAGE_MAX)
        return true;
    fprintf(stderr, "sallyportctl: %s: %s\n", file, *n ? "is too long: 40000 bytes at most" : "is empty");
    return false;
}

/* A message out of a log or an editor has lost its CRs, and often the empty line at its end. */
static void write_as_sent(struct bytes text, struct buf *out)
{
    struct bytes line;
    bool whole = bytes_find(text, BYTES("\n\n")) != BYTES_NOT_FOUND;
    bool ended = text.p[text.n - 1] == '\n';
    while (bytes_split(&text, '\n', &line)) {
        buf_append(out, line);
        if (text.n || ended)
            buf_str(out, "\r\n");
    }
    if (!whole)
        buf_str(out, ended ? "\r\n" : "\r\n\r\n");
}

static bool read_message(const char *file, struct buf *out)
{
    static uint8_t mem[MESSAGE_MAX + 1];
    size_t n;
    if (!read_file(file, mem, &n))
        return false;
    struct bytes text = bytes_of(mem, n);
    if (bytes_find_byte(text, '\r') != BYTES_NOT_FOUND) {
        buf_append(out, text);
    } else {
        fputs("sallyportctl: its lines end in LF alone: taken as if they ended in CRLF\n", stderr);
        write_as_sent(text, out);
    }
    return !out->failed;
}

static int test_offline(const struct test_args *t)
{
    struct room_tables tables;
    struct buf out;
    room_tables_fill(&tables);
    struct config *c = roof_read_config(&tables, t->config);
    if (!c)
        return 1;
    buf_init(&out);
    enum policy_answer a = policy_ask(c, &t->q, &out);
    fprintf(a == POLICY_NONSENSE ? stderr : stdout, "%.*s", BYTES_FMT(buf_bytes(&out)));
    buf_fini(&out);
    config_drop(c);
    return a == POLICY_PASSES ? 0 : a == POLICY_REFUSED ? REFUSED : 1;
}

static int test_running(const char *socket, const struct test_args *t)
{
    static char encoded[2 * MESSAGE_MAX * 4 / 3 + 8]; /* with a CR for every LF */
    if (!bytes_to_base64url(t->q.message, encoded, sizeof encoded))
        return 1;
    json_t *a = ask_or_complain(socket, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:b}", "command", "policy-test",
                                                  "message", encoded, "source", t->q.source, "direction",
                                                  t->q.direction, "transport", t->q.transport, "identity",
                                                  t->q.identity, "registered", t->q.registered));
    if (!a)
        return 1;
    bool passes = json_is_true(json_object_get(a, "passes"));
    printf("%s", text_in(a, "text"));
    json_decref(a);
    return passes ? 0 : REFUSED;
}

int ctl_policy_test(const char *socket, int argc, char **argv)
{
    struct test_args t = {.q = POLICY_QUESTION};
    struct buf message;
    int code = 1;
    if (!parse_test_args(&t, argc, argv))
        return usage("policy test takes its options and one FILE, or - for standard input");
    buf_init(&message);
    if (read_message(t.file, &message)) {
        t.q.message = buf_bytes(&message);
        code = t.config ? test_offline(&t) : test_running(socket, &t);
    }
    buf_fini(&message);
    return code;
}
