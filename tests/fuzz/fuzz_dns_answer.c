/* DNS responses: the first byte says what was asked for, the rest is the message. */
#include "modules/pcscf/core/dns_answer.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dns_answer *a)
{
    if (a->n > DNS_RECORDS_MAX || (a->verdict == DNS_OK) != (a->n > 0) ||
        (a->verdict == DNS_FAILED) != (a->why != NULL))
        abort();
    for (unsigned i = 0; i < a->n; i++) {
        const struct dns_record *r = &a->records[i];
        if (strnlen(r->target, sizeof(r->target)) == sizeof(r->target) ||
            strnlen(r->service, sizeof(r->service)) == sizeof(r->service) ||
            strnlen(r->flags, sizeof(r->flags)) == sizeof(r->flags))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_SRV, DNS_NAPTR};
    struct dns_answer a;
    if (!size)
        return 0;
    dns_answer_parse(bytes_of(data + 1, size - 1), types[data[0] % 4], &a);
    check(&a);
    return 0;
}
