/* msg_read: finding header fields and list values in a message that msg.c has cut. */
#include "modules/sip/msg.h"

size_t sip_msg_size(const struct sip_msg *m)
{
    return offsetof(struct sip_msg, headers) + m->n_headers * sizeof(m->headers[0]);
}

const struct sip_header *sip_msg_first(const struct sip_msg *m, enum sip_header_id id)
{
    uint8_t i = m->first[id];
    return i == SIP_NO_HEADER ? NULL : &m->headers[i];
}

const struct sip_header *sip_msg_next(const struct sip_msg *m, const struct sip_header *h)
{
    return h->next == SIP_NO_HEADER ? NULL : &m->headers[h->next];
}

bool sip_msg_has(const struct sip_msg *m, enum sip_header_id id)
{
    return m->first[id] != SIP_NO_HEADER;
}

struct bytes sip_msg_value(const struct sip_msg *m, enum sip_header_id id)
{
    const struct sip_header *h = sip_msg_first(m, id);
    return h ? h->value : BYTES_NONE;
}

const struct sip_header *sip_msg_named(const struct sip_msg *m, struct bytes name)
{
    enum sip_header_id id = sip_header_of(name);
    if (id != SIP_H_OTHER)
        return sip_msg_first(m, id);
    for (size_t i = 0; i < m->n_headers; i++)
        if (bytes_ieq(m->headers[i].name, name))
            return &m->headers[i];
    return NULL;
}

struct sip_values sip_values(const struct sip_msg *m, enum sip_header_id id)
{
    return (struct sip_values){.m = m, .line = sip_msg_first(m, id)};
}

bool sip_values_next(struct sip_values *it, struct bytes *item)
{
    int rc;
    while (!it->bad && (rc = sip_list_next(&it->rest, item)) != 1) {
        it->bad = rc < 0;
        if (it->bad || !it->line)
            return false;
        it->h = it->line;
        it->rest = it->h->value;
        it->line = sip_msg_next(it->m, it->h);
    }
    return !it->bad;
}

size_t sip_values_count(const struct sip_msg *m, enum sip_header_id id)
{
    struct bytes item;
    struct sip_values it = sip_values(m, id);
    size_t n = 0;
    while (sip_values_next(&it, &item))
        n++;
    return n;
}

bool sip_msg_nameaddr(const struct sip_msg *m, enum sip_header_id id, struct sip_nameaddr *out)
{
    struct bytes item;
    struct sip_values it = sip_values(m, id);
    return sip_values_next(&it, &item) && sip_nameaddr_parse(item, out);
}

bool sip_msg_has_token(const struct sip_msg *m, enum sip_header_id id, struct bytes token)
{
    struct bytes item;
    struct sip_values it = sip_values(m, id);
    while (sip_values_next(&it, &item))
        if (bytes_ieq(item, token))
            return true;
    return false;
}
