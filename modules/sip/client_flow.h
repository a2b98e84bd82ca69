/* client_flow: which client transactions wait for a response on which connection.
 *
 * Modules, private to the transaction layer; one worker. When a connection closes, those that wait on it are
 * told at once. UDP and entities of this process have no row: they do not close. The layer owns the rows, a
 * row lives as long as somebody waits on it. */
#pragma once
#include "appliance/base/list.h"
#include "modules/sip/hop.h"

struct sip_layer;
struct client_flow;

struct client_wait {
    struct list link;
    struct client_flow *flow; /* NULL: waits on nothing that closes */
};

void client_wait_init(struct client_wait *wait);
int client_wait_begin(struct sip_layer *l, struct client_wait *wait,
                      const struct sip_hop *to);                     /* 0 or -ENOMEM */
void client_wait_end(struct sip_layer *l, struct client_wait *wait); /* fine on one that waits on nothing */
struct client_wait *client_wait_pop(struct sip_layer *l, struct ref conn); /* one less that waits, or NULL */
