/* sniff: whose are these first bytes? Pure questions that modules answer their `sniff` slot with.
 *
 * Floor 2; any thread. STUN by RFC 8489 section 5 (top bits 00, length, magic cookie); SIP and HTTP share
 * their methods' form, so both say MORE until the end of the first line names the protocol (RFC 3261 7.1, RFC
 * 9112 3). The text patterns are PCRE2's, matched partially: a partial match is MORE. They are compiled at
 * the first question and live as long as the process. */
#pragma once
#include "mux/module.h"

enum sniff_pattern {
    SNIFF_SIP,  /* request or status line; a leading CRLF is SIP's (RFC 3261 7.5, RFC 5626 4.4.1) */
    SNIFF_HTTP, /* HTTP/1.x request line */
    SNIFF_PATTERNS
};

enum sniff sniff_stun(struct bytes first);
enum sniff sniff_text(struct bytes first, enum sniff_pattern pattern);
