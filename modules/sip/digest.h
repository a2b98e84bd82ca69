/* digest: HTTP Digest authentication in SIP: reading, checking and writing of its header fields.
 *
 * Room modules/sip, floor 3. Pure computing on views and caller's memory; any thread. RFC 7616, RFC 8760
 * (SHA-256 in SIP), RFC 3261 22.4. MD5 and SHA-256 with qop=auth, or no qop (RFC 2069) if the caller takes
 * it. auth-int and the -sess variants are known and refused. Nonces, their age and counting are the caller's:
 * it gets nc as a number. Secrets: HA1 only, compared in constant time, never logged. */
#pragma once
#include "appliance/base/buf.h"
#include "appliance/core/directory.h"

enum digest_algorithm {
    DIGEST_MD5, /* also when none is written (RFC 7616 3.3) */
    DIGEST_SHA256,
    DIGEST_OTHER /* -sess, SHA-512-256, AKAv1-MD5, unknown: see algorithm_text */
};
enum digest_qop { DIGEST_QOP_NONE, DIGEST_QOP_AUTH, DIGEST_QOP_OTHER };

const char *digest_algorithm_name(enum digest_algorithm a); /* "MD5", "SHA-256" */

#define DIGEST_HEX_MAX 65 /* SHA-256 as hex with NUL */

/* Authorization, Proxy-Authorization. Quoted values are views inside their quotes; sip_unquote() where they
 * may hold escapes (username, realm). */
struct digest_credentials {
    struct bytes username, realm, nonce, uri, response, cnonce, opaque;
    struct bytes algorithm_text;
    enum digest_algorithm algorithm;
    enum digest_qop qop;
    struct bytes qop_text;
    struct bytes nc_text;
    uint32_t nc;        /* 0: none */
    bool username_star; /* username*= was used (RFC 7616 3.4.4): not supported, username is empty */
};

/* 0; -EPROTONOSUPPORT: another scheme than Digest (leave it alone, RFC 4475 regaut01); -EBADMSG: malformed, a
 * needed field missing or one given twice. response may be empty: an IMS phone's first REGISTER
 * (TS 24.229 5.1.1.2). */
int digest_credentials_parse(struct bytes value, struct digest_credentials *out);

enum digest_verdict { DIGEST_OK, DIGEST_WRONG, DIGEST_REFUSED /* algorithm or qop that we do not compute */ };
/* method as in the Request-Line. The caller has looked up the key by (unquoted) realm and username and checks
 * nonce, nc and that c->uri names what was asked (RFC 7616 3.4.6). */
enum digest_verdict digest_verify(const struct digest_credentials *c, const struct user_key *key,
                                  struct bytes method);

/* WWW-Authenticate, Proxy-Authenticate. */
struct digest_challenge {
    struct bytes realm, nonce, opaque, domain;
    struct bytes algorithm_text;
    enum digest_algorithm algorithm;
    bool qop_auth; /* offers qop=auth */
    bool has_qop;  /* offers any qop */
    bool stale;
};
int digest_challenge_parse(struct bytes value,
                           struct digest_challenge *out); /* as digest_credentials_parse() */
/* Appends the value: Digest realm="...",nonce="...",... For writing, algorithm decides and algorithm_text is
 * ignored; qop="auth" is always offered. realm is quoted (and escaped) here. One header line an algorithm,
 * strongest first (RFC 8760 2.3). False: out->failed. */
bool digest_challenge_write(const struct digest_challenge *c, struct buf *out);

/* The client's side: what to answer a challenge with. */
struct digest_answer {
    const struct digest_challenge *challenge;
    struct bytes username, method, uri;
    struct bytes cnonce;
    uint32_t nc; /* starts at 1, one more for each request with that nonce */
};
/* Appends the Authorization value: 0, -EPROTONOSUPPORT (algorithm or qop), -ENOMEM. */
int digest_answer_write(const struct digest_answer *a, const struct user_key *key, struct buf *out);

/* The bare computation (RFC 7616 3.4.1): hex text into dst, its length, 0 when it cannot be done. With a qop
 * of NONE nc and cnonce are not used. */
struct digest_input {
    enum digest_algorithm algorithm;
    enum digest_qop qop;
    struct bytes nonce, nc_text, cnonce, method, uri;
};
size_t digest_response(const struct digest_input *in, const struct user_key *key,
                       char dst[static DIGEST_HEX_MAX]);
