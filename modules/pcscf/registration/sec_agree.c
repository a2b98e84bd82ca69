#include "modules/pcscf/registration/sec_agree.h"
#include "modules/sip/headers.h"
#include "modules/sip/nameaddr.h"

#define TAG  BYTES("sec-agree")
#define LIST "tls"

/* Of a list of mechanisms: is it ours to the letter (RFC 3329 2.3.1), does it name tls at all? */
struct mechanisms {
    bool ours, tls;
    size_t n;
};

static bool is_tls(struct bytes item, bool plain)
{
    struct sip_mechanism m;
    return sip_mechanism_parse(item, &m) && bytes_ieq(m.name, BYTES(LIST)) && (!plain || !m.params.n);
}

static struct mechanisms read_list(const struct sip_msg *rq, enum sip_header_id id)
{
    struct mechanisms list = {0};
    struct sip_values it = sip_values(rq, id);
    struct bytes item;
    while (sip_values_next(&it, &item)) {
        list.ours = list.n == 0 && is_tls(item, true);
        list.tls = list.tls || is_tls(item, false);
        list.n++;
    }
    list.ours = list.ours && !it.bad;
    return list;
}

static bool is_required(const struct sip_msg *rq)
{
    return sip_msg_has_token(rq, SIP_H_REQUIRE, TAG) || sip_msg_has_token(rq, SIP_H_PROXY_REQUIRE, TAG);
}

/* A REGISTER that offers tls goes on without protection too: its challenge carries our list, and the phone
 * answers that by TLS (TS 24.229 5.2.2.4). */
static enum sec_agree offer(const struct sip_msg *rq, bool tls, bool required)
{
    struct mechanisms client = read_list(rq, SIP_H_SECURITY_CLIENT);
    if (client.tls && (tls || rq->method == SIP_REGISTER))
        return SEC_AGREE_OFFERED;
    return required ? SEC_AGREE_REFUSED : SEC_AGREE_NONE;
}

enum sec_agree sec_agree_of(const struct sip_msg *rq, bool tls)
{
    bool required = is_required(rq);
    if (sip_msg_has(rq, SIP_H_SECURITY_VERIFY))
        return tls && read_list(rq, SIP_H_SECURITY_VERIFY).ours ? SEC_AGREE_VERIFIED : SEC_AGREE_REFUSED;
    if (sip_msg_has(rq, SIP_H_SECURITY_CLIENT))
        return offer(rq, tls, required);
    return required ? SEC_AGREE_REFUSED : SEC_AGREE_NONE;
}

struct bytes sec_agree_line(void)
{
    return BYTES("Security-Server: " LIST "\r\n");
}

void sec_agree_edit_request(const struct sip_msg *rq, struct sip_edit *e)
{
    static const uint8_t lists[] = {SIP_H_REQUIRE, SIP_H_PROXY_REQUIRE};
    for (size_t i = 0; i < sizeof(lists); i++) {
        if (sip_msg_has_token(rq, lists[i], TAG))
            sip_edit_remove_token(e, lists[i], TAG);
    }
}

void sec_agree_edit_response(enum sec_agree asked, const struct sip_msg *rs, struct sip_edit *e)
{
    bool challenge = rs->status == 401 || rs->status == 407;
    if (challenge && asked == SEC_AGREE_OFFERED)
        sip_edit_add(e, SIP_H_SECURITY_SERVER, BYTES(LIST));
}
