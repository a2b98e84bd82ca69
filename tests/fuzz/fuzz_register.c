/* Any bytes as a REGISTER or its response: after the edge's edits it is a message still, says of its
 * protection what we say and nothing else, and holds no keys. And any bytes as what is read on the way:
 * charging vectors, lists of identities. */
#include "modules/pcscf/keepalive.h"
#include "modules/pcscf/registration/auth_params.h"
#include "modules/pcscf/registration/charging.h"
#include "modules/pcscf/registration/contact.h"
#include "modules/pcscf/registration/contacts.h"
#include "modules/pcscf/registration/expiry.h"
#include "modules/pcscf/registration/integrity.h"
#include "modules/pcscf/registration/sec_agree.h"
#include "modules/pcscf/registration/session_keys.h"
#include "modules/pcscf/registration/wildcards.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sip_msg m, edited;
static struct sip_edit e;
static const struct pcscf_config config = {.flow_timer = 120000, .min_expires = 60000, .max_expires = 600000};
static const struct pcscf room = {.config = &config};

static void require(bool truth)
{
    if (!truth)
        abort();
}

static size_t mentions(struct bytes text, struct bytes word)
{
    size_t n = 0;
    for (; text.n; text = bytes_skip(text, 1))
        n += bytes_istarts(text, word);
    return n;
}

static bool ends(struct bytes text, struct bytes with)
{
    return text.n >= with.n && bytes_eq(bytes_skip(text, text.n - with.n), with);
}

static void check_protection(enum integrity said)
{
    size_t n = 0;
    struct bytes ours = said == INTEGRITY_TLS_YES ? BYTES("integrity-protected=\"tls-yes\"")
                                                  : BYTES("integrity-protected=\"tls-pending\"");
    for (const struct sip_header *h = sip_msg_first(&edited, SIP_H_AUTHORIZATION); h;
         h = sip_msg_next(&edited, h)) {
        size_t here = mentions(h->value, BYTES("integrity-protected"));
        require(!here || ends(h->value, ours));
        n += here;
    }
    require(n <= (said == INTEGRITY_NONE ? 0u : 1u));
}

static void check_expiry(void)
{
    struct sip_values it = sip_values(&edited, SIP_H_CONTACT);
    struct bytes item;
    struct sip_contact c;
    char key[SIP_CONTACT_KEY_MAX];
    while (sip_values_next(&it, &item)) {
        if (!sip_contact_parse(item, &c) || c.na.star)
            continue;
        require(contact_expires(&edited, &c) <= 600);
        require(contact_binding(&c, key) < SIP_CONTACT_KEY_MAX);
    }
}

static bool apply(struct buf *out)
{
    struct sip_fault fault;
    if (sip_edit_apply(&e, out) < 0)
        return false;
    int rc = sip_msg_parse(&edited, buf_bytes(out), SIP_DATAGRAM, &fault);
    require(rc == 0 || fault.status == 513);
    return rc == 0;
}

static void check_request(enum integrity said)
{
    struct buf out;
    buf_init(&out);
    sec_agree_of(&m, true);
    sec_agree_of(&m, false);
    const struct contacts asked = contacts_read(&m);
    require(asked.briefest > 0 && (asked.n || !asked.sos));
    expiry_is_too_brief(&config, &asked);
    integrity_private_id(&m);
    sip_edit_init(&e, &m);
    sec_agree_edit_request(&m, &e);
    integrity_edit(&m, said, &e);
    expiry_edit(&config, &m, &e);
    if (apply(&out)) {
        check_protection(said);
        check_expiry();
        require(!sip_msg_has_token(&edited, SIP_H_REQUIRE, BYTES("sec-agree")));
    }
    buf_fini(&out);
}

static void check_response(void)
{
    const struct bytes keys[] = {BYTES("ck"), BYTES("ik")};
    const struct auth_params_names names = {keys, 2};
    struct buf out;
    buf_init(&out);
    sip_edit_init(&e, &m);
    session_keys_cut(&m, &e);
    sec_agree_edit_response(SEC_AGREE_OFFERED, &m, &e);
    static const struct sip_msg offer = {.via = {.has_keep = true}};
    keepalive_accept(&room, &offer, &m, &e);
    if (apply(&out)) {
        for (const struct sip_header *h = sip_msg_first(&edited, SIP_H_WWW_AUTHENTICATE); h;
             h = sip_msg_next(&edited, h))
            require(auth_params_count(h->value, &names) == 0);
    }
    buf_fini(&out);
}

static void check_values(struct bytes text)
{
    struct charging_vector v;
    struct wildcards *ws;
    if (charging_vector_parse(text, &v))
        require(v.icid.n > 0 && v.icid.p >= text.p && v.icid.p + v.icid.n <= text.p + text.n);
    if (wildcards_compile(text, &ws) == 0) {
        wildcards_match(ws, BYTES("sip:aaaaaaaaaaaaaaaaaaaaaaaaaaaa@ims.test"));
        wildcards_match(ws, BYTES("tel:+12345678901234567890"));
        wildcards_match(ws, bytes_first(text, 200));
        wildcards_destroy(ws);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    struct sip_fault fault;
    check_values(text);
    if (sip_msg_parse(&m, text, SIP_DATAGRAM, &fault) < 0)
        return 0;
    if (!m.request) {
        check_response();
        return 0;
    }
    for (int said = INTEGRITY_NONE; said <= INTEGRITY_TLS_YES; said++)
        check_request((enum integrity)said);
    return 0;
}
