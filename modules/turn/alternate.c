#include "modules/turn/alternate.h"
#include "modules/turn/dispatch.h"

/* Clients come to the door: its port where none is written. */
#define DOOR_PORT 443

static bool parse(const char *text, struct addr *out)
{
    return addr_parse(bytes_str(text), DOOR_PORT, out) && out->port && !addr_is_any(out);
}

bool alternate_check(const char *text, const char **why)
{
    struct addr a;
    if (parse(text, &a))
        return true;
    *why = "write an IP address, with or without a port";
    return false;
}

static bool first_of(const struct string_list *list, uint8_t family, struct addr *out)
{
    for (size_t i = 0; i < list->n; i++)
        if (parse(list->items[i], out) && out->family == family)
            return true;
    return false;
}

/* RFC 8489 10: one of the client's own family is a must and comes first, one of the other a should. */
bool alternate_redirects(struct request *rq, enum alternate_when why)
{
    const struct turn_config *c = rq->turn->config;
    struct addr same, other;
    struct answer a;
    uint8_t family = rq->client.addr.family;
    if (why == ALTERNATE_ALWAYS && c->alternate_when != ALTERNATE_ALWAYS)
        return false;
    if (!first_of(&c->alternate_servers, family, &same))
        return false;
    turn_count(rq->turn, TS_REDIRECTED);
    answer_begin_error(rq, &a, 300);
    stun_put_address(&a.w, STUN_A_ALTERNATE_SERVER, &same);
    if (first_of(&c->alternate_servers, family == ADDR_V6 ? ADDR_V4 : ADDR_V6, &other))
        stun_put_address(&a.w, STUN_A_ALTERNATE_SERVER, &other);
    if (c->alternate_domain[0])
        stun_put(&a.w, STUN_A_ALTERNATE_DOMAIN, bytes_str(c->alternate_domain));
    answer_send(rq, &a);
    return true;
}
