/* core_report: the next hops of one worker, and the connections that the core has opened to it, for the
 * operator's list. Floor 3. */
#pragma once
#include "appliance/core/worker.h"

struct core_hop_view {
    unsigned hop; /* as in the metrics */
    const char *transport, *address, *name;
    const char *state;           /* "up", "down", "unknown"; "left" when nothing names it any more */
    uint64_t since, rtt;         /* ms: in that state; of the last probe that was answered */
    uint64_t requests, failures; /* of this worker's */
    const char *why;             /* the last trouble; "" none */
};

/* In the order of their numbers; none with the embedded home network. Texts live during the call. */
void core_report(struct worker *w, void (*each)(const struct core_hop_view *h, void *arg), void *arg);

struct core_client_view {
    const char *transport, *address;
    const char *names; /* whom its certificate speaks for; "" none was shown */
    const char *state; /* "verified", "address" (only that makes it the core's), "refused" */
    const char *why;   /* it was refused; "" */
    int hop;           /* whose requests from us take it as well (RFC 5923); -1: nobody's */
    uint64_t since;    /* ms */
};

/* Connections that the core has opened, and the last one that was refused. */
void core_report_clients(struct worker *w, void (*each)(const struct core_client_view *c, void *arg),
                         void *arg);
