#include "words.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 32u

/* What the option has when it is not given, as the table's type. */
static void show_default(FILE *to, const struct word *w, const void *at)
{
    if (w->kind == WORD_TEXT && *(const char *const *)at)
        fprintf(to, " (%s)", *(const char *const *)at);
    if (w->kind == WORD_NUMBER && *(const unsigned *)at >= w->least)
        fprintf(to, " (%u)", *(const unsigned *)at);
    if (w->kind == WORD_SECONDS)
        fprintf(to, " (%g)", *(const double *)at);
}

static void show_word(FILE *to, const struct command *c, const struct word *w)
{
    char name[64];
    snprintf(name, sizeof name, "--%s %s", w->name, w->value ? w->value : "");
    fprintf(to, "  %-26s %s", name, w->help);
    if (w->kind == WORD_NUMBER)
        fprintf(to, ", %u to %u", w->least, w->most);
    if (!w->needed)
        show_default(to, w, (const char *)c->defaults + w->at);
    fputc('\n', to);
}

static void usage(const struct command *c, FILE *to)
{
    fprintf(to, "%s MODE", c->name);
    for (const struct word *w = c->words; w->name; w++)
        if (w->needed)
            fprintf(to, " --%s %s", w->name, w->value);
    fputs(" [options]\n\n", to);
    for (const struct mode *m = c->modes; m->name; m++)
        fprintf(to, "%-7s %-10s %s\n", m == c->modes ? "modes" : "", m->name, m->help);
    fputc('\n', to);
    for (const struct word *w = c->words; w->name; w++)
        show_word(to, c, w);
    fprintf(to, "\n%s", c->foot);
}

_Noreturn static void wrong(const struct command *c, const char *name, const char *what)
{
    fprintf(stderr, "%s: %s%s\n\n", c->name, name, what);
    usage(c, stderr);
    exit(2);
}

static bool read_number(unsigned *to, const char *text, unsigned least, unsigned most)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    *to = (unsigned)n;
    return end != text && !*end && n >= least && n <= most;
}

static bool read_seconds(double *to, const char *text)
{
    char *end;
    *to = strtod(text, &end);
    return end != text && !*end && *to >= 0 && *to <= 86400;
}

static bool read_server(struct sockaddr_in *to, const char *text)
{
    char address[INET_ADDRSTRLEN] = "";
    const char *colon = strrchr(text, ':');
    unsigned port;
    if (!colon || (size_t)(colon - text) >= sizeof address || !read_number(&port, colon + 1, 1, 65535))
        return false;
    memcpy(address, text, (size_t)(colon - text));
    *to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, address, &to->sin_addr) == 1;
}

static bool read_choice(unsigned *to, const char *text, const char *all)
{
    for (*to = 0; *all; ++*to) {
        size_t n = strcspn(all, "|");
        if (n == strlen(text) && memcmp(all, text, n) == 0)
            return true;
        all += n + (all[n] == '|');
    }
    return false;
}

static bool read_word(const struct word *w, const char *text, void *to)
{
    switch (w->kind) {
    case WORD_TEXT:
        *(const char **)to = text;
        return true;
    case WORD_FLAG:
        *(bool *)to = true;
        return true;
    case WORD_NUMBER:
        return read_number(to, text, w->least, w->most);
    case WORD_SECONDS:
        return read_seconds(to, text);
    case WORD_SERVER:
        return read_server(to, text);
    case WORD_CHOICE:
        return read_choice(to, text, w->value);
    }
    return false;
}

/* Marks what is seen, by its place in the table. */
static void read_words(const struct command *c, struct options *o, int argc, char **argv, bool *seen)
{
    struct option names[WORDS_MAX] = {{"help", 0, NULL, 'h'}};
    unsigned n = 0;
    for (const struct word *w = c->words; w->name && n < WORDS_MAX - 2; w++)
        names[++n] = (struct option){w->name, w->kind != WORD_FLAG, NULL, 'w'};
    for (int code, i = 0; (code = getopt_long(argc, argv, "", names, &i)) != -1;) {
        if (code == '?')
            wrong(c, "", "see its options");
        if (code == 'h') {
            usage(c, stdout);
            exit(0);
        }
        const struct word *w = &c->words[i - 1];
        seen[i - 1] = true;
        if (!read_word(w, optarg, (char *)o + w->at))
            wrong(c, "not so: --", w->name);
    }
}

int command_run(const struct command *c, struct options *o, int argc, char **argv)
{
    bool seen[WORDS_MAX] = {false};
    read_words(c, o, argc, argv, seen);
    for (const struct word *w = c->words; w->name; w++)
        if (w->needed && !seen[w - c->words])
            wrong(c, "please give --", w->name);
    if (optind + 1 != argc)
        wrong(c, "", "one mode, please");
    signal(SIGPIPE, SIG_IGN);
    for (const struct mode *m = c->modes; m->name; m++)
        if (strcmp(argv[optind], m->name) == 0)
            return m->run(o);
    wrong(c, "no such mode: ", argv[optind]);
}
