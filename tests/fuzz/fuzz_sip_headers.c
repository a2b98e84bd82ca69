/* Any bytes as each structured header field: what parses lies inside, and what we write from it parses again.
 */
#include "modules/sip/digest.h"
#include "modules/sip/headers.h"
#include "modules/sip/nameaddr.h"
#include "modules/sip/via.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void check_nameaddr(struct bytes text)
{
    struct sip_contact c;
    if (!sip_nameaddr_parse(text, &c.na) || c.na.star)
        return;
    require(c.na.uri.text.n > 0 && sip_params_ok(c.na.params));
    require(sip_nameaddr_tag(&c.na).n <= text.n);
    sip_contact_parse(text, &c);
}

static void check_via(struct bytes text)
{
    struct sip_via v, again;
    struct addr source = {.family = ADDR_V4, .port = 5060, .ip = {192, 0, 2, 1}}, to;
    struct buf out;
    if (!sip_via_parse(text, &v))
        return;
    buf_init(&out);
    sip_via_write_source(&v, &source, &out);
    require(sip_via_parse(buf_bytes(&out), &again));
    require(again.has_rport == v.has_rport && bytes_eq(again.branch, v.branch));
    if (again.maddr.n == 0)
        require(sip_via_target(&again, &to) && addr_ip_eq(&to, &source));
    buf_fini(&out);
}

static void check_digest(struct bytes text)
{
    struct digest_credentials c;
    struct digest_challenge ch;
    struct user_key key = {.enabled = true};
    struct buf out;
    if (digest_credentials_parse(text, &c) == 0)
        require(digest_verify(&c, &key, BYTES("INVITE")) != DIGEST_OK);
    if (digest_challenge_parse(text, &ch) < 0)
        return;
    struct digest_answer a = {.challenge = &ch, .username = text, .cnonce = BYTES("c"), .nc = 1};
    a.uri = BYTES("sip:a");
    a.method = BYTES("REGISTER");
    buf_init(&out);
    if (digest_answer_write(&a, &key, &out) == 0 && digest_credentials_parse(buf_bytes(&out), &c) == 0)
        require(digest_verify(&c, &key, BYTES("REGISTER")) == DIGEST_OK);
    buf_fini(&out);
}

static void check_lists(struct bytes text)
{
    struct bytes rest = text, item;
    uint8_t dst[64];
    while (sip_list_next(&rest, &item) == 1)
        require(item.n > 0 && item.p >= text.p && item.p + item.n <= text.p + text.n);
    sip_unquote(text, dst, sizeof(dst));
    sip_unfold(text, dst, sizeof(dst));
}

static void check_small_ones(struct bytes text)
{
    struct sip_cseq cseq;
    struct sip_rack rack;
    struct sip_delta delta;
    struct sip_worded worded;
    struct sip_media_type type;
    struct sip_mechanism mechanism;
    uint8_t hops;
    if (sip_cseq_parse(text, &cseq))
        require(cseq.number <= SIP_CSEQ_MAX && cseq.method_name.n > 0);
    sip_rack_parse(text, &rack);
    if (sip_delta_parse(text, &delta))
        require(delta.comment.n < text.n);
    if (sip_worded_parse(text, &worded))
        require(worded.word.n > 0);
    sip_media_type_parse(text, &type);
    if (sip_mechanism_parse(text, &mechanism))
        require(mechanism.q <= 1000);
    sip_max_forwards_parse(text, &hops);
    sip_expires_value(text);
    sip_call_id_ok(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    check_nameaddr(text);
    check_via(text);
    check_digest(text);
    check_lists(text);
    check_small_ones(text);
    return 0;
}
