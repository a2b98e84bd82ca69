/* Texts that are sent, and texts that are read: as much of RFC 3261 as a load needs. */
#include "sip_load.h"
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define HEX_MAX 65u

void text_add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->mem + t->n, TEXT_MAX - t->n, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= TEXT_MAX - t->n)
        give_up("a message is too long", 0);
    t->n += (size_t)n;
}

static const char *line_end(const struct message *m, const char *line)
{
    return memmem(line, (size_t)(m->text + m->head - line), "\r\n", 2);
}

struct span message_header(const struct message *m, const char *name, unsigned which)
{
    size_t n = strlen(name);
    const char *end = line_end(m, m->text);
    for (const char *line = end + 2; (end = line_end(m, line)) && end > line; line = end + 2) {
        if ((size_t)(end - line) <= n || line[n] != ':' || strncasecmp(line, name, n) != 0 || which-- > 0)
            continue;
        line += n + 1;
        line += strspn(line, " \t");
        return (struct span){line, (size_t)(end - line)};
    }
    return (struct span){NULL, 0};
}

size_t message_read(const char *in, size_t n, struct message *m)
{
    const char *empty = memmem(in, n, "\r\n\r\n", 4);
    *m = (struct message){.text = in};
    if (!empty)
        return n < TEXT_MAX ? 0 : SIZE_MAX;
    m->head = (size_t)(empty + 4 - in);
    if (n > 12 && memcmp(in, "SIP/2.0 ", 8) == 0)
        m->status = atoi(in + 8);
    struct span length = message_header(m, "Content-Length", 0);
    m->n = m->head + (length.p ? strtoul(length.p, NULL, 10) : 0);
    if (m->n > 2 * TEXT_MAX)
        return SIZE_MAX;
    return m->n <= n ? m->n : 0;
}

struct span span_within(struct span s, const char *before, const char *after)
{
    size_t n = strlen(before);
    const char *begin = s.p ? memmem(s.p, s.n, before, n) : NULL;
    if (!begin)
        return (struct span){NULL, 0};
    begin += n;
    const char *end = memmem(begin, (size_t)(s.p + s.n - begin), after, strlen(after));
    return (struct span){begin, (size_t)((end ? end : s.p + s.n) - begin)};
}

bool span_is(struct span s, const char *text)
{
    return s.p && s.n == strlen(text) && strncasecmp(s.p, text, s.n) == 0;
}

bool message_is(const struct message *m, const char *method)
{
    struct span cseq = message_header(m, "CSeq", 0);
    size_t n = strlen(method);
    return cseq.p && cseq.n > n && cseq.p[cseq.n - n - 1] == ' ' &&
           memcmp(cseq.p + cseq.n - n, method, n) == 0;
}

/* --- RFC 7616 --- */

static void hash(const EVP_MD *with, const char *text, char hex[static HEX_MAX])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_Digest(text, strlen(text), mac, &n, with, NULL);
    for (unsigned i = 0; i < n && 2 * i + 2 < HEX_MAX; i++)
        snprintf(hex + 2 * i, 3, "%02x", mac[i]);
}

bool digest_answer(struct span challenge, const struct options *o, const char *user, struct text *to)
{
    struct span nonce = span_within(challenge, "nonce=\"", "\""),
                realm = span_within(challenge, "realm=\"", "\"");
    bool sha = span_within(challenge, "SHA-256", ",").p != NULL;
    const EVP_MD *with = sha ? EVP_sha256() : EVP_md5();
    char text[1024], ha1[HEX_MAX], ha2[HEX_MAX], response[HEX_MAX];
    if (!nonce.p || !realm.p || nonce.n > 512)
        return false;
    snprintf(text, sizeof text, "%s:%.*s:%s", user, SPAN(realm), o->password);
    hash(with, text, ha1);
    snprintf(text, sizeof text, "REGISTER:sip:%s", o->realm);
    hash(with, text, ha2);
    snprintf(text, sizeof text, "%s:%.*s:00000001:5a11:auth:%s", ha1, SPAN(nonce), ha2);
    hash(with, text, response);
    text_add(to,
             "Authorization: Digest username=\"%s\", realm=\"%.*s\", nonce=\"%.*s\", uri=\"sip:%s\", "
             "response=\"%s\", algorithm=%s, qop=auth, nc=00000001, cnonce=\"5a11\"\r\n",
             user, SPAN(realm), SPAN(nonce), o->realm, response, sha ? "SHA-256" : "MD5");
    return true;
}
