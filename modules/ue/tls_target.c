/* Whom to dial and whom to trust: the part of tls_link.h that comes before a connection. */
#include "modules/ue/tls_link.h"
#include <netdb.h>
#include <openssl/err.h>
#include <stdio.h>

SSL_CTX *tls_trust_create(const char *ca, char *why, size_t cap)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx) {
        snprintf(why, cap, "out of memory");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    int ok = ca ? SSL_CTX_load_verify_file(ctx, ca) : SSL_CTX_set_default_verify_paths(ctx);
    if (ok == 1)
        return ctx;
    const char *reason = ERR_reason_error_string(ERR_get_error());
    snprintf(why, cap, "%s: %s", ca ? ca : "the system's CA store", reason ? reason : "cannot be read");
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return NULL;
}

/* "host:port", "[v6]:port", "host". */
static bool split_server(const char *server, struct bytes *host, uint16_t *port)
{
    struct bytes text = bytes_str(server), number = BYTES_NONE;
    if (text.n > 0 && text.p[0] == '[') {
        size_t end = bytes_find_byte(text, ']');
        if (end == BYTES_NOT_FOUND)
            return false;
        *host = bytes_of(text.p + 1, end - 1);
        struct bytes rest = bytes_skip(text, end + 1);
        if (rest.n > 0 && rest.p[0] != ':')
            return false;
        number = bytes_skip(rest, 1);
    } else {
        size_t colon = bytes_find_byte(text, ':');
        *host = bytes_first(text, colon);
        number = colon == BYTES_NOT_FOUND ? BYTES_NONE : bytes_skip(text, colon + 1);
    }
    uint32_t n = 443;
    if (number.n > 0 && (!bytes_u32(number, &n) || n == 0 || n > 65535))
        return false;
    *port = (uint16_t)n;
    return host->n > 0;
}

static bool look_up(struct tls_target *t, const char *host, uint16_t port, char *why, size_t cap)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found = NULL;
    int rc = getaddrinfo(host, NULL, &hints, &found);
    if (rc != 0) {
        snprintf(why, cap, "%s: %s; is it in DNS? else give its address with --connect", host,
                 gai_strerror(rc));
        return false;
    }
    for (struct addrinfo *a = found; a && t->n_addrs < TLS_LINK_ADDRS; a = a->ai_next) {
        t->addrs[t->n_addrs] = addr_from_sockaddr(a->ai_addr);
        t->addrs[t->n_addrs++].port = port;
    }
    freeaddrinfo(found);
    return t->n_addrs > 0;
}

bool tls_target_find(struct tls_target *t, const char *server, const char *connect, char *why, size_t cap)
{
    struct bytes host;
    uint16_t port;
    t->n_addrs = 0;
    if (!split_server(server, &host, &port) || !bytes_to_str(host, t->name, sizeof t->name)) {
        snprintf(why, cap, "\"%s\" is not HOST:PORT", server);
        return false;
    }
    struct bytes literal = connect ? bytes_str(connect) : host;
    if (addr_parse(literal, port, &t->addrs[0])) {
        t->n_addrs = 1;
        return true;
    }
    return look_up(t, connect ? connect : t->name, port, why, cap);
}
