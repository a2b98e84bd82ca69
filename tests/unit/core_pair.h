/* core_pair: a phone behind the edge, and a core of two next hops over UDP, both played by the test. */
#pragma once
#include "core_lab.h"
#include "modules/pcscf/core/core_stats.h"

struct pair {
    struct world *world;
    struct fake_phone alice, a, b; /* a is tried before b */
};

#define PAIR_SETTINGS "pcscf { host = \"gw.ims.test\" core_timeout = 3s reg_event = false }\n"

static inline struct pair pair_create(void)
{
    struct pair pair = {.world = world_create_stored(PAIR_SETTINGS, NULL)};
    pair.alice = phone_at(pair.world, "alice", "secret-a", 0, 1);
    pair.a = phone_at(pair.world, "core-a", "", 1, 99);
    pair.b = phone_at(pair.world, "core-b", "", 1, 98);
    world_core(pair.world, &pair.a);
    world_core(pair.world, &pair.b);
    return pair;
}

static inline void hop_answers(struct pair *pair, const struct fake_phone *hop, const char *request,
                               const char *status, const char *more)
{
    struct lab lab = {.world = pair->world, .core = *hop};
    core_answers(&lab, request, status, more);
}

static inline struct next_hop *hop_of_pair(const struct pair *pair, unsigned index)
{
    return pcscf_of(pair->world->w[0])->core.hops[index]; /* of alice's worker */
}

static inline uint64_t pair_count(const struct pair *pair, enum core_stat what)
{
    return stats_sum(pair->world->gw.stats, &core_stats, what);
}

/* REGISTER, taken by hop a. */
static inline void pair_registers(struct pair *pair)
{
    phone_register_once(&pair->alice, "Contact: <sip:alice@192.168.7.1:5060>\r\n", "Expires: 600\r\n", "");
    char *m = phone_expect(&pair->a, "REGISTER");
    hop_answers(pair, &pair->a, m, "200 OK", GRANTED);
    free(m);
    phone_drop(&pair->alice, "SIP/2.0 200");
}

static inline void pair_calls(struct pair *pair, const char *call)
{
    phone_requests(&pair->alice, "INVITE", "sip:bob@else.example", "<sip:bob@else.example>", call, 1, "");
}
