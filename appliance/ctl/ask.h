/* ask: one question to the gateway's control socket, one answer. Blocks; for the command line. */
#pragma once
#include <jansson.h>

/* Sends q (stolen) and returns the answer object, or NULL after saying on stderr what to do. */
json_t *ask(const char *socket_path, json_t *q);
