/* path: a client's way to its allocation, and the allocation's to it.
 *
 * Floor 3. Part of an allocation, which has two of them: with mobility (RFC 8016 3.2.2) the old and the new
 * one stand side by side for a while. A connection points to the allocation by c->state, a client over UDP
 * is found in the room's map by its 5-tuple, and one on another worker through its remote (roaming.h). */
#pragma once
#include "appliance/base/map.h"
#include "modules/turn/client.h"

struct turn;
struct allocation;

/* What c->state of a connection points to, when it is not NULL: the first member of a path and of a guest. */
struct conn_user {
    bool is_guest;
};

struct path {
    struct conn_user user;
    struct client client; /* none: the path is not open */
    struct map_node node; /* over UDP: in by_client */
    struct allocation *allocation;
};

enum path_end {
    PATH_GONE, /* the connection ends by itself */
    PATH_KEPT, /* the allocation ends: the connection is a stranger's again */
    PATH_LEFT, /* the client has moved: the connection ends */
};

void path_open(struct path *p, struct allocation *a, const struct client *c);
void path_close(struct path *p, enum path_end how); /* fine when it is not open */
/* The allocation that a path of that client leads to, NULL when there is none. */
struct allocation *path_find(struct turn *t, const struct client *c);
