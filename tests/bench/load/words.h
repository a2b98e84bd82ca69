/* words: the command line of a load driver: a table of its modes, one of its options; what reads them and the
 * usage are made from both. What is wrong ends the program with exit code 2. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct options; /* the driver's own */

enum word_kind {
    WORD_TEXT,    /* const char * */
    WORD_FLAG,    /* bool; no value */
    WORD_NUMBER,  /* unsigned, least to most */
    WORD_SECONDS, /* double, up to a day */
    WORD_SERVER,  /* struct sockaddr_in, of ADDRESS:PORT */
    WORD_CHOICE,  /* unsigned or an enum: which of the texts of `value`, the first is 0 */
};

struct word {
    const char *name; /* without its -- */
    enum word_kind kind;
    const char *value; /* as the usage calls it; of a choice: "echo|up|down" */
    const char *help;
    size_t at; /* in struct options */
    unsigned least, most;
    bool needed;
};

struct mode {
    const char *name;
    int (*run)(const struct options *o);
    const char *help;
};

struct command {
    const char *name;
    const struct mode *modes; /* the last one has no name, as in `words` */
    const struct word *words;
    const struct options *defaults;
    const char *foot; /* of the usage */
};

/* Reads MODE [options] over what `o` holds, runs the mode; what it returned. */
int command_run(const struct command *c, struct options *o, int argc, char **argv);
