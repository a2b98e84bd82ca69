/* turn_load MODE [options]: see the tables. */
#include "turn_load.h"
#include "words.h"

#define AT(field) .at = offsetof(struct options, field)

static const struct mode modes[] = {
    {"relay", run_relay, "packets through channels to an echo peer of its own"},
    {"cycle", run_cycle, "connect, TLS, Allocate, CreatePermission, Refresh, Refresh 0, close"},
    {"handshake", run_handshake, "connect, TLS, close"},
    {"hold", run_hold, "allocations that stand idle"},
    {"storm", run_storm, "relay, quiet and then beside new clients"},
    {"stream", run_stream, "one TCP connection through the relay (RFC 6062)"},
    {0},
};

static const struct word words[] = {
    {"server", WORD_SERVER, "ADDRESS:PORT", "IPv4", AT(server), .needed = true},
    {"user", WORD_TEXT, "NAME", "of all clients", AT(user), .needed = true},
    {"password", WORD_TEXT, "TEXT", "of the user", AT(password), .needed = true},
    {"server-pid", WORD_NUMBER, "PID", "whose CPU and memory to read from /proc", AT(server_pid), 1,
     1u << 30},
    {"seconds", WORD_SECONDS, "S", "the timed window", AT(seconds)},
    {"warmup", WORD_SECONDS, "S", "what goes before it", AT(warmup)},
    {"clients", WORD_NUMBER, "N", "calls, or allocations to hold", AT(clients), .least = 1, .most = 20000},
    {"size", WORD_NUMBER, "BYTES", "of a packet's payload", AT(size), .least = PAYLOAD_MIN,
     .most = PAYLOAD_MAX},
    {"window", WORD_NUMBER, "N", "packets of a client under way", AT(window), .least = 1, .most = 10000},
    {"pps", WORD_NUMBER, "N", "packets a second of a client instead", AT(pps), .least = 1, .most = 100000},
    {"direction", WORD_CHOICE, "echo|up|down", "which way they go (echo)", AT(direction)},
    {"threads", WORD_NUMBER, "N", "of cycle and storm", AT(threads), .least = 1, .most = 512},
    {"rate", WORD_NUMBER, "N", "new clients a second of a storm", AT(rate), .least = 1, .most = 100000},
    {"peer-port", WORD_NUMBER, "PORT", "of the echo peer instead of any", AT(peer_port), .least = 1,
     .most = 65535},
    {"plain", WORD_FLAG, NULL, "TCP without TLS", AT(plain)},
    {"tls", WORD_CHOICE, TLS_CHOICE, "the newest version to offer (1.3)", AT(tls)},
    {0},
};

int main(int argc, char **argv)
{
    static const struct options defaults = {.clients = 10,
                                            .size = 172,
                                            .window = 32,
                                            .seconds = 5,
                                            .warmup = 1,
                                            .threads = 8,
                                            .rate = 500,
                                            .tls = TLS_1_3};
    static const struct command command = {
        "turn_load", modes, words, &defaults,
        "One JSON object on standard output. `cost` is the server's: CPU us a packet (each direction counts\n"
        "one), CPU ms a cycle, KiB an allocation, CPU s a GB; of a storm, the calls' p99 delay by its quiet "
        "value.\n"};
    struct options o = defaults;
    return command_run(&command, &o, argc, argv);
}
