/* sip_call: a call between Alice and Bob through edge and home network, for the tests of dialogs. */
#pragma once
#include "sip_world.h"

#include "modules/pcscf/call/dialog.h"

struct call {
    struct world *world;
    struct fake_phone a, b;
    char *invite, *ok;   /* as Bob and as Alice got them */
    char routes_a[8192]; /* the route set of each, as Route lines */
    char routes_b[8192];
    unsigned answers; /* for branches of their own */
};

static inline struct fake_phone phone_with_instance(struct world *world, const char *name, uint16_t worker,
                                                    uint8_t host)
{
    struct fake_phone ph = phone_at(world, name,
                                    name[0] == 'a'   ? "secret-a"
                                    : name[0] == 'b' ? "secret-b"
                                                     : "secret-c",
                                    worker, host);
    ph.extra = "Supported: path, outbound\r\n";
    ph.contact_params = ";+sip.instance=\"<urn:uuid:0>\";reg-id=1";
    return ph;
}

/* Alice on worker 0, Bob on worker 1. Bob has the INVITE. headers: whole lines for it. */
static inline struct call call_invites_in(struct world *world, const char *headers)
{
    struct call c = {.world = world};
    c.a = phone_with_instance(world, "alice", 0, 1);
    c.b = phone_with_instance(world, "bob", 1, 2);
    phone_registers(&c.a);
    phone_registers(&c.b);
    world_forget(world);
    phone_requests(&c.a, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c1", 1, headers);
    c.invite = phone_expect(&c.b, "INVITE");
    snprintf(c.routes_b, sizeof(c.routes_b), "%s", headers_as(c.invite, "Record-Route", "Route", false));
    return c;
}

static inline struct call call_invites(void)
{
    return call_invites_in(world_create(), "");
}

static inline void call_rings(struct call *c)
{
    phone_answers(&c->b, c->invite, "180 Ringing");
    phone_drop(&c->a, "SIP/2.0 180");
}

static inline void alice_says(struct call *c, const char *method, const char *call, unsigned cseq,
                              const char *routes)
{
    phone_requests(&c->a, method, "sip:bob@192.168.7.2:5060", "<sip:bob@ims.test>;tag=bob-ua", call, cseq,
                   routes);
}

static inline void call_answered_to(struct call *c, const char *status, struct fake_phone *acked)
{
    phone_answers(&c->b, c->invite, status);
    c->ok = phone_expect(&c->a, "SIP/2.0 200");
    snprintf(c->routes_a, sizeof(c->routes_a), "%s", headers_as(c->ok, "Record-Route", "Route", true));
    alice_says(c, "ACK", "c1", 1, c->routes_a);
    phone_drop(acked, "ACK");
}

/* status: behind "200 OK" further header lines may follow, the last without its end. */
static inline void call_answered_with(struct call *c, const char *status)
{
    call_answered_to(c, status, &c->b);
}

static inline struct call call_begin(void)
{
    struct call c = call_invites();
    call_rings(&c);
    call_answered_with(&c, "200 OK");
    return c;
}

static inline void bob_says(struct call *c, const char *method, unsigned cseq, const char *routes)
{
    phone_send(&c->b,
               "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.7.2;branch=z9hG4bKb%u\r\nMax-Forwards: 70\r\n"
               "From: <sip:bob@ims.test>;tag=bob-ua\r\nTo: %s\r\nCall-ID: c1\r\nCSeq: %u %s\r\n%s"
               "Content-Length: 0\r\n\r\n",
               method, c->a.contact, cseq, header_of(c->invite, "From", 0), cseq, method, routes);
}

static inline void call_end(struct call *c)
{
    free(c->invite);
    free(c->ok);
    world_destroy(c->world);
}

static inline uint64_t early(struct call *c)
{
    return world_count(c->world, PCSCF_DIALOGS_EARLY);
}

static inline uint64_t confirmed(struct call *c)
{
    return world_count(c->world, PCSCF_DIALOGS_CONFIRMED);
}

static inline uint64_t ended(struct call *c, enum dialog_end why)
{
    return world_count(c->world, PCSCF_CALLS_ENDED + (enum pcscf_stat)why);
}

/* The phone's connection is gone. */
static inline void phone_vanishes(struct fake_phone *ph)
{
    struct worker *w = ph->world->w[ph->flow.conn.worker];
    pcscf_flow_closed(pcscf_of(w), &ph->flow);
    world_run(ph->world);
}

/* ... and here it is again, the same phone, on another one. */
static inline struct fake_phone phone_comes_back(const struct fake_phone *old, uint16_t worker, uint8_t host)
{
    struct fake_phone ph = phone_with_instance(old->world, old->name, worker, host);
    memcpy(ph.contact, old->contact, sizeof(ph.contact));
    phone_registers(&ph);
    return ph;
}

/* The other one's request reaches it and its answer comes back. */
static inline void phone_serves(struct fake_phone *ph, const char *request, struct fake_phone *other)
{
    char *m = phone_expect(ph, request);
    phone_answers(ph, m, "200 OK");
    phone_drop(other, "SIP/2.0 200");
    free(m);
}
