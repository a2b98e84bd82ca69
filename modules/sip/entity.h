/* entity: one SIP element of this process: the P-CSCF, the embedded home network, the UE's side.
 *
 * Modules. A const table of functions and nothing else; what it keeps, it keeps per worker (worker_room with
 * the entity's own key). Entities speak to each other by hops (hop.h) only. `sort` and `receive` are all that
 * the outside needs: whoever has a whole message for an entity (a UDP datagram, a letter from another entity)
 * calls sip_entity_deliver, and it arrives on the right worker. Messages from a phone's connection need no
 * sorting: everything of a phone is on the worker of its connection. */
#pragma once
#include "modules/sip/hop.h"

#define SIP_SENT_BY_MAX 128

/* What stands in our Via towards some hop (RFC 3261 18.1.1): "SIP/2.0/" transport SP sent-by. */
struct sip_sent_by {
    const char *transport;         /* "TLS", "TCP", "UDP": static text */
    char sent_by[SIP_SENT_BY_MAX]; /* "host", "host:port", "[v6]:port" */
    bool overload_control;         /* we heed what the other side says of its load (RFC 7339) */
    bool alias; /* requests may come back on the connection that this one takes (RFC 5923) */
};

/* RFC 7339 4.1, 4.2. */
static inline const char *sip_sent_by_oc(const struct sip_sent_by *by)
{
    return by->overload_control ? ";oc;oc-algo=\"loss\"" : "";
}

struct sip_entity {
    const char *name; /* "pcscf"; also tells one entity's loops from another's */

    /* Which worker is to handle this message that came from the core's side or from another entity? Looks at
     * bytes, and at no table. For responses sip_sort_response (branch.h) has the answer; for a request with a
     * flow token it is the flow's worker; otherwise w->id. An answer that is no traffic worker is taken as
     * w->id. */
    uint16_t (*sort)(struct worker *w, const struct sip_hop *from, struct bytes msg);

    /* A whole message, on the worker that is to handle it: parse, then sip_layer_receive. msg is valid during
     * the call only. */
    void (*receive)(struct worker *w, const struct sip_hop *from, struct bytes msg);

    /* Our Via towards that hop. False: there is no way to send there (no listener of that kind). */
    bool (*sent_by)(struct worker *w, const struct sip_hop *to, struct sip_sent_by *out);
};

/* Sorts and hands over: a call when it is this worker's, else a letter with a copy. 0, -ENOMEM, or -ENOBUFS
 * (too much is underway to that worker). */
int sip_entity_deliver(struct worker *w, const struct sip_entity *e, const struct sip_hop *from,
                       struct bytes msg);
/* Always by letter (what sip_hop_send uses): the receiver runs after the sender has returned. */
int sip_entity_post(struct worker *w, const struct sip_entity *e, const struct sip_hop *from,
                    struct bytes msg);
/* The same to a worker that is known: what was sorted once and has turned out to belong elsewhere. 0, -EINVAL
 * (no such worker), -ENOBUFS, -ENOMEM. */
int sip_entity_post_to(struct worker *w, uint16_t home, const struct sip_entity *e,
                       const struct sip_hop *from, struct bytes msg);
