/* sallyportctl: the operator's tool. Exit 0: done; 1: the gateway said no or is not there; 2: usage; 3: of
 * `policy test`: the request is refused. */
#include "appliance/ctl/commands.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/sallyport/control.sock"

static const char usage_text[] =
    "usage: sallyportctl [-s SOCKET] COMMAND [ARGUMENTS]\n"
    "\n"
    "  ping                         is the gateway up? exit 0 or 1\n"
    "  status                       version, uptime, store, users\n"
    "  stats [--json|--prometheus]  every counter\n"
    "  connections [--json]         who is connected, by which protocol and cipher\n"
    "  registrations [--json]       who is registered, from where, for how long; what the core tells of it\n"
    "  dialogs [--json]             the calls that stand or ring, whose, since when\n"
    "  allocations [--json]         the TURN relays, whose, how long, what they carried, what had no "
    "permission\n"
    "  core [--json]                next hops of the IMS core: up or down, since when, why\n"
    "  user add NAME [--realm R] [--password-file F]\n"
    "                               add a user or change the password (from standard input, one line)\n"
    "  user remove NAME [--realm R]\n"
    "  user list [--json]\n"
    "  reload                       read the configuration and the certificates again; drops no connection\n"
    "  keys rotate                  new keys for TLS tickets and sealed tokens now; the old ones still open\n"
    "  drain                        accept no new connection, let the standing ones end\n"
    "  bans list [--json]           which addresses are shut out, why, and until when\n"
    "  bans add ADDRESS [--for 10m] [--reason TEXT]\n"
    "                               shut one out, for a time or for ever; closes its connections\n"
    "  bans remove ADDRESS          let it in again\n"
    "  bans clear                   let all of them in again\n"
    "  policy list [--json]         the rules, and how often each was met\n"
    "  policy test [--config FILE] [--source A] [--direction phone|core] [--transport tls|tcp|udp]\n"
    "              [--registered] [--identity URI] FILE|-\n"
    "                               which rule a SIP request meets, and why; exit 0: it passes, 3: refused\n"
    "  config check FILE            find mistakes, start nothing\n"
    "  config diff FILE FILE        what would change, and when it would count\n"
    "  config show FILE             every key with its value and meaning\n"
    "\n"
    "  -s, --socket SOCKET  control socket of the gateway (default " DEFAULT_SOCKET "),\n"
    "                       or the environment variable SALLYPORT_SOCKET\n"
    "      --version, --help\n";

int usage(const char *why)
{
    if (why)
        fprintf(stderr, "sallyportctl: %s\n", why);
    fputs(usage_text, stderr);
    return 2;
}

static const struct {
    const char *words[2];
    int (*run)(const char *socket, int argc, char **argv);
} commands[] = {
    {{"ping", NULL}, ctl_ping},
    {{"status", NULL}, ctl_status},
    {{"stats", NULL}, ctl_stats},
    {{"connections", NULL}, ctl_connections},
    {{"registrations", NULL}, ctl_registrations},
    {{"dialogs", NULL}, ctl_dialogs},
    {{"allocations", NULL}, ctl_allocations},
    {{"core", NULL}, ctl_core},
    {{"user", "add"}, ctl_user_add},
    {{"user", "remove"}, ctl_user_remove},
    {{"user", "list"}, ctl_user_list},
    {{"reload", NULL}, ctl_reload},
    {{"keys", "rotate"}, ctl_keys_rotate},
    {{"drain", NULL}, ctl_drain},
    {{"bans", "list"}, ctl_bans_list},
    {{"bans", "add"}, ctl_bans_add},
    {{"bans", "remove"}, ctl_bans_remove},
    {{"bans", "clear"}, ctl_bans_clear},
    {{"policy", "list"}, ctl_policy_list},
    {{"policy", "test"}, ctl_policy_test},
    {{"config", "check"}, ctl_config_check},
    {{"config", "diff"}, ctl_config_diff},
    {{"config", "show"}, ctl_config_show},
};

static int dispatch(const char *socket, int argc, char **argv)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        int words = commands[i].words[1] ? 2 : 1;
        if (argc >= words && strcmp(argv[0], commands[i].words[0]) == 0 &&
            (words == 1 || strcmp(argv[1], commands[i].words[1]) == 0))
            return commands[i].run(socket, argc - words, argv + words);
    }
    return usage(argc ? "no such command" : "a command is missing");
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
            return fputs(usage_text, stdout), 0;
        else
            return usage(NULL);
    }
    return dispatch(socket ? socket : DEFAULT_SOCKET, argc - optind, argv + optind);
}
