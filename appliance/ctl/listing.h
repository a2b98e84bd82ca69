/* listing: a command that prints a table of what the gateway has, or with --json what it said. */
#pragma once
#include <jansson.h>

struct listing {
    const char *command;  /* as it is written: "policy list" */
    const char *question; /* to the gateway */
    const char *member;   /* of the answer: the list */
    void (*head)(const json_t *answer);
    void (*row)(const json_t *one);
    void (*foot)(const json_t *answer, const json_t *list); /* NULL: none; so may be head */
};

/* Asks and prints; the exit code. */
int listing_run(const struct listing *l, const char *socket_path, int argc, char **argv);
/* A foot: "N in all", and whether `list` shows only the first of them. */
void listing_count(const json_t *answer, const json_t *list);
