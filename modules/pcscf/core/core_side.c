/* Who stands on the core's side: told by the sender's address, by the listener it came to, and over TLS by
 * the certificate that it shows (RFC 5922 7.4). */
#include "modules/pcscf/core/cert_name.h"
#include "modules/pcscf/core/core_place.h"
#include "modules/pcscf/core/core_stats.h"
#include "modules/pcscf/core/core_tls.h"
#include "mux/conn.h"
#include <openssl/err.h>
#include <stdio.h>

#define QUIET 60000 /* ms between two lines about who was refused */

bool core_link_is_peer(const struct pcscf *p, uint8_t transport, const struct addr *peer)
{
    const struct core_link *l = &p->core;
    for (unsigned i = 0; i < l->n_hops; i++) {
        const struct next_hop *h = l->hops[i];
        /* A connection comes from any port; a datagram from the port that we send to. */
        if (h && (transport == TRANSPORT_UDP ? h->transport == TRANSPORT_UDP && addr_eq(peer, &h->addr)
                                             : addr_ip_eq(peer, &h->addr)))
            return true;
    }
    return !l->embedded && p->config->core_networks.n &&
           cidr_set_match(&p->config->core_networks, peer) != NULL;
}

/* Anybody can write the core's address into a datagram, so it counts only where the core is spoken to: phones
 * that have a UDP listener of their own cannot reach that one, if the operator's network is in order. */
static bool is_wrong_listener(const struct pcscf *p, const struct flow *f)
{
    if (p->config->core_networks.n)
        return false;
    for (unsigned i = 0; i < p->core.n_hops; i++) {
        const struct next_hop *h = p->core.hops[i];
        if (h && h->transport == TRANSPORT_UDP && addr_eq(&h->addr, &f->peer))
            return h->flow.udp_index != f->udp_index;
    }
    return true;
}

bool core_link_is_from(const struct pcscf *p, const struct sip_hop *from)
{
    if (from->kind == HOP_LOCAL)
        return true;
    if (from->flow.transport != TRANSPORT_UDP)
        return from->flow.side == SIDE_CORE;
    return !is_wrong_listener(p, &from->flow) && core_link_is_peer(p, TRANSPORT_UDP, &from->flow.peer);
}

/* ---- TLS ---- */

/* Phones come by TLS too, and may share an address with the core (a test, a NAT): so the core's TLS is known
 * by the listener that it was told of as well. */
static bool is_cores_listener(const struct pcscf *p, const struct conn *c)
{
    return p->core.reach_transport == TRANSPORT_TLS && p->core.tls && c->listener == p->core.tls_listener;
}

static bool speaks_for_place(const struct core_place *place, X509 *cert)
{
    for (unsigned i = 0; i < place->n_sources; i++)
        if (cert_name_matches(cert, place->sources[i].uri.name))
            return true;
    return false;
}

static bool speaks_for_core(const struct pcscf *p, X509 *cert)
{
    const struct string_list *more = &p->config->core_tls_names;
    list_each (it, &p->core.places) {
        if (speaks_for_place(container_of(it, struct core_place, link), cert))
            return true;
    }
    for (size_t i = 0; i < more->n; i++)
        if (cert_name_matches(cert, more->items[i]))
            return true;
    return false;
}

static bool knows(void *arg, X509 *cert)
{
    struct pcscf *p = arg;
    if (speaks_for_core(p, cert))
        return true;
    cert_names(cert, p->core.refused.names, sizeof(p->core.refused.names));
    return false;
}

bool core_link_ask(struct pcscf *p, const struct conn *c, SSL *ssl)
{
    if (p->config->core_tls_clients == CORE_TLS_OFF || !is_cores_listener(p, c))
        return true;
    core_tls_set_known(p->core.tls, knows, p);
    return core_tls_ask(p->core.tls, ssl, p->config->core_tls_clients == CORE_TLS_REQUIRED);
}

/* Of the handshake that has just failed. NULL: the certificate was not what it failed for. */
static const char *refusal_of(struct pcscf *p, const SSL *ssl, enum core_stat *what)
{
    long verdict = SSL_get_verify_result(ssl);
    *what = verdict == X509_V_ERR_HOSTNAME_MISMATCH ? CORE_CLIENT_WRONG_NAME : CORE_CLIENT_UNTRUSTED;
    if (*what == CORE_CLIENT_WRONG_NAME)
        return "its certificate speaks for somebody else";
    if (verdict != X509_V_OK)
        return X509_verify_cert_error_string(verdict);
    *what = CORE_CLIENT_NO_CERTIFICATE;
    return ERR_GET_REASON(ERR_peek_error()) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE
               ? "it showed no certificate"
               : NULL;
}

static const char *hint_for(enum core_stat what)
{
    return what == CORE_CLIENT_WRONG_NAME  ? "if that is the core, add its name to pcscf.core_tls_names"
           : what == CORE_CLIENT_UNTRUSTED ? "see pcscf.core_tls_ca"
                                           : "let the core show its own, or see pcscf.core_tls_clients";
}

void core_link_refused(struct pcscf *p, const struct conn *c, const SSL *ssl)
{
    struct core_refusal *r = &p->core.refused;
    enum core_stat what;
    const char *why = is_cores_listener(p, c) ? refusal_of(p, ssl, &what) : NULL;
    if (!why)
        return;
    bool quiet = r->at && p->w->now - r->said_at < QUIET;
    if (what != CORE_CLIENT_WRONG_NAME)
        r->names[0] = '\0';
    r->peer = c->peer;
    r->at = p->w->now;
    r->said_at = quiet ? r->said_at : r->at;
    snprintf(r->why, sizeof(r->why), "%s", why);
    core_count(p, what);
    log_at(&p->w->log, quiet ? LOG_DEBUG : LOG_WARN, "sip.core_client_refused", F_ADDR("peer", &c->peer),
           F_STR("why", why), F_STR(r->names[0] ? "speaks_for" : NULL, r->names),
           F_STR("hint", hint_for(what)));
}

/* ---- connections ---- */

/* The handshake has let in nobody who was asked and is not known. */
static uint8_t tls_side(struct pcscf *p, const struct conn *c)
{
    if (!is_cores_listener(p, c))
        return SIDE_PHONE;
    if (conn_tls_certificate(c)) {
        core_count(p, CORE_CLIENT_VERIFIED);
        return SIDE_CORE;
    }
    if (p->config->core_tls_clients == CORE_TLS_REQUIRED || !core_link_is_peer(p, TRANSPORT_TLS, &c->peer))
        return SIDE_PHONE;
    core_count(p, CORE_CLIENT_BY_ADDRESS);
    return SIDE_CORE;
}

uint8_t core_link_side(struct pcscf *p, const struct conn *c)
{
    if (c->transport == TRANSPORT_TLS)
        return tls_side(p, c);
    return core_link_is_peer(p, (uint8_t)c->transport, &c->peer) ? SIDE_CORE : SIDE_PHONE;
}
