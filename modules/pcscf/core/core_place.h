/* core_place: one configured destination (pcscf.core, an E-CSCF, a host of a Service-Route): its URIs, what
 * DNS makes of them, and in which order its next hops are tried.
 *
 * Floor 3; one worker; owned by the core link. URIs are tried in the order in which they are written, behind
 * each what RFC 3263 says. Answers are asked for anew before their time is over; when nobody answers, the old
 * ones stay. */
#pragma once
#include "modules/pcscf/core/next_hop.h"

#define PLACE_URIS_MAX 8
#define PLACE_HOPS_MAX 32

struct place_source {
    struct core_place *place;
    struct core_uri uri;
    struct core_lookup lookup;
    struct core_targets targets; /* of the last answer that was one */
    struct timer refresh;
    unsigned failures; /* in a row */
    bool partial;      /* that answer had holes */
};

struct place_choice {
    struct next_hop *hop;
    uint64_t rank; /* which URI, then the rank within its answer */
    uint16_t weight;
};

struct core_place {
    struct list link;
    struct pcscf *p;
    char *text;  /* the URIs, as they were asked for */
    bool learnt; /* not configured: goes when nobody has asked for it in a while */
    uint64_t used_at;
    unsigned n_sources, n_choices;
    struct place_choice choices[PLACE_HOPS_MAX];
    struct place_source sources[]; /* n_sources */
};

/* A list of URIs with spaces between. NULL: out of memory, or one of them is none. Look-ups begin at once;
 * what is literal is there when it returns. */
struct core_place *core_place_create(struct pcscf *p, const char *text);
void core_place_destroy(struct core_place *place); /* NULL is fine; its hops stay, unused */

/* The hop to use: of the willing ones (else of those that are not down) the first in the order that `seed`
 * stands for, so that one seed gives one hop as long as it is up. tried: bits of hop indexes to pass over.
 * NULL: none. */
struct next_hop *core_place_choose(struct core_place *place, uint64_t seed, uint64_t tried);
/* None is up: the least bad of those that are down. One that was silent before one that has refused, then who
 * was heard last. NULL: one is up (if only resting), or there are none. */
struct next_hop *core_place_least_bad(const struct core_place *place);
bool core_place_has(const struct core_place *place, const struct next_hop *h);
