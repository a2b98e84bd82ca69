#include "modules/sip/transaction.h"
#include "modules/sip/layer.h"
#include "modules/sip/reply.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define OUT_KEEP_MAX (64 * 1024) /* a writing buffer that grew beyond is given back */

static void layer_reap(struct sip_layer *l)
{
    /* `gone` may end further transactions. */
    do {
        server_reap(l);
        client_reap(l);
    } while (!list_empty(&l->dead_servers) || !list_empty(&l->dead_clients));
}

static void layer_at_end(struct worker *w, struct turn_hook *h)
{
    struct sip_layer *l = container_of(h, struct sip_layer, hook);

    layer_reap(l);
    if (l->out.cap > OUT_KEEP_MAX)
        buf_fini(&l->out);
}

static int layer_init_tables(struct sip_layer *l)
{
    uint32_t max = (uint32_t)l->config.max_transactions;

    if (map_init(&l->servers, 64))
        return -ENOMEM;
    if (map_init(&l->sources, 64))
        goto no_sources;
    if (map_init(&l->flows, 64))
        goto no_flows;
    /* As many that are finished; and each INVITE's CANCEL has room of its own. */
    if (slots_init(&l->clients, client_txn_size(), 3 * max, l->w->id))
        goto no_clients;
    return 0;
no_clients:
    map_fini(&l->flows);
no_flows:
    map_fini(&l->sources);
no_sources:
    map_fini(&l->servers);
    return -ENOMEM;
}

struct sip_layer *sip_layer_create(const struct sip_layer_setup *setup)
{
    struct sip_layer *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    l->w = setup->w;
    l->entity = setup->entity;
    l->user = setup->user;
    l->config = setup->config ? *setup->config : sip_config_defaults;
    l->stats = setup->stats ? setup->stats : l->own_stats;
    l->send = setup->send ? setup->send : sip_hop_send;
    l->state = setup->state;
    if (layer_init_tables(l)) {
        free(l);
        return NULL;
    }
    list_init(&l->trim);
    list_init(&l->dead_servers);
    list_init(&l->dead_clients);
    list_init(&l->told_clients);
    finished_init(&l->done_servers);
    finished_init(&l->done_clients);
    buf_init(&l->out);
    l->hook.at_end = layer_at_end;
    worker_hook_turn(l->w, &l->hook);
    return l;
}

void sip_layer_destroy(struct sip_layer *l)
{
    if (!l)
        return;
    server_end_all(l);
    client_end_all(l);
    layer_reap(l);
    list_remove(&l->hook.link);
    slots_fini(&l->clients);
    map_fini(&l->flows);
    map_fini(&l->sources);
    map_fini(&l->servers);
    buf_fini(&l->out);
    free(l);
}

void sip_layer_reload(struct sip_layer *l, const struct sip_config *config)
{
    int64_t max = l->config.max_transactions;

    l->config = *config;
    l->config.max_transactions = max;
}

void finished_init(struct finished *f)
{
    list_init(&f->all);
    f->n = 0;
}

struct list *finished_add(struct sip_layer *l, struct finished *f, struct list *link)
{
    list_push_back(&f->all, link);
    if (++f->n <= (size_t)l->config.max_transactions)
        return NULL;
    sip_layer_count(l, SIP_STAT_ENDED_EARLY);
    return f->all.next;
}

void finished_remove(struct finished *f, struct list *link)
{
    list_remove(link);
    f->n--;
}

struct worker *sip_layer_worker(const struct sip_layer *l)
{
    return l->w;
}

const struct sip_entity *sip_layer_entity(const struct sip_layer *l)
{
    return l->entity;
}

const struct sip_config *sip_layer_config(const struct sip_layer *l)
{
    return &l->config;
}

void *sip_layer_state(const struct sip_layer *l)
{
    return l->state;
}

void sip_layer_count(struct sip_layer *l, enum sip_stat what)
{
    stat_inc(&l->stats[what]);
}

size_t sip_layer_servers(const struct sip_layer *l)
{
    return l->servers.count;
}

