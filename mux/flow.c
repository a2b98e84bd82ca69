#include "mux/flow.h"
#include "appliance/base/wire.h"
#include "mux/conn.h"
#include "mux/conn_private.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *transport_name(enum transport t)
{
    static const char *const names[] = {"", "UDP", "TCP", "TLS"};
    return t <= TRANSPORT_TLS ? names[t] : "";
}

bool flow_eq(const struct flow *a, const struct flow *b)
{
    return a->transport == b->transport && a->udp_index == b->udp_index && ref_eq(a->conn, b->conn) &&
           addr_eq(&a->peer, &b->peer) && a->peer.scope == b->peer.scope;
}

bool flow_alive(const struct worker *w, const struct flow *f)
{
    if (f->transport == TRANSPORT_UDP)
        return true;
    return conn_get((struct worker *)(uintptr_t)w, f->conn) != NULL;
}

static int send_here(struct worker *w, const struct flow *f, struct bytes b)
{
    if (f->transport == TRANSPORT_UDP) {
        struct udp_port *u = udp_port_get(w, f->udp_index);
        return u ? udp_send(u, &f->peer, b) : -ENOTCONN;
    }
    struct conn *c = conn_get(w, f->conn);
    if (!c)
        return -ENOTCONN;
    int rc = conn_send(c, b);
    return rc == -EAGAIN ? 0 : rc; /* taken; a flow has nobody who could hold back */
}

struct flow_letter {
    struct letter letter;
    struct flow flow;
    size_t n;
    uint8_t bytes[];
};

static void on_letter(struct worker *w, struct letter *l)
{
    struct flow_letter *fl = container_of(l, struct flow_letter, letter);
    struct door *d = w->ended ? NULL : door_of(w);
    worker_mail_opened(w, sizeof *fl + fl->n);
    if (d && send_here(w, &fl->flow, bytes_of(fl->bytes, fl->n)) == -ENOTCONN)
        door_count(d, DOOR_FLOW_DEAD);
    free(fl);
}

static int send_there(struct worker *home, const struct flow *f, struct bytes b)
{
    if (worker_mail_is_full(home, WORKER_MAIL_MAX))
        return -ENOBUFS;
    struct flow_letter *fl = malloc(sizeof *fl + b.n);
    if (!fl)
        return -ENOMEM;
    fl->letter.open = on_letter;
    fl->flow = *f;
    fl->n = b.n;
    if (b.n)
        memcpy(fl->bytes, b.p, b.n);
    worker_mail_add(home, sizeof *fl + b.n);
    worker_post(home, &fl->letter);
    return 0;
}

int flow_send(struct worker *w, const struct flow *f, struct bytes b)
{
    if (f->transport == TRANSPORT_NONE || f->transport > TRANSPORT_TLS)
        return -ENOTCONN;
    if (f->conn.worker == w->id)
        return send_here(w, f, b);
    struct worker *there = w->gw ? gateway_worker(w->gw, f->conn.worker) : NULL;
    return there ? send_there(there, f, b) : -ENOTCONN;
}

void flow_pack(const struct flow *f, uint8_t out[static FLOW_WIRE])
{
    struct wire_out o = wire_out(out, FLOW_WIRE);
    wire_put_u8(&o, f->transport);
    wire_put_u16(&o, f->udp_index);
    wire_put_u16(&o, f->conn.worker);
    wire_put_u32(&o, f->conn.gen);
    wire_put_u32(&o, f->conn.slot);
    wire_put_u8(&o, f->peer.family);
    wire_put_u16(&o, f->peer.port);
    wire_put_u16(&o, (uint16_t)f->peer.scope); /* an interface index: Linux counts from 1 */
    wire_put_bytes(&o, bytes_of(f->peer.ip, sizeof f->peer.ip));
}

static bool makes_sense(const struct flow *f)
{
    bool transport = f->transport >= TRANSPORT_UDP && f->transport <= TRANSPORT_TLS;
    return transport && (f->peer.family == ADDR_V4 || f->peer.family == ADDR_V6);
}

bool flow_unpack(struct bytes in, struct flow *out)
{
    *out = (struct flow){0};
    if (in.n != FLOW_WIRE)
        return false;
    struct wire_in i = wire_in(in);
    out->transport = wire_u8(&i);
    out->udp_index = wire_u16(&i);
    out->conn.worker = wire_u16(&i);
    out->conn.gen = wire_u32(&i);
    out->conn.slot = wire_u32(&i);
    out->peer.family = wire_u8(&i);
    out->peer.port = wire_u16(&i);
    out->peer.scope = wire_u16(&i);
    memcpy(out->peer.ip, wire_bytes(&i, sizeof out->peer.ip).p, sizeof out->peer.ip);
    return !i.bad && makes_sense(out);
}
