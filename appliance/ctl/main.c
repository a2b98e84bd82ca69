/* sallyportctl: the operator's tool. Exit 0: done; 1: the gateway said no or is not there; 2: usage; 3: of
 * `policy test`: the request is refused. */
#include "appliance/base/nearest.h"
#include "appliance/ctl/commands.h"
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/sallyport/control.sock"

/* In the order of the help. A command has one word or two. */
static const struct ctl_command {
    const char *words[2];
    const char *args, *help;
    int (*run)(const char *socket, int argc, char **argv);
} commands[] = {
    {{"ping", ""}, "", "is the gateway up? exit 0 or 1", ctl_ping},
    {{"status", ""}, "", "version, uptime, store, users", ctl_status},
    {{"stats", ""}, "[--json|--prometheus]", "every counter", ctl_stats},
    {{"connections", ""}, "[--json]", "who is connected, by which protocol and cipher", ctl_connections},
    {{"registrations", ""},
     "[--json]",
     "who is registered, from where, for how long; what the core tells of it",
     ctl_registrations},
    {{"dialogs", ""}, "[--json]", "the calls that stand or ring, whose, since when", ctl_dialogs},
    {{"allocations", ""},
     "[--json]",
     "the TURN relays, whose, how long, what they carried, what had no permission",
     ctl_allocations},
    {{"core", ""}, "[--json]", "next hops of the IMS core: up or down, since when, why", ctl_core},
    {{"user", "add"},
     "NAME [--realm R] [--password-file F]",
     "add a user or change the password (from standard input, one line)",
     ctl_user_add},
    {{"user", "remove"}, "NAME [--realm R]", "this user may come in no more", ctl_user_remove},
    {{"user", "list"}, "[--json]", "who may come in", ctl_user_list},
    {{"reload", ""},
     "",
     "read the configuration and the certificates again; drops no connection",
     ctl_reload},
    {{"keys", "rotate"},
     "",
     "new keys for TLS tickets and sealed tokens now; the old ones still open",
     ctl_keys_rotate},
    {{"drain", ""}, "", "accept no new connection, let the standing ones end", ctl_drain},
    {{"bans", "list"}, "[--json]", "which addresses are shut out, why, and until when", ctl_bans_list},
    {{"bans", "add"},
     "ADDRESS [--for 10m] [--reason TEXT]",
     "shut one out, for a time or for ever; closes its connections",
     ctl_bans_add},
    {{"bans", "remove"}, "ADDRESS", "let it in again", ctl_bans_remove},
    {{"bans", "clear"}, "", "let all of them in again", ctl_bans_clear},
    {{"policy", "list"}, "[--json]", "the rules, and how often each was met", ctl_policy_list},
    {{"policy", "test"},
     "[--config FILE] [--source A] [--direction phone|core] [--transport tls|tcp|udp]\n"
     "              [--registered] [--identity URI] FILE|-",
     "which rule a SIP request meets, and why; exit 0: it passes, 3: refused",
     ctl_policy_test},
    {{"config", "check"}, "FILE", "find mistakes, start nothing", ctl_config_check},
    {{"config", "diff"}, "FILE FILE", "what would change, and when it would count", ctl_config_diff},
    {{"config", "show"}, "FILE", "every key with its value and meaning", ctl_config_show},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

/* ---- help */

#define HELP_COLUMN 31

static void put_command(FILE *to, const struct ctl_command *c)
{
    int n = fprintf(to, "  %s%s%s%s%s", c->words[0], c->words[1][0] ? " " : "", c->words[1],
                    c->args[0] ? " " : "", c->args);
    if (n >= HELP_COLUMN) {
        fputc('\n', to);
        n = 0;
    }
    fprintf(to, "%*s%s\n", HELP_COLUMN - n, "", c->help);
}

static void put_help(FILE *to)
{
    fputs("usage: sallyportctl [-s SOCKET] COMMAND [ARGUMENTS]\n\n", to);
    for (size_t i = 0; i < COMMANDS; i++)
        put_command(to, &commands[i]);
    fputs("\n  -s, --socket SOCKET  control socket of the gateway (default " DEFAULT_SOCKET "),\n"
          "                       or the environment variable SALLYPORT_SOCKET\n"
          "      --version, --help\n",
          to);
}

int usage(const char *why)
{
    fprintf(stderr, "sallyportctl: %s\n", why);
    return 2;
}

/* ---- which command */

static const struct ctl_command *find(int argc, char **argv)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        const struct ctl_command *c = &commands[i];
        bool two = c->words[1][0];
        if (argc > two && strcmp(argv[0], c->words[0]) == 0 && (!two || strcmp(argv[1], c->words[1]) == 0))
            return c;
    }
    return NULL;
}

/* One after the other: the first words of all, or the second words of those with that first one. */
struct words {
    const char *first; /* NULL: of all */
    size_t i;
};

static const char *next_word(void *arg)
{
    struct words *w = arg;
    while (w->i < COMMANDS) {
        const struct ctl_command *c = &commands[w->i++];
        if (!w->first)
            return c->words[0];
        if (strcmp(c->words[0], w->first) == 0)
            return c->words[1];
    }
    return NULL;
}

static bool is_group(const char *word)
{
    struct words w = {.first = word};
    return next_word(&w) != NULL;
}

static int complain(const char *first, const char *word)
{
    struct words w = {.first = first};
    const char *near = nearest_name(word, next_word, &w), *before = first ? first : "";
    fprintf(stderr, "sallyportctl: no such command: %s%s%s", before, first ? " " : "", word);
    if (near)
        fprintf(stderr, "; did you mean %s%s%s?", before, first ? " " : "", near);
    fputs(first ? "\n" : "\nsallyportctl --help lists all\n", stderr);
    return 2;
}

static int unknown(int argc, char **argv)
{
    if (!argc)
        put_help(stderr);
    else if (!is_group(argv[0]))
        complain(NULL, argv[0]);
    else if (argc > 1 && strcmp(argv[1], "--help") != 0)
        complain(argv[0], argv[1]);
    return 2;
}

/* What there is to say under that first word: nobody looks for one line in forty. */
static int explain(const char *group)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].words[0], group) == 0)
            put_command(stderr, &commands[i]);
    }
    return 2;
}

static int dispatch(const char *socket, int argc, char **argv)
{
    const struct ctl_command *c = find(argc, argv);
    int words = c && c->words[1][0] ? 2 : 1;
    int code = c ? c->run(socket, argc - words, argv + words) : unknown(argc, argv);
    return code == 2 && argc ? explain(argv[0]) : code;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"socket", required_argument, NULL, 's'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *socket = getenv("SALLYPORT_SOCKET");
    int o;
    while ((o = getopt_long(argc, argv, "+s:h", options, NULL)) != -1) {
        if (o == 's')
            socket = optarg;
        else if (o == 'v')
            return puts("sallyportctl " SALLYPORT_VERSION), 0;
        else if (o == 'h')
            return put_help(stdout), 0;
        else
            return put_help(stderr), 2;
    }
    return dispatch(socket ? socket : DEFAULT_SOCKET, argc - optind, argv + optind);
}
