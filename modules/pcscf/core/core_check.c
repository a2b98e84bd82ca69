/* What `config check` and boot say of the settings of the way to the core, before anything is started. */
#include "modules/pcscf/core/core_place.h"
#include "modules/pcscf/core/core_setup.h"
#include "modules/pcscf/core/core_tls.h"
#include "modules/pcscf/policy/policy.h"
#include "mux/door.h"
#include "mux/door_config.h"

static bool listens(const struct config *c, const char *how)
{
    const struct door_config *door = config_of(c, &door_settings);
    for (size_t i = 0; i < door->listen.n; i++) {
        if (bytes_istarts(bytes_str(door->listen.items[i]), bytes_str(how)))
            return true;
    }
    return false;
}

static bool check_uris(const struct config *c, const struct pcscf_config *p, struct buf *out)
{
    bool good = true;
    size_t n = 0;
    for (size_t i = 0; i < p->core.n; i++) {
        struct core_uri uri;
        if (!core_uri_parse(bytes_str(p->core.items[i]), &uri,
                            NULL)) /* empty, or said by the setting's check */
            continue;
        n++;
        if (uri.transport != TRANSPORT_UDP || listens(c, "sip+udp://"))
            continue;
        buf_printf(out, "pcscf.core \"%s\": needs \"sip+udp://ADDRESS:PORT\" in door.listen\n",
                   p->core.items[i]);
        good = false;
    }
    if (n > PLACE_URIS_MAX)
        buf_printf(out, "pcscf.core: %d next hops at most; several behind one name are one here\n",
                   PLACE_URIS_MAX);
    return good && n <= PLACE_URIS_MAX;
}

static bool check_address(const struct config *c, const struct pcscf_config *p, struct buf *out)
{
    if (p->core_address.family != ADDR_NONE || listens(c, "sip+udp://") || listens(c, "sip+tcp://") ||
        listens(c, "sip+tls://"))
        return true;
    buf_str(out,
            "pcscf.core_address: set the address and port at which the core reaches this gateway (or add a "
            "listener for it: \"sip+tcp://ADDRESS:PORT\")\n");
    return false;
}

static bool check_tls(const struct pcscf_config *p, struct buf *out)
{
    struct core_tls *t = core_tls_create(p, out);
    if (!t)
        buf_str(out, "\n");
    core_tls_destroy(t);
    return t;
}

/* What has left by a rule would come back within its dialog, and find nobody but the home network. */
static bool check_rules(const struct config *c, struct buf *out)
{
    const struct policy *policy = ((const struct policy_config *)config_of(c, &policy_settings))->policy;
    bool good = true;
    for (size_t i = 0; policy && i < policy->n; i++) {
        const struct policy_rule *r = &policy->rules[i];
        if (r->deed.action != POLICY_ROUTE)
            continue;
        buf_printf(out,
                   "policy.rules \"%s\": route needs pcscf.core: the embedded home network has no other core "
                   "beside it; set pcscf.core, or let the rule reject instead\n",
                   r->name);
        good = false;
    }
    return good;
}

bool core_check(const struct config *c, struct buf *out)
{
    const struct pcscf_config *p = config_of(c, &pcscf_settings);
    if (core_is_embedded(&p->core))
        return check_rules(c, out);
    bool good = check_uris(c, p, out);
    good = check_address(c, p, out) && good;
    return check_tls(p, out) && good;
}
