/* sallyport-ue: the UE's side. Exit 0: all went well; 1: a step failed; 2: usage. */
#include "modules/ue/ue.h"
#include <getopt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX 3600
#define HOLD_MAX    86400

static const char usage_text[] =
    "usage: sallyport-ue COMMAND --server HOST[:PORT] --user NAME --password-file FILE [OPTIONS]\n"
    "\n"
    "  prove     two UEs in this process register, call each other through their relays and measure\n"
    "            (--peer NAME --peer-password-file FILE [--seconds 4])\n"
    "  register  registers, and takes the binding away again ([--hold SECONDS])\n"
    "  call      calls another sallyport-ue and measures (--to sip:NAME@DOMAIN [--seconds 4])\n"
    "  answer    takes one call and measures ([--wait 60])\n"
    "\n"
    "  --server HOST[:PORT]   the gateway, as its certificate names it; port 443 when none is given\n"
    "  --connect ADDR[:PORT]  dial this address; the certificate must still be for HOST\n"
    "  --ca FILE              trust these CAs (PEM) instead of the system's\n"
    "  --domain DOMAIN        SIP domain of the users, if it is not HOST\n"
    "  --password-file FILE   the first line is the password; - is standard input\n"
    "  --json                 the result as JSON\n"
    "  --version, --help\n";

static int usage(const char *why)
{
    if (why)
        fprintf(stderr, "sallyport-ue: %s\n", why);
    fputs(usage_text, stderr);
    return 2;
}

/* One line of a file or of standard input, without its end. */
static bool read_secret(const char *path, char dst[static UE_SECRET_MAX])
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "re");
    bool ok = f && fgets(dst, UE_SECRET_MAX, f);
    if (f && !standard)
        fclose(f);
    if (!ok) {
        fprintf(stderr, "sallyport-ue: no password in %s\n", standard ? "standard input" : path);
        return false;
    }
    size_t n = strcspn(dst, "\r\n");
    bool whole = dst[n] != '\0' || n < UE_SECRET_MAX - 1;
    dst[n] = '\0';
    if (!whole || n == 0)
        fprintf(stderr, "sallyport-ue: the password is %s\n", n ? "too long" : "empty");
    return whole && n > 0;
}

static bool read_seconds(const char *text, uint32_t least, uint32_t most, uint32_t *out)
{
    return bytes_u32(bytes_str(text), out) && *out >= least && *out <= most;
}

enum {
    SERVER = 1,
    CONNECT,
    CA,
    DOMAIN,
    USER,
    PASSWORD,
    PEER,
    PEER_PASSWORD,
    TO,
    TALK,
    HOLD,
    WAIT,
    JSON,
    VERSION,
    HELP
};

static const struct option table[] = {{"server", required_argument, NULL, SERVER},
                                      {"connect", required_argument, NULL, CONNECT},
                                      {"ca", required_argument, NULL, CA},
                                      {"domain", required_argument, NULL, DOMAIN},
                                      {"user", required_argument, NULL, USER},
                                      {"password-file", required_argument, NULL, PASSWORD},
                                      {"peer", required_argument, NULL, PEER},
                                      {"peer-password-file", required_argument, NULL, PEER_PASSWORD},
                                      {"to", required_argument, NULL, TO},
                                      {"seconds", required_argument, NULL, TALK},
                                      {"hold", required_argument, NULL, HOLD},
                                      {"wait", required_argument, NULL, WAIT},
                                      {"json", no_argument, NULL, JSON},
                                      {"version", no_argument, NULL, VERSION},
                                      {"help", no_argument, NULL, HELP},
                                      {NULL, 0, NULL, 0}};

struct request {
    struct ue_options o;
    const char *password_file, *peer_password_file;
};

/* NULL, or what is wrong with it. */
static const char *take_option(struct request *rq, int which, const char *value)
{
    struct ue_options *o = &rq->o;
    const char **texts[] = {
        [SERVER] = &o->server, [CONNECT] = &o->connect, [CA] = &o->ca,
        [DOMAIN] = &o->domain, [USER] = &o->user,       [PASSWORD] = &rq->password_file,
        [PEER] = &o->peer,     [TO] = &o->to,           [PEER_PASSWORD] = &rq->peer_password_file};
    switch (which) {
    case TALK:
        return read_seconds(value, 1, SECONDS_MAX, &o->seconds) ? NULL : "--seconds must be 1 to 3600";
    case HOLD:
        return read_seconds(value, 0, HOLD_MAX, &o->hold) ? NULL : "--hold must be 0 to 86400 seconds";
    case WAIT:
        return read_seconds(value, 1, HOLD_MAX, &o->wait) ? NULL : "--wait must be 1 to 86400 seconds";
    case JSON:
        o->json = true;
        return NULL;
    default:
        *texts[which] = value;
        return NULL;
    }
}

static const struct command {
    const char *name;
    int (*run)(const struct ue_options *o);
    bool peer, to; /* needs --peer, --to */
} commands[] = {{"prove", ue_prove, .peer = true},
                {"register", ue_register, .peer = false},
                {"call", ue_call, .to = true},
                {"answer", ue_answer, .peer = false}};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; name && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static const char *what_is_missing(const struct command *c, const struct request *rq)
{
    if (!rq->o.server)
        return "--server HOST:PORT is missing";
    if (!rq->o.user)
        return "--user is missing";
    if (!rq->password_file)
        return "--password-file is missing (- for standard input)";
    if (c->peer && (!rq->o.peer || !rq->peer_password_file))
        return "prove needs --peer and --peer-password-file";
    return c->to && !rq->o.to ? "call needs --to sip:NAME@DOMAIN" : NULL;
}

static int run(const struct command *c, struct request *rq)
{
    if (!read_secret(rq->password_file, rq->o.password))
        return 2;
    if (c->peer && !read_secret(rq->peer_password_file, rq->o.peer_password))
        return 2;
    int rc = c->run(&rq->o);
    OPENSSL_cleanse(rq->o.password, sizeof rq->o.password);
    OPENSSL_cleanse(rq->o.peer_password, sizeof rq->o.peer_password);
    return rc;
}

int main(int argc, char **argv)
{
    struct request rq = {.o.seconds = 4, .o.wait = 60};
    const char *wrong = NULL;
    int which;
    while (!wrong && (which = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        if (which == VERSION)
            return puts("sallyport-ue " SALLYPORT_VERSION) < 0;
        if (which == HELP || which == 'h')
            return fputs(usage_text, stdout) < 0;
        if (which == '?')
            return usage(NULL);
        wrong = take_option(&rq, which, optarg);
    }
    const struct command *c = find_command(argv[optind]);
    if (!wrong && !c)
        wrong = argv[optind] ? "no such command" : "a command is missing";
    if (!wrong && argv[optind + 1])
        wrong = "too many words";
    if (!wrong)
        wrong = what_is_missing(c, &rq);
    return wrong ? usage(wrong) : run(c, &rq);
}