unsigned sip_layer_load(const struct sip_layer *l)
{
    size_t servers = l->servers.count - l->done_servers.n, clients = l->clients.used - l->done_clients.n;
    size_t more = servers > clients ? servers : clients;

    return (unsigned)(more * 100 / (size_t)l->config.max_transactions);
}

size_t sip_layer_clients(const struct sip_layer *l)
{
    return l->clients.used;
}

struct buf *layer_out(struct sip_layer *l)
{
    buf_clear(&l->out);
    return &l->out;
}

int layer_send(struct sip_layer *l, const struct sip_hop *to, struct bytes msg)
{
    int rc = l->send(l->w, l->entity, to, msg);

    if (rc == -EAGAIN)
        return 0;
    if (rc)
        sip_layer_count(l, SIP_STAT_TRANSPORT_ERROR);
    return rc;
}

int sip_layer_send(struct sip_layer *l, const struct sip_hop *to, struct bytes msg)
{
    return layer_send(l, to, msg);
}

void sip_layer_receive(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *msg)
{
    if (!msg->request)
        client_receive(l, from, msg);
    else if (msg->method == SIP_ACK)
        server_receive_ack(l, from, msg);
    else if (msg->method == SIP_CANCEL)
        server_receive_cancel(l, from, msg);
    else
        server_receive(l, from, msg);
}

void sip_layer_flow_dead(struct sip_layer *l, struct ref conn)
{
    client_flow_dead(l, conn);
}

size_t layer_retry_after(const struct sip_layer *l, char *dst, size_t cap)
{
    uint32_t base = (uint32_t)l->config.retry_after;
    int n = snprintf(dst, cap, "Retry-After: %" PRIu32 "\r\n", base + random_below(base + 1));

    return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

struct sip_hop sip_reply_hop(const struct sip_hop *from, const struct sip_msg *rq)
{
    struct sip_hop to = *from;

    if (from->kind != HOP_FLOW || from->flow.transport != TRANSPORT_UDP)
        return to;
    /* RFC 3581 4: with rport to the source port; else to the sent-by port, 5060 when none is written. Always
     * to the source address: maddr (RFC 3261 18.2.2) would let a stranger point our responses at anybody. */
    if (!rq->via.has_rport)
        to.flow.peer.port = rq->via.by.port ? rq->via.by.port : 5060;
    return to;
}

/* The tag of what is answered without a transaction: the same for each retransmission, and known again in the
 * ACK (RFC 3261 8.2.7), which belongs to nobody further on. */
static void layer_stateless_tag(const struct sip_layer *l, const struct sip_msg *rq, char tag[static 32])
{
    uint64_t hash = bytes_hash(&l->w->hash_key, rq->call_id) ^ bytes_hash(&l->w->hash_key, rq->from_tag) << 1;

    snprintf(tag, 32, "x%016" PRIx64, hash ^ rq->cseq.number);
}

bool layer_ack_is_stateless(const struct sip_layer *l, const struct sip_msg *ack)
{
    char tag[32];

    layer_stateless_tag(l, ack, tag);
    return bytes_eq(ack->to_tag, bytes_str(tag));
}

int sip_layer_refuse(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq, int status)
{
    return sip_layer_refuse_with(l, from, rq, status, NULL);
}

int sip_layer_refuse_with(struct sip_layer *l, const struct sip_hop *from, const struct sip_msg *rq,
                          int status, const char *reason)
{
    char tag[32], retry[48];
    struct sip_hop to = sip_reply_hop(from, rq);
    struct buf *out = layer_out(l);

    if (!rq->request || rq->method == SIP_ACK)
        return 0;
    layer_stateless_tag(l, rq, tag);
    struct sip_reply r = {
        .request = rq,
        .status = (uint16_t)status,
        .reason = reason,
        .to_tag = bytes_str(tag),
        .source = from->kind == HOP_FLOW ? &from->flow.peer : NULL,
    };
    if (status == 503)
        r.headers = bytes_of(retry, layer_retry_after(l, retry, sizeof(retry)));
    int rc = sip_reply_write(&r, out);
    return rc ? rc : layer_send(l, &to, buf_bytes(out));
}
