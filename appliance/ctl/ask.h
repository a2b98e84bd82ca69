/* ask: one question to the gateway's control socket, one answer. Blocks; for the command line. */
#pragma once
#include <jansson.h>

/* Sends q (stolen) and returns the answer object, or NULL after saying on stderr what to do. */
json_t *ask(const char *socket_path, json_t *q);
/* The answer when it is good, else NULL after saying what the gateway said. q is taken. */
json_t *ask_or_complain(const char *socket_path, json_t *q);
int done(json_t *answer); /* frees it; the exit code: 1 for NULL */

json_t *command(const char *name);                     /* a question without more to it */
const char *text_in(const json_t *o, const char *key); /* "" when there is none */
json_int_t number_in(const json_t *o, const char *key);
