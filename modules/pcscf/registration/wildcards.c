#define PCRE2_CODE_UNIT_WIDTH 8
#include "modules/pcscf/registration/wildcards.h"
#include "modules/sip/params.h"
#include "modules/sip/uri.h"
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#define MATCH_LIMIT   10000
#define DEPTH_LIMIT   250
#define HEAP_LIMIT_KB 64

/* prefix and suffix are views into aor. */
struct wildcard {
    pcre2_code *code;
    struct bytes prefix, suffix;
    char aor[SIP_AOR_MAX];
};

struct wildcards {
    size_t n;
    pcre2_match_context *limits;
    pcre2_match_data *found;
    struct wildcard items[];
};

/* ---- reading ---- */

static struct bytes uri_of(struct bytes item)
{
    size_t from = bytes_find_byte(item, '<');
    struct bytes uri = from == BYTES_NOT_FOUND ? item : bytes_skip(item, from + 1);
    size_t to = bytes_find_byte(uri, from == BYTES_NOT_FOUND ? ';' : '>');
    return to == BYTES_NOT_FOUND ? uri : bytes_first(uri, to);
}

/* The number of a tel URI may hold an expression that is no number: it is taken as it stands. */
static size_t canonical(struct bytes uri, char *dst)
{
    struct sip_uri u;
    if (!bytes_istarts(uri, BYTES("tel:")))
        return sip_uri_parse(uri, &u) ? sip_aor(&u, dst, SIP_AOR_MAX) : 0;
    size_t end = bytes_find_byte(uri, ';');
    uri = end == BYTES_NOT_FOUND ? uri : bytes_first(uri, end);
    if (!bytes_to_str(uri, dst, SIP_AOR_MAX))
        return 0;
    memcpy(dst, "tel:", 4);
    return uri.n;
}

/* "prefix!expression!suffix". False: no wildcard. */
static bool cut(struct bytes text, struct bytes *prefix, struct bytes *expression, struct bytes *suffix)
{
    size_t first = bytes_find_byte(text, '!');
    if (first == BYTES_NOT_FOUND)
        return false;
    *prefix = bytes_first(text, first);
    *expression = bytes_skip(text, first + 1);
    size_t second = bytes_find_byte(*expression, '!');
    if (second == BYTES_NOT_FOUND || second == 0)
        return false;
    *suffix = bytes_skip(*expression, second + 1);
    *expression = bytes_first(*expression, second);
    return true;
}

bool wildcards_is_one(struct bytes item)
{
    struct bytes prefix, expression, suffix, uri = uri_of(item);
    size_t at = bytes_find_byte(uri, '@');
    return cut(at == BYTES_NOT_FOUND ? uri : bytes_first(uri, at), &prefix, &expression, &suffix);
}

/* ---- making ---- */

/* The expression alone is compiled and what is round it compared as text, so that nothing in it reaches
 * further than its place. */
static pcre2_code *compile(struct bytes escaped)
{
    uint8_t text[SIP_AOR_MAX];
    int error;
    PCRE2_SIZE at;
    size_t n = sip_unescape(escaped, text, sizeof(text));
    if (n == BYTES_NOT_FOUND)
        return NULL;
    const uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY |
                             PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF |
                             PCRE2_NEVER_UCP;
    return pcre2_compile(text, n, options, &error, &at, NULL);
}

/* One that does not compile stands for nobody. */
static void add(struct wildcards *ws, struct bytes item)
{
    struct wildcard *w = &ws->items[ws->n];
    struct bytes expression;
    size_t n = canonical(uri_of(item), w->aor);
    if (!n || !cut(bytes_of(w->aor, n), &w->prefix, &expression, &w->suffix))
        return;
    w->code = compile(expression);
    ws->n += w->code != NULL;
}

static size_t count(struct bytes identities)
{
    struct bytes item;
    size_t n = 0;
    while (sip_list_next(&identities, &item) == 1)
        n += wildcards_is_one(item);
    return n < WILDCARDS_MAX ? n : WILDCARDS_MAX;
}

static bool make_room(struct wildcards *ws)
{
    ws->limits = pcre2_match_context_create(NULL);
    ws->found = pcre2_match_data_create(1, NULL);
    if (!ws->limits || !ws->found)
        return false;
    pcre2_set_match_limit(ws->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(ws->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(ws->limits, HEAP_LIMIT_KB);
    return true;
}

int wildcards_compile(struct bytes identities, struct wildcards **out)
{
    struct bytes item;
    size_t n = count(identities);
    *out = NULL;
    if (!n)
        return 0;
    struct wildcards *ws = calloc(1, sizeof(*ws) + n * sizeof(ws->items[0]));
    if (!ws || !make_room(ws)) {
        wildcards_destroy(ws);
        return -ENOMEM;
    }
    while (ws->n < n && sip_list_next(&identities, &item) == 1) {
        if (wildcards_is_one(item))
            add(ws, item);
    }
    *out = ws;
    return 0;
}

void wildcards_destroy(struct wildcards *ws)
{
    if (!ws)
        return;
    for (size_t i = 0; i < ws->n; i++)
        pcre2_code_free(ws->items[i].code);
    pcre2_match_context_free(ws->limits);
    pcre2_match_data_free(ws->found);
    free(ws);
}

/* ---- asking ---- */

static bool matches(const struct wildcards *ws, const struct wildcard *w, struct bytes aor)
{
    size_t around = w->prefix.n + w->suffix.n;
    if (aor.n < around || !bytes_starts(aor, w->prefix) ||
        !bytes_eq(bytes_skip(aor, aor.n - w->suffix.n), w->suffix))
        return false;
    return pcre2_match(w->code, aor.p + w->prefix.n, aor.n - around, 0, 0, ws->found, ws->limits) >= 0;
}

bool wildcards_match(const struct wildcards *ws, struct bytes aor)
{
    for (size_t i = 0; ws && i < ws->n; i++) {
        if (matches(ws, &ws->items[i], aor))
            return true;
    }
    return false;
}
