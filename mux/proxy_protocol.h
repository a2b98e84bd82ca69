/* proxy_protocol: the PROXY header that a balancer writes in front of a connection (HAProxy's PROXY protocol,
 * versions 1 and 2). Floor 2, pure; any thread. */
#pragma once
#include "appliance/base/addr.h"

/* v1: 107 with CRLF (section 2.1); v2: 16 bytes, addresses and as much of TLVs as any known sender writes. */
#define PROXY_HEADER_MAX 4096

enum proxy_verdict { PROXY_MORE, PROXY_DONE, PROXY_BAD };

struct proxy_header {
    size_t length;      /* bytes to eat */
    bool has_addresses; /* false: UNKNOWN, LOCAL or not IP: keep the socket's own */
    struct addr source, destination;
};

enum proxy_verdict proxy_parse(struct bytes in, struct proxy_header *out);
/* Do these bytes begin a PROXY header? For naming the mistake of an address that is not trusted. */
bool proxy_looks_like(struct bytes in);
