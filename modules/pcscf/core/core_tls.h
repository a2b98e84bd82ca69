/* core_tls: TLS towards the core, as the client, and as the server of a core that connects to us (RFC 3261
 * 26.3.1, RFC 5922 7.3, 7.4). Floor 3; one worker.
 *
 * The far end's certificate is verified against pcscf.core_tls_ca. As the client we want the name that was
 * configured, not what DNS made of it; as the server, one of those that the owner knows. TLS 1.2 at least. */
#pragma once
#include "modules/pcscf/pcscf.h"
#include <openssl/ssl.h>

struct core_tls;
/* Reads the files of the settings. NULL with a text in `why`. */
struct core_tls *core_tls_create(const struct pcscf_config *c, struct buf *why);
void core_tls_destroy(struct core_tls *t); /* NULL is fine */
/* A client that is to meet `name`, which must outlive it. *wrong is set when the certificate is good, but
 * somebody else's. NULL: out of memory. */
SSL *core_tls_client(struct core_tls *t, const char *name, bool *wrong);

/* Who may be the core: `knows` is asked with the certificate of who connects, once its chain is good. */
void core_tls_set_known(struct core_tls *t, bool (*knows)(void *arg, X509 *cert), void *arg);
/* Before a server's handshake: asks the client for its certificate. What nobody vouches for, or `knows` does
 * not know, fails the handshake; the latter with X509_V_ERR_HOSTNAME_MISMATCH. required: so does none (RFC
 * 8446 6.2). Nothing is resumed and no ticket given out, for a session that began where nobody was asked must
 * not go on here. False: out of memory. */
bool core_tls_ask(struct core_tls *t, SSL *ssl, bool required);
