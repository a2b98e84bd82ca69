/* Addresses and networks as text: whatever parses must print to a text that parses to the same. */
#include "appliance/base/addr.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_addr(struct bytes text)
{
    struct addr a, again;
    char printed[ADDR_TEXT];
    if (!addr_parse(text, 5060, &a))
        return;
    size_t n = addr_format(&a, printed);
    if (n >= ADDR_TEXT || !addr_parse(bytes_of(printed, n), 0, &again))
        abort();
    if (!addr_eq(&a, &again) || a.scope != again.scope)
        abort();
    struct addr inner = addr_canonical(&a), twice = addr_canonical(&inner);
    if (inner.port != a.port || !addr_eq(&inner, &twice))
        abort();
}

static void check_cidr(struct bytes text)
{
    struct cidr c, again;
    char printed[ADDR_TEXT];
    if (!cidr_parse(text, &c))
        return;
    size_t n = cidr_format(&c, printed);
    if (!cidr_parse(bytes_of(printed, n), &again) || again.bits != c.bits || !addr_eq(&c.net, &again.net))
        abort();
    if (!cidr_has(&c, &c.net))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_addr(bytes_of(data, size));
    check_cidr(bytes_of(data, size));
    return 0;
}
