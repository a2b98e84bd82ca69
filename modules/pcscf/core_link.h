/* core_link: the way to the IMS core behind the edge: the embedded home network, or another's over UDP or
 * TCP.
 *
 * Floor 3, on each worker. What comes from the core is told from what comes from phones by the sender's
 * address (pcscf.core_networks), or by being a letter of this process. */
#pragma once
#include "modules/sip/hop.h"

struct pcscf;
struct sip_uri;
struct core_tcp;
struct sip_sent_by;

struct core_name {
    uint8_t transport; /* enum transport; TRANSPORT_NONE: embedded */
    struct addr addr;
};
bool core_name_parse(struct bytes text, struct core_name *out); /* "udp:10.0.0.1:5060", "tcp:[::1]:5060" */

#define CORE_HOST_MAX 128

struct core_link {
    struct core_name name;
    struct flow flow;         /* to a core over UDP */
    struct core_tcp *tcp;     /* to a core over TCP */
    struct addr reach;        /* where the core reaches us; none when embedded */
    char host[CORE_HOST_MAX]; /* the same as text for Via, Path and Record-Route: "host", "address:port" */
};

/* Reads the settings, finds the listener, starts connecting. 0 or -errno, with a log line that says what to
 * do. */
int core_link_init(struct core_link *l, struct pcscf *p);
void core_link_fini(struct core_link *l);

/* The next hop of a request that goes towards the core, for whoever sends one: ask anew for each, and answer
 * 503 for HOP_NONE (nothing there is reachable now). */
struct sip_hop core_link_hop(const struct pcscf *p);
/* The one that this Route URI names (the first after our own), if it is the core's; else core_link_hop(). */
struct sip_hop core_link_hop_for(struct pcscf *p, const struct sip_uri *route);
/* The one of another configured destination (an E-CSCF), written as pcscf.core is. The first question only
 * starts the look-up of a name, so ask once at start; "" is HOP_NONE. */
struct sip_hop core_link_hop_to(struct pcscf *p, const char *place);
/* For the `check` of such a setting. */
bool core_link_check_place(const char *text, const char **why);

/* Did this come from the core's side? */
bool core_link_is_from(const struct pcscf *p, const struct sip_hop *from);
bool core_link_is_peer(const struct pcscf *p, uint8_t transport, const struct addr *peer);
