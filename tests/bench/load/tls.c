#include "tls.h"
#include "measure.h"

/* One AEAD and one group for every server, so that their taste does not count; TLS 1.2 is offered too, since
 * not every server has 1.3. (P-256 is there for the certificate: TLS 1.2 has one list for both, RFC
 * 8422 5.1.1.) */
SSL_CTX *tls_context(enum tls_version newest)
{
    SSL_CTX *x = SSL_CTX_new(TLS_client_method());
    if (!x || SSL_CTX_set_ciphersuites(x, "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set_cipher_list(x, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256") != 1 ||
        SSL_CTX_set1_groups_list(x, "X25519:P-256") != 1)
        give_up("OpenSSL", 0);
    SSL_CTX_set_min_proto_version(x, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(x, newest == TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_mode(x, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
    return x;
}
