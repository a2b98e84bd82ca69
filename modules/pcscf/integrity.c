#include "modules/pcscf/integrity.h"
#include "modules/sip/params.h"

#define NAME BYTES("integrity-protected")

static size_t mentions(struct bytes value)
{
    size_t n = 0;
    for (; value.n; value = bytes_skip(value, 1))
        n += bytes_istarts(value, NAME);
    return n;
}

/* The parameters behind the scheme. */
static struct bytes parameters(struct bytes value)
{
    return sip_skip_lws(bytes_skip(value, sip_token_len(value)));
}

static bool is_it(struct bytes item)
{
    return bytes_ieq(bytes_first(item, sip_token_len(item)), NAME);
}

/* How many parameters are it; SIZE_MAX: this is no list of parameters. */
static size_t count(struct bytes rest)
{
    struct bytes item;
    size_t n = 0;
    int rc;
    while ((rc = sip_list_next(&rest, &item)) == 1)
        n += is_it(item);
    return rc < 0 ? SIZE_MAX : n;
}

static struct bytes between(const uint8_t *from, const uint8_t *to)
{
    return bytes_of(from, (size_t)(to - from));
}

/* Each goes with the comma before it; in front of the first that stays, with the comma behind it. False:
 * nothing stays. */
static bool cut_from(struct bytes rest, struct sip_edit *e)
{
    const uint8_t *start = rest.p, *kept = NULL;
    struct bytes item;
    while (sip_list_next(&rest, &item) == 1) {
        const uint8_t *end = item.p + item.n;
        if (is_it(item)) {
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

/* Somebody who reads quotes or brackets in another way than we do could see a parameter where we see text: a
 * field that still has the name in it after the cuts does not go on, and the phone is asked for its
 * credentials. */
void integrity_cut(const struct sip_msg *rq, struct sip_edit *e)
{
    const struct sip_header *h = sip_msg_first(rq, SIP_H_AUTHORIZATION);
    for (; h; h = sip_msg_next(rq, h)) {
        size_t named = mentions(h->value);
        if (named && (named != count(parameters(h->value)) || !cut_from(parameters(h->value), e)))
            sip_edit_remove_header(e, h);
    }
}
