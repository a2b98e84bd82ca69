/* registration_change: what the network changes in a registration that stands. */
#include "modules/pcscf/registration/contact.h"
#include "modules/pcscf/registration/phone.h"
#include "modules/pcscf/registration/wildcards.h"

bool registration_is_of(const struct registration *r, const struct sip_uri *aor)
{
    char text[SIP_AOR_MAX];
    size_t n = sip_aor(aor, text, sizeof(text));
    return n && bytes_eq(r->aor, bytes_of(text, n));
}

bool registration_has_key(const struct registration *r, const struct sip_contact *c)
{
    char key[SIP_CONTACT_KEY_MAX];
    size_t n = contact_binding(c, key);
    return n && bytes_eq(r->key, bytes_of(key, n));
}

/* ---- identities ---- */

/* Takes the text over. */
static void replace(struct registration *r, struct buf *text)
{
    if (text->failed || !buf_len(text)) {
        buf_fini(text);
        return;
    }
    buf_fini(&r->changed);
    r->changed = *text;
    r->identities = buf_bytes(&r->changed);
    wildcards_destroy(r->wildcards);
    wildcards_compile(r->identities, &r->wildcards); /* no memory: nobody but who is listed */
    registration_save(r);
}

static void put(struct buf *out, struct bytes before, struct bytes item, struct bytes after)
{
    buf_str(out, buf_len(out) ? ", " : "");
    buf_append(out, before);
    buf_append(out, item);
    buf_append(out, after);
}

void registration_add_identity(struct registration *r, const struct sip_uri *uri)
{
    struct buf text;
    if (registration_has_identity(r, uri))
        return;
    if (r->identities.n + r->aor.n + uri->text.n + 8 > REGISTRATION_IDENTITIES_MAX)
        return;
    buf_init(&text);
    if (r->identities.n)
        put(&text, BYTES_NONE, r->identities, BYTES_NONE);
    else
        put(&text, BYTES("<"), r->aor, BYTES(">"));
    put(&text, BYTES("<"), uri->text, BYTES(">"));
    replace(r, &text);
}

static bool is_identity(struct bytes item, const struct sip_uri *uri)
{
    struct sip_nameaddr na;
    char a[SIP_AOR_MAX], b[SIP_AOR_MAX];
    if (!sip_nameaddr_parse(item, &na))
        return false;
    size_t na_n = sip_aor(&na.uri, a, sizeof(a)), n = sip_aor(uri, b, sizeof(b));
    return n && bytes_eq(bytes_of(a, na_n), bytes_of(b, n));
}

bool registration_drop_identity(struct registration *r, const struct sip_uri *uri)
{
    struct bytes rest = r->identities, item;
    struct buf text;
    if (!registration_has_identity(r, uri))
        return true;
    buf_init(&text);
    while (sip_list_next(&rest, &item) == 1) {
        if (!is_identity(item, uri))
            put(&text, BYTES_NONE, item, BYTES_NONE);
    }
    bool left = buf_len(&text) > 0 || text.failed;
    replace(r, &text);
    return left;
}

/* ---- time ---- */

bool registration_shorten(struct registration *r, uint32_t seconds)
{
    struct worker *w = r->phone->room->w;
    uint64_t due = w->now + (uint64_t)seconds * 1000;
    if (due >= r->expiry.due)
        return false;
    timer_set(&w->timers, &r->expiry, due);
    registration_save(r);
    log_info(&w->log, "sip.shortened", F_BYTES("aor", r->aor), F_ADDR("peer", &r->phone->flow.peer),
             F_UINT("expires", seconds));
    return true;
}
