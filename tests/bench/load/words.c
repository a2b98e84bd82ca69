#include "words.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wrong(const char *what)
{
    fprintf(stderr, "%s: %s\n\n%s", program_invocation_short_name, what, usage);
    exit(2);
}

unsigned words_number(const char *text, unsigned least, unsigned most, const char *name)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*end || end == text || n < least || n > most)
        wrong(name);
    return (unsigned)n;
}

double words_seconds(const char *text)
{
    char *end;
    double s = strtod(text, &end);
    if (*end || end == text || !(s >= 0 && s <= 86400))
        wrong("seconds: 0 to 86400");
    return s;
}

void words_server(struct sockaddr_in *to, char *text)
{
    char *colon = strrchr(text, ':');
    if (!colon)
        wrong("--server ADDRESS:PORT");
    *colon = 0;
    to->sin_family = AF_INET;
    to->sin_port = htons((uint16_t)words_number(colon + 1, 1, 65535, "port: 1 to 65535"));
    if (inet_pton(AF_INET, text, &to->sin_addr) != 1)
        wrong("--server: an IPv4 address");
}

bool words_old_tls(const char *text)
{
    if (strcmp(text, "1.2") && strcmp(text, "1.3"))
        wrong("--tls 1.2 or 1.3");
    return strcmp(text, "1.2") == 0;
}
