/* Any bytes as a PROXY header: no read past the end, never more eaten than there was, and an answer that more
 * bytes do not change once it was given. */
#include "mux/proxy_protocol.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct proxy_header h, shorter;
    enum proxy_verdict v = proxy_parse(bytes_of(p, n), &h);
    if (v == PROXY_DONE && (h.length == 0 || h.length > n))
        abort();
    enum proxy_verdict before = n > 0 ? proxy_parse(bytes_of(p, n - 1), &shorter) : PROXY_MORE;
    if (before != PROXY_MORE && before != v)
        abort();
    return 0;
}
