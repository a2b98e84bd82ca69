#include "modules/turn/ticket.h"
#include "appliance/base/wire.h"
#include "appliance/core/worker.h"
#include <string.h>

static bool seal_with(struct worker *w, const struct ticket *t, uint8_t salt, uint8_t *out)
{
    uint8_t plain[TICKET_PLAIN];
    struct wire_out o = wire_out(plain, sizeof(plain));
    wire_put_u16(&o, t->node);
    wire_put_u32(&o, (uint32_t)t->worker << 24 | t->slot);
    wire_put_u16(&o, t->serial);
    wire_put_bytes(&o, bytes_of(t->id, sizeof(t->id)));
    wire_put_u8(&o, salt);
    return token_seal_short(w->tokens, TOKEN_TICKET, bytes_of(plain, sizeof(plain)), out, TICKET_SIZE) != 0;
}

/* One in nine sealed texts has a zero byte, so the second or third try is mostly the last. */
bool ticket_seal(struct worker *w, const struct ticket *t, uint8_t out[static TICKET_SIZE])
{
    for (unsigned salt = 0; salt <= UINT8_MAX; salt++) {
        if (!seal_with(w, t, (uint8_t)salt, out))
            return false;
        if (!memchr(out, 0, TICKET_SIZE))
            return true;
    }
    return false;
}

bool ticket_open(struct worker *w, struct bytes sealed, struct ticket *out)
{
    uint8_t plain[TICKET_PLAIN];
    if (token_open_short(w->tokens, TOKEN_TICKET, sealed, plain, sizeof(plain)) != TICKET_PLAIN)
        return false;
    struct wire_in in = wire_in(bytes_of(plain, sizeof(plain)));
    out->node = wire_u16(&in);
    uint32_t place = wire_u32(&in);
    out->worker = (uint8_t)(place >> 24);
    out->slot = place & 0xFFFFFF;
    out->serial = wire_u16(&in);
    memcpy(out->id, wire_bytes(&in, TICKET_ID).p, TICKET_ID);
    return true;
}
