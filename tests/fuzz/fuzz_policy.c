/* The first line as a rule: it is read or refused with a place inside it. What is read meets the rest as a
 * message, or does not, within its limits; deciding and explaining agree. */
#include "modules/pcscf/policy/policy.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void nothing(void *arg, size_t index, const char *text)
{
    require(index == 0 && text[0]);
}

static void ask(struct policy *p, const struct policy_request *rq)
{
    static struct policy_scratch *s;
    struct buf why;
    if (!s)
        s = policy_scratch_create();
    buf_init(&why);
    struct policy_verdict explained = policy_explain(p, s, rq, &why);
    struct policy_verdict decided = policy_decide(p, s, rq, 1000);
    require(explained.rule == decided.rule);
    require(!decided.deed || decided.deed->action != POLICY_LIMIT);
    buf_fini(&why);
}

static void ask_with(struct policy *p, struct bytes message, bool phone)
{
    static const char usual[] =
        "INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:b@c>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nUser-Agent: friendly-scanner\r\n"
        "Contact: <sip:a@h>\r\n\r\n";
    struct addr source = {.family = ADDR_V4, .ip = {192, 0, 2, 1}};
    struct sip_msg m;
    struct sip_fault fault;
    if (sip_msg_parse(&m, message, SIP_DATAGRAM, &fault) < 0 &&
        sip_msg_parse(&m, bytes_str(usual), SIP_DATAGRAM, &fault) < 0)
        abort();
    struct policy_request rq = {.msg = &m,
                                .source = &source,
                                .transport = TRANSPORT_TLS,
                                .from_phone = phone,
                                .registered = phone,
                                .identity = BYTES("sip:a@b")};
    if (m.request)
        ask(p, &rq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size), line;
    struct policy_fault fault = {0};
    struct policy_rule alone = {0};
    if (!bytes_split(&rest, '\n', &line))
        return 0;
    char *text = strndup((const char *)line.p, line.n);
    if (!text)
        return 0;
    bool good = policy_rule_parse(&alone, text, false, &fault);
    require(good || (fault.text[0] && fault.at <= strlen(text)));
    policy_rule_fini(&alone);
    const char *items[] = {text};
    const struct string_list rules = {items, 1};
    struct policy *p = policy_create(&rules, size % 2, nothing, NULL);
    require(good == (p != NULL));
    if (p) {
        ask_with(p, rest, true);
        ask_with(p, rest, false);
    }
    policy_destroy(p);
    free(text);
    return 0;
}
