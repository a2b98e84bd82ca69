/* params: the small grammar under all SIP header fields: tokens, quoted strings, ;name=value, comma lists.
 *
 * Room modules/sip, floor 3. Pure, views only; any thread. RFC 3261 25.1. Linear white space includes folds
 * (CR LF followed by SP or HTAB, 7.3.1), so values of folded header fields go through unchanged. */
#pragma once
#include "appliance/base/bytes.h"

bool sip_is_token(struct bytes b); /* not empty, and only token characters (RFC 3261 25.1) */

/* One parameter. value is as written: with its quotes when it is a quoted string. */
struct sip_param {
    struct bytes name;
    struct bytes value;
    bool has_value;
};

/* Takes the next ";name[=value]" off *rest, which starts at (white space and) a semicolon, or is empty.
 * 1: *out is it. 0: the end. -EBADMSG: not parameters (empty name, no ';', open quote). The value may be a
 * token, a quoted string, or a host with brackets (RFC 3261 25.1 gen-value). */
int sip_param_next(struct bytes *rest, struct sip_param *out);
/* The same for a field that begins with a parameter, without a semicolon before it (P-Charging-Vector); then
 * go on with sip_param_next(). 1 or -EBADMSG. */
int sip_param_first(struct bytes *rest, struct sip_param *out);
/* First parameter of that name (case-insensitive). False: not there, or bad text in front of it. */
bool sip_param_find(struct bytes params, struct bytes name, struct sip_param *out);
/* The same, only its value; empty when it has none. */
bool sip_param_value(struct bytes params, struct bytes name, struct bytes *value);
bool sip_params_ok(struct bytes params); /* the whole text is well-formed */

/* Takes the next item off a comma list, trimmed; commas inside "..." and <...> do not count. 1, 0 or -EBADMSG
 * (an empty item, an open quote or bracket). */
int sip_list_next(struct bytes *rest, struct bytes *item);

/* Quoted strings. inner: without the quotes, escapes still in; the view itself when it is not quoted.
 * unquote: escapes undone, a fold becomes one space; length, or BYTES_NOT_FOUND when dst is too small. */
struct bytes sip_quoted_inner(struct bytes value);
size_t sip_unquote(struct bytes value, uint8_t *dst, size_t cap);

/* A header value on one line: each fold becomes one space (RFC 3261 7.3.1). Length or BYTES_NOT_FOUND. */
size_t sip_unfold(struct bytes value, uint8_t *dst, size_t cap);
bool sip_is_folded(struct bytes value);

/* Length of the linear white space (SP, HTAB, folds) at the front. */
size_t sip_lws_len(struct bytes b);
/* Without linear white space in front. */
struct bytes sip_skip_lws(struct bytes b);
/* Length of the quoted string at the front with its quotes; 0 when there is none or it stays open. */
size_t sip_quoted_len(struct bytes b);
/* Length of the token at the front, 0 when there is none. */
size_t sip_token_len(struct bytes b);
