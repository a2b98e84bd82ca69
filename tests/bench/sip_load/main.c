/* sip_load MODE [options]: see the tables. */
#include "sip_load.h"
#include "words.h"

#define AT(field) .at = offsetof(struct options, field)

static const struct mode modes[] = {
    {"register", run_register, "REGISTER, its challenge, REGISTER, over and over on open flows"},
    {"call", run_call, "INVITE 180 200 ACK BYE 200 from every second phone to the next"},
    {"ping", run_ping, "double CRLF at a rate"},
    {"cycle", run_cycle, "connect, TLS, register, close"},
    {"handshake", run_handshake, "connect, TLS, close"},
    {"hold", run_hold, "registered flows that stand idle"},
    {"storm", run_storm, "all register at once for a while; what memory is left then"},
    {"life", run_life, "all of it, at random, at a rate"},
    {0},
};

static const struct word words[] = {
    {"server", WORD_SERVER, "ADDRESS:PORT", "IPv4", AT(server), .needed = true},
    {"realm", WORD_TEXT, "NAME", "of the users", AT(realm), .needed = true},
    {"password", WORD_TEXT, "TEXT", "of every user", AT(password), .needed = true},
    {"server-pid", WORD_NUMBER, "PID", "whose CPU and memory to read from /proc, with all processes below it",
     AT(server_pid), .least = 1, .most = 1u << 30},
    {"user", WORD_TEXT, "NAME", "users are NAME00000, NAME00001, ...", AT(user)},
    {"base", WORD_NUMBER, "N", "number of the first one", AT(base), .least = 0, .most = 50000},
    {"route", WORD_TEXT, "URI", "of the first Route, before the Service-Route", AT(route)},
    {"seconds", WORD_SECONDS, "S", "the timed window; of a storm, its end at the latest", AT(seconds)},
    {"warmup", WORD_SECONDS, "S", "what goes before it", AT(warmup)},
    {"phones", WORD_NUMBER, "N", "how many", AT(phones), .least = 1, .most = 50000},
    {"flight", WORD_NUMBER, "N", "of them busy at a time", AT(flight), .least = 1, .most = 50000},
    {"rate", WORD_NUMBER, "N", "pings or deeds a second", AT(rate), .least = 1, .most = 100000},
    {"resume", WORD_FLAG, NULL, "cycle: with the ticket of the last connection", AT(resume)},
    {"tls", WORD_CHOICE, TLS_CHOICE, "the newest version to offer (1.3)", AT(tls)},
    {0},
};

int main(int argc, char **argv)
{
    static const struct options defaults = {
        .user = "u", .phones = 200, .flight = 100, .rate = 2000, .seconds = 5, .warmup = 1, .tls = TLS_1_3};
    static const struct command command = {
        "sip_load", modes, words, &defaults,
        "One JSON object on standard output. `cost` is the server's: CPU ms a REGISTER transaction, call,\n"
        "ping, cycle or handshake; KiB a phone; of a storm, the memory after it by that before it.\n"};
    struct options o = defaults;
    return command_run(&command, &o, argc, argv);
}
