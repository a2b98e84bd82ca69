/* The digest of a route set: lines are hops. Whatever they are, it is made or refused; the same hops give the
 * same one, one hop more another one. */
#include "modules/pcscf/call/route_set.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct route_set way = {0};
    struct bytes rest = bytes_of(data, n), line;
    uint8_t one[ROUTE_SET_DIGEST], same[ROUTE_SET_DIGEST], more[ROUTE_SET_DIGEST];
    while (way.n < ROUTE_SET_MAX - 1 && bytes_split(&rest, '\n', &line))
        way.items[way.n++] = line;
    if (!route_set_digest(&way, BYTES("call"), one))
        return 0;
    if (!route_set_digest(&way, BYTES("call"), same) || memcmp(one, same, sizeof(one)) != 0)
        abort();
    way.items[way.n++] = BYTES("<sip:one.more;lr>");
    if (route_set_digest(&way, BYTES("call"), more) && memcmp(one, more, sizeof(one)) == 0)
        abort();
    return 0;
}
