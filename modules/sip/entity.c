#include "modules/sip/entity.h"
#include "modules/sip/transaction.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sip_letter {
    struct letter letter;
    const struct sip_entity *to;
    struct sip_hop from;
    size_t n;
    uint8_t msg[];
};

static void sip_letter_open(struct worker *w, struct letter *l)
{
    struct sip_letter *mail = (struct sip_letter *)(void *)l;

    worker_mail_opened(w, sizeof(*mail) + mail->n);
    if (!w->ended)
        mail->to->receive(w, &mail->from, bytes_of(mail->msg, mail->n));
    free(mail);
}

static struct worker *entity_home(struct worker *w, const struct sip_entity *e, const struct sip_hop *from,
                                  struct bytes msg)
{
    if (!e->sort || w->gw->n_workers == 1)
        return w;
    uint16_t id = e->sort(w, from, msg);
    /* A number from a forged branch or token: the message is as good handled here, and will find nothing. */
    struct worker *home = gateway_worker(w->gw, id);
    return home ? home : w;
}

static int entity_lost(struct worker *w, int rc)
{
    if (w->gw->stats)
        stat_inc(&stats_row(w->gw->stats, &sip_stats, w->id)[SIP_STAT_LETTER_LOST]);
    return rc;
}

static int entity_mail(struct worker *w, struct worker *to, const struct sip_entity *e,
                       const struct sip_hop *from, struct bytes msg)
{
    struct sip_letter *mail;

    if (worker_mail_is_full(to, WORKER_MAIL_MAX))
        return entity_lost(w, -ENOBUFS);
    mail = malloc(sizeof(*mail) + msg.n);
    if (!mail)
        return entity_lost(w, -ENOMEM);
    mail->letter.open = sip_letter_open;
    mail->to = e;
    mail->from = *from;
    mail->n = msg.n;
    if (msg.n)
        memcpy(mail->msg, msg.p, msg.n);
    worker_mail_add(to, sizeof(*mail) + msg.n);
    worker_post(to, &mail->letter);
    return 0;
}

int sip_entity_post(struct worker *w, const struct sip_entity *e, const struct sip_hop *from,
                    struct bytes msg)
{
    return entity_mail(w, entity_home(w, e, from, msg), e, from, msg);
}

int sip_entity_deliver(struct worker *w, const struct sip_entity *e, const struct sip_hop *from,
                       struct bytes msg)
{
    struct worker *home = entity_home(w, e, from, msg);

    if (home != w)
        return entity_mail(w, home, e, from, msg);
    e->receive(w, from, msg);
    return 0;
}

int sip_entity_post_to(struct worker *w, uint16_t home, const struct sip_entity *e,
                       const struct sip_hop *from, struct bytes msg)
{
    struct worker *to = gateway_worker(w->gw, home);

    return to ? entity_mail(w, to, e, from, msg) : -EINVAL;
}
