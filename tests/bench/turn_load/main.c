/* turn_load MODE [options]: see usage. */
#include "turn_load.h"
#include "words.h"
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

const char usage[] =
    "turn_load MODE --server ADDRESS:PORT --user NAME --password TEXT [options]\n"
    "\n"
    "modes   relay      packets through channels to an echo peer of its own\n"
    "        cycle      connect, TLS, Allocate, CreatePermission, Refresh, Refresh 0, close\n"
    "        handshake  connect, TLS, close\n"
    "        hold       allocations that stand idle\n"
    "        storm      relay, quiet and then beside new clients\n"
    "        stream     one TCP connection through the relay (RFC 6062)\n"
    "\n"
    "  --server-pid PID       whose CPU and memory to read from /proc\n"
    "  --seconds S --warmup S the timed window, and what goes before it (5, 1)\n"
    "  --clients N            calls, or allocations to hold (10)\n"
    "  --size BYTES           of a packet's payload, 16 to 1400 (172)\n"
    "  --window N             packets of a client under way (32)\n"
    "  --pps N                packets a second of a client instead\n"
    "  --direction echo|up|down\n"
    "  --threads N            of cycle and storm (8)\n"
    "  --rate N               new clients a second of a storm (500)\n"
    "  --peer-port PORT       of the echo peer (any)\n"
    "  --plain                TCP without TLS\n"
    "  --tls 1.2|1.3          the newest version to offer (1.3)\n"
    "\n"
    "One JSON object on standard output. `cost` is the server's: CPU us a packet (each direction counts "
    "one), CPU ms\n"
    "a cycle, KiB an allocation, CPU s a GB; of a storm, the calls' p99 delay by its quiet value.\n";

static enum direction read_direction(const char *text)
{
    static const char *const names[] = {"echo", "up", "down"};
    for (unsigned i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0)
            return (enum direction)i;
    wrong("--direction echo, up or down");
}

static const struct option names[] = {
    {"server", 1, NULL, 's'},     {"user", 1, NULL, 'u'},      {"password", 1, NULL, 'p'},
    {"server-pid", 1, NULL, 'i'}, {"seconds", 1, NULL, 't'},   {"warmup", 1, NULL, 'w'},
    {"clients", 1, NULL, 'c'},    {"size", 1, NULL, 'l'},      {"window", 1, NULL, 'W'},
    {"pps", 1, NULL, 'r'},        {"direction", 1, NULL, 'D'}, {"threads", 1, NULL, 'T'},
    {"rate", 1, NULL, 'R'},       {"peer-port", 1, NULL, 'P'}, {"plain", 0, NULL, 'x'},
    {"tls", 1, NULL, 'v'},        {"help", 0, NULL, 'h'},      {NULL, 0, NULL, 0},
};

static void take_option(struct options *o, int which)
{
    switch (which) {
    case 's':
        words_server(&o->server, optarg);
        break;
    case 'u':
        o->user = optarg;
        break;
    case 'p':
        o->password = optarg;
        break;
    case 'i':
        o->server_pid = (int)words_number(optarg, 1, 1u << 30, "--server-pid");
        break;
    case 't':
        o->seconds = words_seconds(optarg);
        break;
    case 'w':
        o->warmup = words_seconds(optarg);
        break;
    case 'c':
        o->clients = words_number(optarg, 1, 20000, "--clients: 1 to 20000");
        break;
    case 'l':
        o->size = words_number(optarg, PAYLOAD_MIN, PAYLOAD_MAX, "--size: 16 to 1400");
        break;
    case 'W':
        o->window = words_number(optarg, 1, 10000, "--window: 1 to 10000");
        break;
    case 'r':
        o->pps = words_number(optarg, 1, 100000, "--pps: 1 to 100000");
        break;
    case 'D':
        o->direction = read_direction(optarg);
        break;
    case 'T':
        o->threads = words_number(optarg, 1, 512, "--threads: 1 to 512");
        break;
    case 'R':
        o->rate = words_number(optarg, 1, 100000, "--rate: 1 to 100000");
        break;
    case 'P':
        o->peer_port = (uint16_t)words_number(optarg, 1, 65535, "--peer-port: 1 to 65535");
        break;
    case 'x':
        o->plain = true;
        break;
    case 'v':
        o->old_tls = words_old_tls(optarg);
        break;
    case 'h':
        fputs(usage, stdout);
        exit(0);
    default:
        wrong("unknown option");
    }
}

int main(int argc, char **argv)
{
    struct options o = {
        .clients = 10, .size = 172, .window = 32, .seconds = 5, .warmup = 1, .threads = 8, .rate = 500};
    static const struct {
        const char *name;
        int (*run)(const struct options *o);
        bool handshake_only;
    } modes[] = {{"relay", run_relay, false}, {"cycle", run_cycle, false}, {"handshake", run_cycle, true},
                 {"hold", run_hold, false},   {"storm", run_storm, false}, {"stream", run_stream, false}};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;)
        take_option(&o, c);
    if (optind + 1 != argc || !o.server.sin_port || !o.user || !o.password)
        wrong("a mode, --server, --user and --password are needed");
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        o.handshake_only = modes[i].handshake_only;
        if (strcmp(argv[optind], modes[i].name) == 0)
            return modes[i].run(&o);
    }
    wrong("no such mode");
}
