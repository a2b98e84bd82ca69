/* sip_load MODE [options]: see usage. */
#include "sip_load.h"
#include "words.h"
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

const char usage[] =
    "sip_load MODE --server ADDRESS:PORT --realm NAME --password TEXT [options]\n"
    "\n"
    "modes   register   REGISTER, its challenge, REGISTER, over and over on open flows\n"
    "        call       INVITE 180 200 ACK BYE 200 from every second phone to the next\n"
    "        ping       double CRLF at a rate\n"
    "        cycle      connect, TLS, register, close\n"
    "        handshake  connect, TLS, close\n"
    "        hold       registered flows that stand idle\n"
    "        storm      all register at once for a while; what memory is left then\n"
    "        life       all of it, at random, at a rate\n"
    "\n"
    "  --server-pid PID       whose CPU and memory to read from /proc, with all processes below it\n"
    "  --user NAME            users are NAME00000, NAME00001, ... (u)\n"
    "  --base N               number of the first one (0)\n"
    "  --route URI            of the first Route, before the Service-Route\n"
    "  --seconds S --warmup S the timed window, and what goes before it (5, 1); of a storm, its end at the "
    "latest\n"
    "  --phones N             (200)\n"
    "  --flight N             of them that are busy at a time (100)\n"
    "  --rate N               pings or deeds a second (2000)\n"
    "  --resume               cycle: with the ticket of the last connection\n"
    "  --tls 1.2|1.3          the newest version to offer (1.3)\n"
    "\n"
    "One JSON object on standard output. `cost` is the server's: CPU ms a REGISTER transaction, call, ping, "
    "cycle or\n"
    "handshake; KiB a phone; of a storm, the memory after it by that before it.\n";

static const struct option names[] = {
    {"server", 1, NULL, 's'},   {"realm", 1, NULL, 'r'},  {"user", 1, NULL, 'u'},
    {"password", 1, NULL, 'p'}, {"route", 1, NULL, 'o'},  {"server-pid", 1, NULL, 'i'},
    {"seconds", 1, NULL, 't'},  {"warmup", 1, NULL, 'w'}, {"phones", 1, NULL, 'n'},
    {"flight", 1, NULL, 'f'},   {"rate", 1, NULL, 'R'},   {"base", 1, NULL, 'b'},
    {"resume", 0, NULL, 'e'},   {"tls", 1, NULL, 'v'},    {"help", 0, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void take_number(struct options *o, int which)
{
    switch (which) {
    case 'i':
        o->server_pid = (int)words_number(optarg, 1, 1u << 30, "--server-pid");
        break;
    case 'n':
        o->phones = words_number(optarg, 1, 50000, "--phones: 1 to 50000");
        break;
    case 'f':
        o->flight = words_number(optarg, 1, 50000, "--flight: 1 to 50000");
        break;
    case 'R':
        o->rate = words_number(optarg, 1, 100000, "--rate: 1 to 100000");
        break;
    case 'b':
        o->base = words_number(optarg, 0, 50000, "--base: 0 to 50000");
        break;
    case 't':
        o->seconds = words_seconds(optarg);
        break;
    case 'w':
        o->warmup = words_seconds(optarg);
        break;
    default:
        wrong("unknown option");
    }
}

static void take_option(struct options *o, int which)
{
    switch (which) {
    case 's':
        words_server(&o->server, optarg);
        break;
    case 'r':
        o->realm = optarg;
        break;
    case 'u':
        o->user = optarg;
        break;
    case 'p':
        o->password = optarg;
        break;
    case 'o':
        o->route = optarg;
        break;
    case 'e':
        o->resume = true;
        break;
    case 'v':
        o->old_tls = words_old_tls(optarg);
        break;
    case 'h':
        fputs(usage, stdout);
        exit(0);
    default:
        take_number(o, which);
    }
}

int main(int argc, char **argv)
{
    struct options o = {.user = "u", .phones = 200, .flight = 100, .rate = 2000, .seconds = 5, .warmup = 1};
    static const struct {
        const char *name;
        int (*run)(const struct options *o);
    } modes[] = {{"register", run_register},   {"call", run_call}, {"ping", run_ping},   {"cycle", run_cycle},
                 {"handshake", run_handshake}, {"hold", run_hold}, {"storm", run_storm}, {"life", run_life}};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
        take_option(&o, c);
    if (optind + 1 != argc || !o.server.sin_port || !o.realm || !o.password)
        wrong("a mode, --server, --realm and --password are needed");
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(argv[optind], modes[i].name) == 0)
            return modes[i].run(&o);
    wrong("no such mode");
}
