/* hop: where a SIP message came from, or goes to next.
 *
 * Modules, SIP transport. Either a door's flow (a phone's connection, a UDP address of the core) or another
 * entity of this process, which is spoken to as if over a wire: whole messages, by letter, never by a call,
 * so that there is no recursion and an external core can take its place by setting only (RFC 3261 18). A
 * value to copy and to keep; it may be dead at any time, sending on a dead one is a normal case. All
 * functions run on the worker that is given. */
#pragma once
#include "mux/flow.h"

struct sip_entity;

enum sip_hop_kind { HOP_NONE, HOP_FLOW, HOP_LOCAL };

struct sip_hop {
    enum sip_hop_kind kind;
    struct flow flow;                /* HOP_FLOW */
    const struct sip_entity *entity; /* HOP_LOCAL: who sent it, or who gets it */
};

#define SIP_HOP_NONE ((struct sip_hop){.kind = HOP_NONE})
struct sip_hop sip_hop_flow(const struct flow *f);
struct sip_hop sip_hop_local(const struct sip_entity *e);

bool sip_hop_eq(const struct sip_hop *a, const struct sip_hop *b);
/* Only UDP is not; a local letter arrives or is refused at once (RFC 3261 17 asks for no retransmission). */
bool sip_hop_reliable(const struct sip_hop *h);
/* TLS, or within this process: what may carry a SIPS URI and what was learnt about a phone (RFC 3261 26.2.2).
 */
bool sip_hop_secure(const struct sip_hop *h);
/* Known here to be gone? False for flows of other workers: their letter will find out. */
bool sip_hop_dead(const struct worker *w, const struct sip_hop *h);

/* Sends one whole message of entity `self`. A flow: flow_send. Local: a copy goes as a letter to the worker
 * that the receiver's `sort` names, with sip_hop_local(self) as where it came from. 0 or -ENOTCONN (dead),
 * -ENOBUFS (peer does not read), -ENOMEM, -EAGAIN (UDP: the kernel dropped it), other -errno. */
int sip_hop_send(struct worker *w, const struct sip_entity *self, const struct sip_hop *to, struct bytes msg);

/* The same signature: a layer may be given another one (tests capture what would be sent). */
typedef int sip_send(struct worker *w, const struct sip_entity *self, const struct sip_hop *to,
                     struct bytes msg);
