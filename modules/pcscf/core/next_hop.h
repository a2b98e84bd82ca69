/* next_hop: one address of the core, by one transport: is it up, and the way there.
 *
 * Floor 3; one worker, as everything: each worker knows its own hops, with a connection of its own to those
 * over TCP or TLS (hop_stream.c), and asks each with OPTIONS whether it is alive (hop_probe.c). Owned by the
 * core link's table; several places may name one hop. A hop that no place names any more still counts as the
 * core's for a while, for what it sends late. */
#pragma once
#include "modules/pcscf/core/core_lookup.h"
#include "modules/pcscf/core/hop_health.h"
#include "modules/pcscf/room.h"
#include "modules/sip/frame.h"

struct next_hop {
    struct pcscf *p;
    unsigned index; /* its place in the table: what metrics and the operator's list call it */
    uint8_t transport;
    struct addr addr;
    char name[CORE_NAME_MAX]; /* whom its certificate must speak for */
    struct flow flow;         /* over UDP: our listener and it */
    struct hop_health health;
    struct timer timer; /* the next probe, or the end of patience with one; the end of one that left */
    bool probed;        /* the timer is for probes (tests have hops that are left alone) */
    uint64_t asked_at, heard_at;
    uint64_t rtt; /* ms, of the last probe that was answered */
    struct ref probe;
    uint64_t requests, failures;
    char why[CORE_NAME_MAX + 64]; /* the last trouble, in plain words */
    unsigned places;              /* that name it */
    struct next_hop
        *twin; /* of one over UDP: the same by TCP, once a request was too large; it is a place of that */
    uint64_t left_at;

    struct ref conn;  /* ours, from dialling on */
    struct ref alias; /* one that the core opened to us and said is for both ways (RFC 5923) */
    struct ref told;  /* one of another worker's, which was told so */
    bool open, wrong_name;
    uint64_t opened_at;
    struct sip_framer framer;
};

extern const struct module core_module; /* hop_stream.c: of the connections that we open */

/* The way there now; a stream that is not connected is dialled. HOP_NONE: it cannot be reached at all. */
struct sip_hop next_hop_way(struct next_hop *h);
bool next_hop_is(const struct next_hop *h, const struct sip_hop *way);

/* What requests and probes learn. certain: no doubt is possible (refused, wrong certificate). */
void next_hop_heard(struct next_hop *h);
void next_hop_failed(struct next_hop *h, bool certain, const char *why);
/* There is a way to it again, on which nothing was heard yet: what was certain is no more. */
void next_hop_reached(struct next_hop *h);
void next_hop_rest(struct next_hop *h, uint32_t seconds); /* 503 with Retry-After */

/* Makes it, and starts to probe in a moment. NULL: out of memory, or no listener of ours fits (UDP). */
struct next_hop *next_hop_create(struct pcscf *p, unsigned index, const struct core_target *t,
                                 const char *name);
void next_hop_destroy(struct next_hop *h); /* NULL is fine; its connection must be gone */

/* hop_stream.c: 0 or -errno (counted as a failure). */
int hop_stream_dial(struct next_hop *h);
void hop_stream_close(struct next_hop *h);
/* hop_probe.c */
void hop_probe_start(struct next_hop *h); /* in a moment */
void hop_probe_due(struct next_hop *h);   /* when its health says; never later than it stands */
void hop_probe_stop(struct next_hop *h);
