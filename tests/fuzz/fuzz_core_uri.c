/* The list of next hops as pcscf.core writes it: whatever is taken has a transport or a name to ask for, and
 * fits. */
#include "modules/pcscf/core/core_uri.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct core_uri u;
    const char *why = NULL;
    if (!core_uri_parse(bytes_of(data, size), &u, &why)) {
        if (!why || !why[0])
            abort();
        return 0;
    }
    if (!u.name[0] || strnlen(u.name, sizeof(u.name)) == sizeof(u.name))
        abort();
    if (u.addr.family != ADDR_NONE && (!u.transport || !u.addr.port || addr_is_any(&u.addr)))
        abort();
    if (u.secure && u.transport != TRANSPORT_TLS)
        abort();
    return 0;
}
