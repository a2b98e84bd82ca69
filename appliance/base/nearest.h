/* nearest: "did you mean".
 *
 * Floor 0. Pure; any thread. */
#pragma once

/* The candidate that `name` was probably meant to be, or NULL. next() gives the candidates, then NULL. */
const char *nearest_name(const char *name, const char *(*next)(void *arg), void *arg);
