/* overload: what this edge refuses when a worker has more to do than it can do.
 *
 * Floor 3; per worker. What is refused gets 503 with a Retry-After that is spread, before it costs a
 * transaction: first REGISTER of phones that are new here, then whatever begins something. What belongs to a
 * call that stands, the refresh of a registration and an emergency never are (TS 24.229 5.2.1). The load is
 * the worse of two: how long the worker's turns take, and how full its tables of transactions are, those that
 * wait for the core among them. */
#pragma once
#include "appliance/core/worker.h"

struct pcscf;
struct sip_layer;
struct sip_hop;
struct sip_msg;

enum overload_level { OVERLOAD_NONE, OVERLOAD_NEW_PHONES, OVERLOAD_REQUESTS };

struct overload {
    struct turn_hook hook;
    enum overload_level level;
    uint64_t lag;  /* 1/16 ms, smoothed over a few turns */
    unsigned load; /* percent, of the last turn */
};

void overload_start(struct pcscf *p);
void overload_stop(struct pcscf *p);
/* A turn has taken so long. The hook's; tests call it themselves. */
void overload_sample(struct pcscf *p, uint64_t took_ms);
/* For sip_layer_user. */
bool overload_sheds(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq);
