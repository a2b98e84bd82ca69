#include "modules/pcscf/registration/auth_params.h"
#include "modules/sip/params.h"

/* The parameters behind the scheme. */
static struct bytes parameters(struct bytes value)
{
    return sip_skip_lws(bytes_skip(value, sip_token_len(value)));
}

static bool is_one(struct bytes item, const struct auth_params_names *names)
{
    struct bytes name = bytes_first(item, sip_token_len(item));
    for (size_t i = 0; i < names->n; i++) {
        if (bytes_ieq(name, names->items[i]))
            return true;
    }
    return false;
}

size_t auth_params_count(struct bytes value, const struct auth_params_names *names)
{
    struct bytes item, rest = parameters(value);
    size_t n = 0;
    int rc;
    while ((rc = sip_list_next(&rest, &item)) == 1)
        n += is_one(item, names);
    return rc < 0 ? SIZE_MAX : n;
}

static struct bytes between(const uint8_t *from, const uint8_t *to)
{
    return bytes_of(from, (size_t)(to - from));
}

/* Each goes with the comma before it; in front of the first that stays, with the comma behind it. */
bool auth_params_cut(struct bytes value, const struct auth_params_names *names, struct sip_edit *e)
{
    struct bytes item, rest = parameters(value);
    const uint8_t *start = rest.p, *kept = NULL;
    while (sip_list_next(&rest, &item) == 1) {
        const uint8_t *end = item.p + item.n;
        if (is_one(item, names)) {
            if (kept)
                sip_edit_cut(e, between(kept, end));
            continue;
        }
        if (!kept && item.p > start)
            sip_edit_cut(e, between(start, item.p));
        kept = end;
    }
    return kept != NULL;
}
