#include "modules/sip/contact_key.h"
#include <ctype.h>
#include <stdio.h>

/* RFC 3261 19.1.4: these parameters make two URIs different when only one has them; maddr and the like are
 * told apart even if absent in one. Other parameters count only when both have them, so they stay out of the
 * key. */
static const struct bytes telling[] = {
    {(const uint8_t *)"user", 4},      {(const uint8_t *)"ttl", 3},   {(const uint8_t *)"method", 6},
    {(const uint8_t *)"transport", 9}, {(const uint8_t *)"maddr", 5},
};

static size_t put(char *dst, size_t used, struct bytes text, bool lower)
{
    if (used == 0 || used + text.n >= SIP_CONTACT_KEY_MAX)
        return 0;
    for (size_t i = 0; i < text.n; i++)
        dst[used + i] = (char)(lower ? tolower(text.p[i]) : text.p[i]);
    dst[used + text.n] = '\0';
    return used + text.n;
}

static size_t put_uri(const struct sip_uri *u, char *dst)
{
    size_t n = sip_aor(u, dst, SIP_CONTACT_KEY_MAX);
    if (!n || u->scheme == SIP_URI_TEL)
        return n;
    if (u->host.port) {
        char port[8];
        snprintf(port, sizeof(port), ":%u", u->host.port);
        n = put(dst, n, bytes_str(port), false);
    }
    for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++) {
        struct bytes value;
        if (!sip_uri_param(u, telling[i], &value))
            continue;
        n = put(dst, n, BYTES(";"), false);
        n = put(dst, n, telling[i], false);
        n = put(dst, n, BYTES("="), false);
        n = put(dst, n, value, true);
    }
    return n;
}

size_t sip_contact_key(const struct sip_contact *c, bool outbound, char dst[static SIP_CONTACT_KEY_MAX])
{
    dst[0] = '\0';
    if (outbound && c->instance.n && c->has_reg_id) {
        int n = snprintf(dst, SIP_CONTACT_KEY_MAX, "%.*s#%u", BYTES_FMT(c->instance), c->reg_id);
        return n > 0 && n < SIP_CONTACT_KEY_MAX ? (size_t)n : 0;
    }
    if (sip_uri_is_sip(&c->na.uri) || c->na.uri.scheme == SIP_URI_TEL)
        return put_uri(&c->na.uri, dst);
    return bytes_to_str(c->na.uri.text, dst, SIP_CONTACT_KEY_MAX) ? c->na.uri.text.n : 0;
}
