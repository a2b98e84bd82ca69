/* core_lab: a phone behind the edge and a core of another make over UDP, which the test plays. */
#pragma once
#include "sip_world.h"

struct lab {
    struct world *world;
    struct fake_phone alice, core; /* the core is a flow like any other, on worker 1 */
};

static inline struct lab lab_with(struct world *world)
{
    struct lab lab = {.world = world};
    lab.alice = phone_at(lab.world, "alice", "secret-a", 0, 1);
    lab.core = phone_at(lab.world, "core", "", 1, 99);
    world_core(lab.world, &lab.core);
    return lab;
}

static inline struct lab lab_create(void)
{
    return lab_with(world_create());
}

/* A whole configuration. */
static inline struct lab lab_of(const char *config)
{
    return lab_with(world_create_stored(config, NULL));
}

/* Settings of section pcscf; nothing is subscribed to at the core. */
static inline struct lab lab_set(const char *settings)
{
    char text[512];
    snprintf(text, sizeof(text), "pcscf { host = \"gw.ims.test\" reg_event = no %s }\n", settings);
    return lab_of(text);
}

static inline void core_send(struct lab *lab, const char *fmt, ...)
{
    char text[8192];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    assert_true(n > 0 && (size_t)n < sizeof(text));
    struct sip_hop from = sip_hop_flow(&lab->core.flow);
    sip_entity_deliver(lab->world->w[1], &pcscf_entity, &from, bytes_of(text, (size_t)n));
    world_run(lab->world);
}

static inline void core_answers(struct lab *lab, const char *request, const char *status, const char *more)
{
    char vias[8192];
    snprintf(vias, sizeof(vias), "%s", headers_as(request, "Via", "Via", false));
    core_send(lab,
              "SIP/2.0 %s\r\n%sFrom: %s\r\nTo: %s;tag=core\r\nCall-ID: %s\r\nCSeq: %s\r\n%sContent-Length: "
              "0\r\n\r\n",
              status, vias, header_of(request, "From", 0), header_of(request, "To", 0),
              header_of(request, "Call-ID", 0), header_of(request, "CSeq", 0), more);
}

#define GRANTED                                                                                              \
    "Contact: <sip:alice@192.168.7.1:5060>;expires=600\r\n"                                                  \
    "Service-Route: <sip:orig@10.0.0.99;lr>, <sip:second@10.0.0.98;lr>\r\n"                                  \
    "P-Associated-URI: <sip:first@ims.test>, <sip:alice@ims.test>\r\nP-Associated-URI: <tel:+15551234>\r\n"  \
    "P-Charging-Function-Addresses: ccf=192.0.2.1\r\nPath: <sip:token@10.9.9.9;lr>\r\n"

/* Gives the REGISTER that the core saw and answered so. */
static inline char *registered_as(struct lab *lab, const char *granted)
{
    phone_register_once(&lab->alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    char *m = phone_expect(&lab->core, "REGISTER sip:ims.test SIP/2.0");
    core_answers(lab, m, "200 OK", granted);
    return m;
}

static inline char *registered(struct lab *lab, const char *extra)
{
    lab->alice.extra = extra;
    return registered_as(lab, GRANTED);
}
