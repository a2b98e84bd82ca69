/* resolver: who is asked for DNS records, without waiting.
 *
 * Floor 3; one worker each. A small table of functions, so that tests bring answers of their own. The
 * question lies with who asks and must stay until it was answered or dropped; answers come from the loop,
 * never from within `ask`. */
#pragma once
#include "modules/pcscf/core/dns_answer.h"

struct worker;

struct dns_question {
    /* Called once; a is valid during the call, in which the next question may be asked. */
    void (*answered)(struct dns_question *q, const struct dns_answer *a);
    void *asked; /* the resolver's; NULL: nothing is on its way */
};

struct resolver {
    /* 0 or -errno (then nothing is answered). */
    int (*ask)(struct resolver *r, const char *name, enum dns_type type, struct dns_question *q);
    void (*drop)(struct resolver *r, struct dns_question *q); /* fine when nothing is on its way */
    void (*destroy)(struct resolver *r);
};

/* Over the network, by c-ares on the worker's loop. servers: addresses, of DNS servers in place of those of
 * /etc/resolv.conf; none: those. NULL: out of memory, or what *why says. */
struct string_list;
struct resolver *resolver_ares_create(struct worker *w, const struct string_list *servers, const char **why);
