/* tls_link: a TLS connection of the UE to the gateway, without blocking.
 *
 * Room modules/ue, floor 3; the UE's thread. The server's certificate is always checked against the CA and
 * the name (RFC 6125; RFC 5922 for SIP); there is no way to leave that out. SNI is the name unless it is an
 * address (RFC 6066 3). What is sent while the connection is being made waits in `out`. A link closes by
 * itself when anything fails: `fault` and `why` say what. Nothing is freed before tls_link_fini(), which is
 * never called from a handler. */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/base/buf.h"
#include "modules/ue/ue_loop.h"
#include <openssl/ssl.h>

#define TLS_LINK_ADDRS    4
#define TLS_LINK_NAME_MAX 256
#define TLS_LINK_OUT_MAX                                                                                     \
    (1024 * 1024) /* waiting to be written: more means that the peer has stopped reading */
#define TLS_LINK_IN_MAX     (256 * 1024) /* of a frame that is not whole yet */
#define TLS_LINK_CONNECT_MS 5000         /* for one address */
#define TLS_LINK_SHAKE_MS   10000

/* Where to dial, and who must answer there. */
struct tls_target {
    SSL_CTX *ctx;
    char name[TLS_LINK_NAME_MAX]; /* host name or address that the certificate must be for */
    struct addr addrs[TLS_LINK_ADDRS];
    unsigned n_addrs;
    const char *alpn; /* one protocol id, or NULL for none: RFC 7443, RFC 7301 */
};

/* What every link of the program trusts: ca NULL is the system's store. NULL, with the reason in why, on
 * failure. */
SSL_CTX *tls_trust_create(const char *ca, char *why, size_t cap);
/* "HOST:PORT" (port 443 when none), and the addresses of `connect` ("ADDR" or "ADDR:PORT") or, when that is
 * NULL, of HOST by the system's resolver, which blocks. False, with the reason in why. */
bool tls_target_find(struct tls_target *t, const char *server, const char *connect, char *why, size_t cap);

enum tls_link_state { TLS_LINK_CLOSED, TLS_LINK_CONNECTING, TLS_LINK_SHAKING, TLS_LINK_OPEN };
enum tls_link_fault {
    TLS_FAULT_NONE,     /* open, or closed by us */
    TLS_FAULT_CONNECT,  /* no address took the connection */
    TLS_FAULT_TRUST,    /* the certificate is by nobody we know, or out of date */
    TLS_FAULT_NAME,     /* it is for somebody else */
    TLS_FAULT_PROTOCOL, /* TLS could not be agreed on, or broke */
    TLS_FAULT_TIMEOUT,
    TLS_FAULT_PEER, /* the other side closed */
    TLS_FAULT_LOCAL /* out of memory and the like */
};

struct tls_link;
struct tls_link_handler {
    void (*opened)(struct tls_link *l);
    /* How many bytes of `in` were eaten; the rest comes again with more behind it. */
    size_t (*data)(struct tls_link *l, struct bytes in);
    void (*closed)(struct tls_link *l); /* not after tls_link_close() */
};

struct tls_link {
    struct ue_loop *loop;
    const struct tls_link_handler *on;
    const struct tls_target *target;
    unsigned tried; /* addresses of target */
    int fd;
    SSL *ssl;
    ev_io io;
    struct timer timer;
    struct buf in, out;
    enum tls_link_state state;
    enum tls_link_fault fault;
    char why[160];
};

/* Starts to connect; target must outlive the link. 0 or -errno; failures of the network come by `closed`. */
int tls_link_open(struct tls_link *l, struct ue_loop *loop, const struct tls_target *target,
                  const struct tls_link_handler *on);
void tls_link_close(struct tls_link *l); /* says goodbye (close_notify) as far as the kernel takes it */
/* The protocol above is broken: closes, and `closed` is told. */
void tls_link_abort(struct tls_link *l, enum tls_link_fault fault, const char *why);
void tls_link_fini(struct tls_link *l); /* fine on one that is zeroed */

/* 0, -ENOTCONN when closed, -ENOBUFS when too much waits already, -ENOMEM. */
int tls_link_send(struct tls_link *l, struct bytes b);
bool tls_link_local(const struct tls_link *l, struct addr *out);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384" while open. */
void tls_link_describe(const struct tls_link *l, char *dst, size_t cap);
