/* The digest of a route set: lines are hops. Whatever they are, it is made or refused; the same hops give the
 * same one, one hop more another one. */
#include "modules/pcscf/call/route_digest.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct sip_route_set way = {0};
    struct bytes rest = bytes_of(data, n), line;
    uint8_t one[ROUTE_DIGEST], same[ROUTE_DIGEST], more[ROUTE_DIGEST];
    while (way.n < SIP_ROUTE_SET_MAX - 1 && bytes_split(&rest, '\n', &line))
        way.items[way.n++] = line;
    if (!route_digest(&way, BYTES("call"), BYTES("t"), one))
        return 0;
    if (!route_digest(&way, BYTES("call"), BYTES("t"), same) || memcmp(one, same, sizeof(one)) != 0)
        abort();
    way.items[way.n++] = BYTES("<sip:one.more;lr>");
    if (route_digest(&way, BYTES("call"), BYTES("t"), more) && memcmp(one, more, sizeof(one)) == 0)
        abort();
    return 0;
}
