/* Any bytes as a URI: a URI equals itself, its address of record is a URI with the same address of record,
 * and escaped users come back. */
#include "modules/sip/uri.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void check_aor(const struct sip_uri *u)
{
    struct sip_uri again;
    char aor[SIP_AOR_MAX], twice[SIP_AOR_MAX];
    size_t n = sip_aor(u, aor, sizeof(aor));
    if (n == 0)
        return;
    require(n < sizeof(aor) && sip_uri_parse(bytes_of(aor, n), &again));
    require(sip_aor(&again, twice, sizeof(twice)) == n);
    require(bytes_eq(bytes_of(aor, n), bytes_of(twice, n)));
}

static void check_user(struct bytes raw)
{
    char text[1024];
    uint8_t back[1024];
    size_t n = sip_escape_user(raw, text, sizeof(text));
    if (n == 0)
        return;
    size_t len = sip_unescape(bytes_of(text, n), back, sizeof(back));
    require(bytes_eq(bytes_of(back, len), raw));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sip_uri u;
    struct bytes text = bytes_of(data, size);
    check_user(text);
    if (!sip_uri_parse(text, &u))
        return 0;
    require(sip_uri_eq(&u, &u));
    if (sip_uri_is_sip(&u))
        require(u.host.text.n > 0 && u.host.kind != SIP_HOST_NONE);
    sip_uri_param(&u, BYTES("lr"), NULL);
    check_aor(&u);
    return 0;
}
