#include "modules/sip/dialog.h"
#include "modules/sip/route_set.h"
#include <errno.h>
#include <stdlib.h>

/* The facts may be views of the old texts. */
static int replace(struct sip_dialog *d, const struct sip_dialog_facts *f)
{
    uint8_t *text = malloc(f->call_id.n + f->local.n + f->remote.n + f->target.n + f->route.n + 1);
    uint8_t *at = text;
    if (!text)
        return -ENOMEM;
    struct sip_dialog_facts is = {
        .call_id = bytes_keep(&at, f->call_id),
        .local = bytes_keep(&at, f->local),
        .remote = bytes_keep(&at, f->remote),
        .target = bytes_keep(&at, f->target),
        .route = bytes_keep(&at, f->route),
    };
    free(d->text);
    d->text = text;
    d->is = is;
    return 0;
}

static struct bytes tag_of(struct bytes value)
{
    struct sip_nameaddr na;
    return value.n && sip_nameaddr_parse(value, &na) ? sip_nameaddr_tag(&na) : BYTES_NONE;
}

int sip_dialog_init(struct sip_dialog *d, const struct sip_dialog_facts *facts)
{
    *d = (struct sip_dialog){0};
    int rc = replace(d, facts);
    d->established = rc == 0 && tag_of(d->is.remote).n > 0;
    return rc;
}

void sip_dialog_fini(struct sip_dialog *d)
{
    free(d->text);
    *d = (struct sip_dialog){0};
}

struct sip_uac_request sip_dialog_request(struct sip_dialog *d, const char *method)
{
    return (struct sip_uac_request){
        .method = method,
        .target = d->is.target,
        .route = d->is.route,
        .from = d->is.local,
        .to = d->is.remote,
        .call_id = d->is.call_id,
        .cseq = ++d->local_cseq,
    };
}

/* ---- what messages teach ---- */

static bool contact_of(const struct sip_msg *m, struct bytes *target)
{
    struct sip_nameaddr na;
    if (!sip_msg_nameaddr(m, SIP_H_CONTACT, &na) || na.star)
        return false;
    *target = na.uri.text;
    return true;
}

/* Only the first message makes the route set (12.2), whatever later ones carry. */
static int establish(struct sip_dialog *d, const struct sip_msg *m, enum sip_header_id remote)
{
    struct sip_dialog_facts f = d->is;
    struct buf route;
    f.remote = sip_msg_value(m, remote);
    if (!contact_of(m, &f.target))
        return -EBADMSG;
    buf_init(&route);
    bool ok = sip_route_set_write(m, !m->request, &route);
    f.route = buf_bytes(&route);
    int rc = ok ? replace(d, &f) : route.failed ? -ENOMEM : -EBADMSG;
    d->established = d->established || rc == 0;
    buf_fini(&route);
    return rc;
}

static int refresh_target(struct sip_dialog *d, const struct sip_msg *m)
{
    struct sip_dialog_facts f = d->is;
    if (!contact_of(m, &f.target) || bytes_eq(f.target, d->is.target))
        return 0;
    return replace(d, &f);
}

int sip_dialog_response(struct sip_dialog *d, const struct sip_msg *rs)
{
    if (!rs->to_tag.n || rs->status < 101 || rs->status > 299)
        return -EBADMSG;
    if (!d->established)
        return establish(d, rs, SIP_H_TO);
    if (!bytes_eq(rs->to_tag, tag_of(d->is.remote)))
        return -ENOENT;
    return rs->status < 200 ? 0 : refresh_target(d, rs);
}

bool sip_dialog_matches(const struct sip_dialog *d, const struct sip_msg *rq)
{
    if (!bytes_eq(rq->call_id, d->is.call_id) || !bytes_eq(rq->to_tag, tag_of(d->is.local)))
        return false;
    return !d->established || bytes_eq(rq->from_tag, tag_of(d->is.remote));
}

int sip_dialog_accept(struct sip_dialog *d, const struct sip_msg *rq)
{
    if (rq->cseq.number < d->remote_cseq)
        return 500;
    int rc = d->established ? refresh_target(d, rq) : establish(d, rq, SIP_H_FROM);
    if (rc < 0)
        return rc == -EBADMSG ? 400 : 500;
    d->remote_cseq = rq->cseq.number;
    return 0;
}
