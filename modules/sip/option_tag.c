#include "modules/sip/option_tag.h"

static bool is_known(struct bytes tag, const char *const *known)
{
    while (*known && !bytes_ieq(tag, bytes_str(*known)))
        known++;
    return *known != NULL;
}

bool option_tags_unsupported(const struct sip_msg *rq, enum sip_header_id id, const char *const *known,
                             struct buf *out)
{
    struct sip_values it = sip_values(rq, id);
    struct bytes tag;
    bool any = false;
    while (sip_values_next(&it, &tag)) {
        if (is_known(tag, known))
            continue;
        buf_str(out, any ? ", " : "Unsupported: ");
        buf_append(out, tag);
        any = true;
    }
    if (any)
        buf_str(out, "\r\n");
    return any;
}
