/* turn: the TURN server (RFC 8656) and STUN Binding (RFC 8489) behind the door.
 *
 * Floor 3. One `struct turn` per worker owns all allocations that began there, with their relay sockets,
 * permissions and channels; nothing of it is touched by another thread. Shared by all workers is only the
 * quota, which is asked when an allocation is made or ends, never on a packet. A request comes in by turn.c
 * (module slots), is judged in dispatch.c and auth.c, and ends in the file of its method. Data goes client ->
 * send.c -> batch -> relay_udp.c -> peer, and peer -> relay_udp.c -> client.c -> client, without a copy on
 * our side after decryption and no malloc. */
#pragma once
#include "appliance/base/list.h"
#include "appliance/base/map.h"
#include "appliance/base/slots.h"
#include "appliance/core/config.h"
#include "appliance/core/stats.h"
#include "appliance/core/worker.h"
#include "modules/turn/batch.h"
#include "modules/turn/peer_policy.h"
#include "modules/turn/ports.h"
#include "modules/turn/rate.h"
#include "modules/turn/roaming.h"
#include "mux/module.h"

struct quota;
struct conn;
struct tcp_room;
struct stun_mac;

struct turn_config {
    const char *realm;
    struct string_list relay_addresses;
    struct port_range relay_ports;
    int64_t default_lifetime; /* ms, as all times here */
    int64_t max_lifetime;
    int64_t max_permissions;
    int64_t max_channels;
    bool old_channels;
    int64_t max_tcp_connections;
    int64_t tcp_connect_timeout;
    int64_t tcp_half_closed_timeout;
    int64_t user_allocations;
    int64_t total_allocations;
    int64_t user_bandwidth; /* bytes a second, each way */
    int64_t total_bandwidth;
    bool mobility;
    int64_t mobility_hold;
    struct cidr_set deny_peers;
    struct cidr_set allow_peers;
    struct string_list shared_secrets;
    struct string_list oauth_keys;
    const char *oauth_server_name;
    bool require_registration;
    struct string_list alternate_servers;
    const char *alternate_domain;
    int64_t alternate_when; /* enum alternate_when */
    int64_t nonce_lifetime;
    int64_t unauthenticated_rate;
    int64_t idle_timeout;
    int64_t frame_timeout;
    bool software;
};

/* Indices of turn_stats. */
enum turn_stat {
    TS_ALLOCATIONS,
    TS_PERMISSIONS,
    TS_CHANNELS,
    TS_AWAY,
    TS_CREATED,
    TS_EXPIRED,
    TS_ENDED_UNUSED,
    TS_ENDED_ONE_WAY,
    TS_ENDED_BOTH_WAYS,
    TS_REFRESHED,
    TS_MOVED,
    TS_WENT_AWAY,
    TS_GUESTS,
    TS_ICMP,
    TS_BINDINGS,
    TS_REQUESTS,
    TS_ERROR_300,
    TS_ERROR_400,
    TS_ERROR_401,
    TS_ERROR_403,
    TS_ERROR_405,
    TS_ERROR_420,
    TS_ERROR_437,
    TS_ERROR_438,
    TS_ERROR_440,
    TS_ERROR_441,
    TS_ERROR_442,
    TS_ERROR_443,
    TS_ERROR_446,
    TS_ERROR_447,
    TS_ERROR_486,
    TS_ERROR_500,
    TS_ERROR_508,
    TS_AUTH_STORED,
    TS_AUTH_USERHASH,
    TS_AUTH_SHARED_SECRET,
    TS_AUTH_TOKEN,
    TS_AUTH_FAILURES,
    TS_NOT_REGISTERED,
    TS_REDIRECTED,
    TS_DENIED_PEERS,
    TS_PACKETS_TO_PEER,
    TS_PACKETS_TO_CLIENT,
    TS_BYTES_TO_PEER,
    TS_BYTES_TO_CLIENT,
    TS_TCP_CONNECTIONS,
    TS_TCP_CONNECTED,     /* by Connect */
    TS_TCP_ACCEPTED,      /* from a peer */
    TS_TCP_BOUND,         /* by ConnectionBind */
    TS_TCP_NO_PERMISSION, /* of a peer that connected */
    TS_TCP_DENIED,
    TS_TCP_LIMIT,
    TS_TCP_TIMEOUTS,       /* the peer did not answer */
    TS_TCP_UNBOUND,        /* no ConnectionBind came */
    TS_DROP_MALFORMED,     /* no STUN message, or one whose lengths lie */
    TS_DROP_METHOD,        /* a method or class that a server does not serve */
    TS_DROP_RATE,          /* unauthenticated answers over UDP beyond the rate */
    TS_DROP_NO_ALLOCATION, /* data on a 5-tuple without one */
    TS_DROP_NO_CHANNEL,
    TS_DROP_NO_PERMISSION,
    TS_DROP_DENIED,
    TS_DROP_SEND,        /* a Send indication that RFC 8656 11.2 says to discard */
    TS_DROP_PEER_SOCKET, /* the kernel did not take it */
    TS_DROP_CLIENT_FULL, /* the client does not read */
    TS_DROP_CLIENT_AWAY, /* a mobile client without a connection */
    TS_DROP_BANDWIDTH,   /* over turn.user_bandwidth or turn.total_bandwidth */
    TS_DROP_ROAMING,     /* between two workers */
    TS_DROP_TOO_BIG,     /* fits no frame */
    TURN_STATS
};

#define RELAY_ADDRESSES_MAX 8
/* Without a total set, what the machine's descriptors would hardly allow. */
#define ALLOCATIONS_MAX 1000000u

struct turn {
    struct worker *w;
    const struct turn_config *config;
    _Atomic uint64_t *stats;
    struct quota *quota;
    struct slots allocations;
    struct list reservations; /* that this worker made */
    struct list unwritten;    /* allocations whose rows have changed */
    struct timer rows_due;
    struct map by_client; /* allocations whose client speaks UDP, by 5-tuple */
    struct relay_address relays[RELAY_ADDRESSES_MAX];
    unsigned n_relays;
    struct port_range relay_ports; /* of the start: a reload does not move them */
    struct peer_policy policy;
    struct rate rate;
    struct tcp_room *tcp; /* RFC 6062 */
    struct batch batch;   /* the datagrams of one callback, on their way to peers */
    uint8_t *receive;     /* RECEIVE_SLOTS of RECEIVE_SLOT bytes each: datagrams from peers */
    uint64_t indications; /* Data indications sent: their transaction ids come from it */
    struct roaming roaming;
    struct stun_mac *mac; /* for all requests and answers */
    uint8_t none[16];     /* a random key: what a user that does not exist is checked against */
};

extern const struct module turn_module;
extern const struct settings turn_settings;
extern const struct stat_table turn_stats;

static inline void turn_count(struct turn *t, enum turn_stat what)
{
    stat_inc(&t->stats[what]);
}
static inline void turn_count_by(struct turn *t, enum turn_stat what, uint64_t n)
{
    stat_add(&t->stats[what], n);
}

struct frame;
/* What came from a client, as a frame: to dispatch or to the relay. */
void turn_frame(struct turn *t, const struct client *from, const struct frame *f);

struct turn *turn_of(const struct worker *w); /* this worker's, NULL before start */
