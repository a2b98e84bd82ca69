#include "appliance/base/line.h"
#include <stdio.h>

void line_put(struct line *l, const char *s, size_t n)
{
    if (n > l->limit - l->n) {
        l->cut = true;
        return;
    }
    memcpy(l->text + l->n, s, n);
    l->n += n;
}

void line_str(struct line *l, const char *s)
{
    line_put(l, s, strlen(s));
}

void line_u64(struct line *l, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    line_put(l, digits + at, sizeof digits - at);
}

void line_i64(struct line *l, int64_t v)
{
    char text[21];
    int n = snprintf(text, sizeof text, "%lld", (long long)v);
    line_put(l, text, n > 0 ? (size_t)n : 0);
}

struct rune {
    uint32_t code;
    size_t len; /* bytes; 0: no valid UTF-8 starts here */
};

/* How many bytes the lead byte asks for, and the payload bits in it; 0 for what can lead nothing. */
static size_t lead(uint8_t c, uint32_t *bits)
{
    *bits = c;
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf) {
        *bits = c & 0x1fu;
        return 2;
    }
    if (c >= 0xe0 && c <= 0xef) {
        *bits = c & 0x0fu;
        return 3;
    }
    *bits = c & 0x07u;
    return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

/* RFC 3629 section 4: shortest forms only, no surrogates, nothing above U+10FFFF. */
static struct rune next_rune(struct bytes b)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t code;
    size_t len = lead(b.p[0], &code);
    if (len == 0 || len > b.n)
        return (struct rune){0, 0};
    for (size_t i = 1; i < len; i++) {
        if ((b.p[i] & 0xc0) != 0x80)
            return (struct rune){0, 0};
        code = code << 6 | (b.p[i] & 0x3fu);
    }
    if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return (struct rune){0, 0};
    return (struct rune){code, len};
}

/* Characters that move the cursor, start a new line in some viewer or turn the text around. */
static bool must_escape(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == '"' || code == '\\' || code == 0x061c ||
           (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

/* RFC 8259 section 7; everything that must_escape is in the basic plane. */
static size_t escape(uint32_t code, char out[static 8])
{
    static const char from[] = "\"\\\n\r\t", to[] = "\"\\nrt";
    const char *at = code > 0 && code < 0x80 ? strchr(from, (int)code) : NULL;
    if (at) {
        out[0] = '\\';
        out[1] = to[at - from];
        return 2;
    }
    return (size_t)snprintf(out, 8, "\\u%04x", (unsigned)code & 0xffff);
}

/* What stands for the bytes at the front of b, and in *took how many they are. */
static size_t show(const struct line *l, struct bytes b, char out[static 8], size_t *took)
{
    struct rune r = next_rune(b);
    *took = r.len > 0 ? r.len : 1;
    if (r.len == 0)
        return (size_t)(l->json ? snprintf(out, 8, "\\ufffd") : snprintf(out, 8, "\\x%02x", b.p[0]));
    if (must_escape(r.code))
        return escape(r.code, out);
    memcpy(out, b.p, r.len);
    return r.len;
}

void line_quoted(struct line *l, struct bytes b, size_t max)
{
    size_t room = l->limit - l->n;
    if (room > max)
        room = max;
    if (room < 5) { /* not even "..." */
        l->cut = true;
        return;
    }
    char out[8];
    size_t end = l->n + room - 4, took;
    line_put(l, "\"", 1);
    for (; b.n > 0; b = bytes_skip(b, took)) {
        size_t n = show(l, b, out, &took);
        if (l->n + n > end) {
            line_put(l, "...", 3);
            l->cut = true;
            break;
        }
        line_put(l, out, n);
    }
    line_put(l, "\"", 1);
}

static bool is_bare(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] <= ' ' || b.p[i] >= 0x7f || b.p[i] == '"' || b.p[i] == '\\' || b.p[i] == '=')
            return false;
    }
    return b.n > 0;
}

void line_value(struct line *l, struct bytes b, size_t max)
{
    if (b.n <= max && b.n <= l->limit - l->n && is_bare(b))
        line_put(l, (const char *)b.p, b.n);
    else
        line_quoted(l, b, max);
}
