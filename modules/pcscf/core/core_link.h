/* core_link: the way to the IMS core behind the edge: the embedded home network, or another's next hops over
 * UDP, TCP or TLS, fixed or found by DNS (RFC 3263).
 *
 * Floor 3, on each worker: each has its own look-ups, connections and opinion of what is up. What comes from
 * the core is told from what comes from phones by the sender's address (the hops', and pcscf.core_networks),
 * by the connection it came on, or by being a letter of this process.
 *
 *     core_link  ->  core_place (pcscf.core; an E-CSCF; a Service-Route)  ->  next_hop (one address)
 *                    core_lookup asks resolver                              hop_stream, hop_probe, hop_health
 */
#pragma once
#include "appliance/core/timer.h"
#include "modules/sip/hop.h"

struct pcscf;
struct sip_uri;
struct conn;
struct next_hop;
struct core_place;
struct core_target;
struct core_tls;
struct resolver;
struct ssl_st;

#define CORE_HOST_MAX   128
#define CORE_HOPS_MAX   64 /* on each worker; one bit each in core_attempt */
#define CORE_PLACES_MAX 64

enum { SIDE_PHONE, SIDE_CORE }; /* conn.side */

/* Who came last to the core's listener and was not let in. */
struct core_refusal {
    uint64_t at, said_at; /* ms; 0: nobody */
    struct addr peer;
    char why[96];
    char names[CORE_HOST_MAX]; /* whom its certificate speaks for; "": that was not what was wrong */
};

struct core_link {
    bool embedded; /* no core but the home network within */
    struct list places;
    struct core_place *home; /* pcscf.core */
    struct next_hop *hops[CORE_HOPS_MAX];
    unsigned n_hops; /* none stands behind these */
    struct resolver *resolver;
    struct core_tls *tls;
    _Atomic uint64_t *stats;
    struct timer sweep;      /* what is not used any more goes */
    unsigned transports;     /* 1 << enum transport: what we can speak */
    struct addr reach;       /* where the core reaches us; none when embedded */
    uint8_t reach_transport; /* and how, for Path and Record-Route */
    uint16_t tls_listener;   /* over TLS: the listener that this is, as conn.listener */
    struct core_refusal refused;
    char host[CORE_HOST_MAX]; /* the same as text for Via, Path and Record-Route: "host", "address:port" */
};

/* Reads the settings, finds the listener, starts look-ups and connections. 0 or -errno, with a log line that
 * says what to do. */
int core_link_init(struct core_link *l, struct pcscf *p);
void core_link_fini(struct core_link *l, struct pcscf *p);
void core_link_reload(struct pcscf *p); /* p->config is new: probes may begin */

/* The next hop of a request that goes towards the core, for whoever sends one: ask anew for each, and answer
 * 503 for HOP_NONE (nothing there is reachable now). */
struct sip_hop core_link_hop(struct pcscf *p);
/* The same for a request of that Call-ID: all with one go one way, as long as it is up (a server that has
 * challenged a phone is asked again). Where nothing is up, now and then one is let through to the least bad
 * (hop_health.h): so not for who can do better with HOP_NONE. */
struct sip_hop core_link_hop_by(struct pcscf *p, struct bytes call_id);
/* The one that this Route URI names (the first after our own), if it is the core's; else as core_link_hop().
 */
struct sip_hop core_link_hop_for(struct pcscf *p, const struct sip_uri *route);
struct sip_hop core_link_hop_for_by(struct pcscf *p, const struct sip_uri *route, struct bytes call_id);
/* The same, and HOP_NONE when it names none that is known and up. */
struct sip_hop core_link_hop_named(struct pcscf *p, const struct sip_uri *route, struct bytes call_id);
/* The one of another configured destination (an E-CSCF), written as pcscf.core is, with spaces between
 * several. The first question only starts the look-up of a name, so ask once at start; "" is HOP_NONE. */
struct sip_hop core_link_hop_to(struct pcscf *p, const char *place);
/* For the `check` of such a setting. */
bool core_link_check_place(const char *text, const char **why);
/* The core has named this URI as a way to it (Service-Route): it is looked up, so that it is known when a
 * request needs it. Costs little when it is known. */
void core_link_learn(struct pcscf *p, const struct sip_uri *route);

/* Did this come from the core's side? */
bool core_link_is_from(const struct pcscf *p, const struct sip_hop *from);
/* Is that an address of the core's (a datagram's with its port)? */
bool core_link_is_peer(const struct pcscf *p, uint8_t transport, const struct addr *peer);
/* TLS begins on a listener of ours: on the core's, the client's certificate is asked for
 * (pcscf.core_tls_clients). False: out of memory. */
bool core_link_ask(struct pcscf *p, const struct conn *c, struct ssl_st *ssl);
/* And has failed: counted and said, if that was for the certificate. */
void core_link_refused(struct pcscf *p, const struct conn *c, const struct ssl_st *ssl);
/* On which side does a connection stand that was opened to us, and is open now? SIDE_CORE, SIDE_PHONE.
 * Counts.
 */
uint8_t core_link_side(struct pcscf *p, const struct conn *c);
/* A request came from the core on a connection that it opened, and its topmost Via says alias and this port
 * (RFC 5923 8.2; 0: none): from now on requests to that hop may go there; over TLS if its certificate speaks
 * for that hop. */
void core_link_alias(struct pcscf *p, const struct sip_hop *from, uint16_t port);
void core_link_alias_lost(struct pcscf *p, struct ref conn); /* such a connection is gone */

/* ---- for the core's own parts ---- */

struct next_hop *core_link_find(const struct pcscf *p, const struct sip_hop *way); /* NULL: not one of them */
/* The hop of a target, made when there is none; each enter wants a leave. NULL: the table is full. */
struct next_hop *core_link_enter(struct pcscf *p, const struct core_target *t, const char *name);
void core_link_leave(struct next_hop *h); /* NULL is fine */
/* The UDP listener of ours that is used towards that address. */
const struct udp_port *core_link_listener(const struct pcscf *p, const struct addr *to);
/* Of a request of n bytes: the way to the same hop by TCP where that is too large for UDP
 * (pcscf.core_udp_max, RFC 3261 18.1.1) and it takes TCP; else the same. */
struct sip_hop core_link_by_size(struct pcscf *p, const struct sip_hop *way, size_t n);
uint64_t core_link_seed(const struct pcscf *p, struct bytes call_id); /* of an empty one: a random one */
/* The way to the hop that `seed` stands for, other than those tried; *tried grows by it. */
struct sip_hop core_link_choose(struct core_place *place, uint64_t seed, uint64_t *tried);
/* The place that this hop was chosen from: the home's before others'. NULL: none names it. */
struct core_place *core_link_place_of(const struct pcscf *p, const struct next_hop *h);
