#include "appliance/base/wire.h"
#include "modules/pcscf/registration/phone.h"
#include "mux/conn.h"

/* The flow and the second in which this process started: connection slots and generations begin anew with
 * each process, the sealing key does not, so a token from before a restart must not find somebody else's
 * connection. */
#define FLOW_PLAIN (FLOW_WIRE + 3 * 8 + 1)

static uint64_t stamp(const struct worker *w)
{
    return (uint64_t)w->gw->started;
}

/* Sealed, so the keys need not be secret; the same on every worker and after a restart. */
uint64_t flow_owner(struct bytes aor)
{
    static const struct hash_key key = {0x53616c6c79706f72, 0x74666c6f77546f6b};
    return bytes_hash(&key, aor);
}

uint64_t flow_instance(struct bytes instance)
{
    static const struct hash_key key = {0x496e7374616e6365, 0x5246433536323634};
    return bytes_hash(&key, instance);
}

bool flow_token_seal(struct worker *w, const struct flow_token *t, char dst[static TOKEN_TEXT_MAX])
{
    uint8_t plain[FLOW_PLAIN + ROUTE_DIGEST];
    flow_pack(&t->flow, plain);
    struct wire_out out = wire_out(plain + FLOW_WIRE, sizeof(plain) - FLOW_WIRE);
    wire_put_u64(&out, stamp(w));
    wire_put_u64(&out, t->owner);
    wire_put_u64(&out, t->instance);
    wire_put_u8(&out, t->emergency);
    if (t->has_route)
        wire_put_bytes(&out, bytes_of(t->route, sizeof(t->route)));
    struct bytes sealed = bytes_of(plain, FLOW_WIRE + wire_len(&out));
    return token_seal_text(w->tokens, TOKEN_FLOW, sealed, dst, TOKEN_TEXT_MAX) != 0;
}

enum flow_token_verdict flow_token_open(struct worker *w, struct bytes text, struct flow_token *out)
{
    uint8_t plain[TOKEN_PLAIN_MAX];
    size_t n = token_open_text(w->tokens, TOKEN_FLOW, text, plain, sizeof(plain));
    bool has_route = n == FLOW_PLAIN + ROUTE_DIGEST;
    if ((n != FLOW_PLAIN && !has_route) || !flow_unpack(bytes_of(plain, FLOW_WIRE), &out->flow))
        return FLOW_TOKEN_FOREIGN;
    struct wire_in in = wire_in(bytes_of(plain + FLOW_WIRE, n - FLOW_WIRE));
    uint64_t made = wire_u64(&in);
    out->owner = wire_u64(&in);
    out->instance = wire_u64(&in);
    out->emergency = wire_u8(&in);
    out->has_route = has_route;
    if (has_route)
        memcpy(out->route, wire_bytes(&in, ROUTE_DIGEST).p, ROUTE_DIGEST);
    return made == stamp(w) ? FLOW_TOKEN_OK : FLOW_TOKEN_OLD;
}

/* UDP has no connection that could die: there the registration says whether anybody is behind it. */
bool flow_reaches(const struct pcscf *p, const struct flow *f)
{
    if (f->conn.worker != p->w->id)
        return false;
    if (f->transport != TRANSPORT_UDP)
        return flow_alive(p->w, f);
    return phone_in_use(p, f) != NULL;
}
