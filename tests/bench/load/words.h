/* words: the command line of a load driver: numbers with their ranges, the server's address, the way out. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>

extern const char usage[]; /* the driver's own */

_Noreturn void wrong(const char *what); /* what, and the usage; exit code 2 */
unsigned words_number(const char *text, unsigned least, unsigned most, const char *name);
double words_seconds(const char *text);
void words_server(struct sockaddr_in *to, char *text); /* ADDRESS:PORT */
bool words_old_tls(const char *text);                  /* "1.2": true, "1.3": false */
