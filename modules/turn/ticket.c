#include "modules/turn/ticket.h"
#include "appliance/base/token.h"
#include "appliance/base/wire.h"
#include "appliance/core/worker.h"
#include <string.h>

#define PLAIN_N 34u

_Static_assert(PLAIN_N + TOKEN_OVERHEAD <= TICKET_MAX, "a sealed ticket fits");

size_t ticket_seal(struct worker *w, const struct ticket *t, uint8_t out[static TICKET_MAX])
{
    uint8_t plain[PLAIN_N];
    struct wire_out o = wire_out(plain, sizeof(plain));
    wire_put_u32(&o, t->node);
    wire_put_u16(&o, t->home.worker);
    wire_put_u32(&o, t->home.gen);
    wire_put_u32(&o, t->home.slot);
    wire_put_bytes(&o, bytes_of(t->id, sizeof(t->id)));
    wire_put_u32(&o, t->serial);
    return token_seal(w->tokens, TOKEN_TICKET, bytes_of(plain, sizeof(plain)), out, TICKET_MAX);
}

bool ticket_open(struct worker *w, struct bytes sealed, struct ticket *out)
{
    uint8_t plain[TOKEN_PLAIN_MAX];
    if (token_open(w->tokens, TOKEN_TICKET, sealed, plain, sizeof(plain)) != PLAIN_N)
        return false;
    struct wire_in in = wire_in(bytes_of(plain, PLAIN_N));
    out->node = wire_u32(&in);
    out->home.worker = wire_u16(&in);
    out->home.gen = wire_u32(&in);
    out->home.slot = wire_u32(&in);
    memcpy(out->id, wire_bytes(&in, TICKET_ID).p, TICKET_ID);
    out->serial = wire_u32(&in);
    return !in.bad;
}
