#include "modules/pcscf/call/hang_up.h"
#include "modules/pcscf/call/dialog.h"

#define HANG_UP_MS 5000u

static uint64_t hash_of(const struct pcscf *p, struct bytes call_id, struct bytes phone_tag,
                        struct bytes far_tag)
{
    uint64_t far = bytes_hash(&p->w->hash_key, far_tag);
    return bytes_hash(&p->w->hash_key, call_id) ^ bytes_hash(&p->w->hash_key, phone_tag) ^
           (far << 1 | far >> 63);
}

void hang_up_note(struct pcscf *p, bool by_phone, const struct sip_msg *bye)
{
    struct hang_ups *all = &p->hang_ups;
    uint64_t call = hash_of(p, bye->call_id, by_phone ? bye->from_tag : bye->to_tag,
                            by_phone ? bye->to_tag : bye->from_tag);
    all->last[all->next] = (struct hang_up){.call = call, .at = p->w->now, .by_phone = by_phone};
    all->next = (all->next + 1) % HANG_UPS;
}

const struct hang_up *hang_up_of(const struct pcscf *p, const struct dialog *d)
{
    const struct bytes *text = d->is.text;
    uint64_t call = hash_of(p, text[DIALOG_CALL_ID], text[DIALOG_PHONE_TAG], text[DIALOG_FAR_TAG]);
    for (unsigned i = 0; i < HANG_UPS; i++) {
        const struct hang_up *h = &p->hang_ups.last[i];
        if (h->call == call && p->w->now - h->at < HANG_UP_MS)
            return h;
    }
    return NULL;
}
