/* core_lookup: where a SIP URI leads (RFC 3263 4): from a name by NAPTR, SRV, A and AAAA to addresses.
 *
 * Floor 3; one worker. One question after another, each at most once, all bounded. What is literal needs no
 * question and is there at once. Belongs to a place (core_place.h), whose memory it lies in. */
#pragma once
#include "modules/pcscf/core/resolver.h"

#define CORE_TARGETS_MAX 16

/* An address of the answer. Lower ranks are tried first; of one rank the weights decide (RFC 2782). */
struct core_target {
    uint8_t transport;
    struct addr addr;
    uint32_t rank;
    uint16_t weight;
};

struct core_targets {
    unsigned n;
    struct core_target items[CORE_TARGETS_MAX];
};

struct lookup_step {
    enum dns_type type;
    uint8_t transport;
    uint16_t port, weight;
    uint32_t rank;
    bool found; /* it gave records */
    char name[CORE_NAME_MAX];
};

#define LOOKUP_STEPS_MAX 48

struct core_lookup {
    const struct core_uri *uri;
    struct resolver *resolver;
    unsigned transports; /* what we can speak: 1 << enum transport */
    bool v4_first;       /* else IPv6 addresses of one host stand first */
    /* It is over: targets are those of this look-up, none when there are none or it failed. */
    void (*done)(struct core_lookup *l, enum dns_verdict verdict);

    struct core_targets targets;
    uint32_t ttl;    /* s, of the shortest answer; UINT32_MAX: there was none to look up */
    const char *why; /* of a failure; static text */
    const char *at;  /* the name that failed, or had nothing */

    struct dns_question question;
    struct lookup_step steps[LOOKUP_STEPS_MAX]; /* asked and to be asked */
    unsigned n, next;
    bool naptr, srv; /* answers of that kind were of use */
    bool partial;    /* some address could not be asked for: what is there is not all */
    bool running;
};

/* Begins; `done` may be called before it returns (a literal, no resolver). uri, resolver, transports and done
 * are set; resolver NULL: only literals can be served. */
void core_lookup_start(struct core_lookup *l);
void core_lookup_stop(struct core_lookup *l);
