/* Any bytes as first bytes and as an HTTP head: no read past the end, and what has been said whole stays
 * whole. */
#include "modules/http/head.h"
#include "mux/sniff.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check_head(struct bytes in)
{
    struct http_head h;
    int code = http_head_parse(in, &h);
    if (code != HTTP_HEAD_MORE && code != HTTP_HEAD_WHOLE && code != 400 && code != 431 && code != 505)
        abort();
    if (code == HTTP_HEAD_WHOLE && (h.length > in.n || h.method.n == 0 || h.target.n == 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct bytes in = bytes_of(p, n);
    check_head(in);
    /* one protocol at most */
    int yes = (sniff_stun(in) == SNIFF_YES) + (sniff_text(in, SNIFF_SIP) == SNIFF_YES) +
              (sniff_text(in, SNIFF_HTTP) == SNIFF_YES);
    if (yes > 1)
        abort();
    return 0;
}
