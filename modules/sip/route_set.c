#include "modules/sip/route_set.h"
#include "modules/sip/nameaddr.h"

bool sip_route_set_read(const struct sip_msg *m, enum sip_header_id id, unsigned skip,
                        struct sip_route_set *out)
{
    struct sip_values it = sip_values(m, id);
    struct bytes item;
    out->n = 0;
    for (unsigned i = 0; sip_values_next(&it, &item); i++) {
        if (i < skip)
            continue;
        if (out->n == SIP_ROUTE_SET_MAX)
            return false;
        out->items[out->n++] = item;
    }
    return !it.bad;
}

bool sip_route_set_read_above(const struct sip_msg *rs, unsigned below, struct sip_route_set *out)
{
    struct sip_values it = sip_values(rs, SIP_H_RECORD_ROUTE);
    if (below > SIP_ROUTE_SET_MAX)
        return false;
    out->n = below;
    for (unsigned i = below; i > 0; i--) {
        if (!sip_values_next(&it, &out->items[i - 1]))
            return false;
    }
    return true;
}

bool sip_route_set_write(const struct sip_msg *m, bool reversed, struct buf *out)
{
    struct sip_route_set s;
    struct sip_nameaddr na;
    if (!sip_route_set_read(m, SIP_H_RECORD_ROUTE, 0, &s))
        return false;
    for (unsigned i = 0; i < s.n; i++) {
        struct bytes item = s.items[reversed ? s.n - 1 - i : i];
        if (!sip_nameaddr_parse(item, &na))
            return false;
        buf_str(out, i ? ", " : "");
        buf_append(out, item);
    }
    return !out->failed;
}
