/* frame: cuts a byte stream (TCP, TLS) into SIP messages and keep-alives.
 *
 * Room modules/sip, floor 3. Pure: looks at the bytes, keeps only how far it has looked, so that a message
 * that comes byte by byte costs no more than one that comes whole. One framer a connection. RFC
 * 3261 7.5, 18.3; RFC 5626 4.4.1.
 *
 *     struct sip_frame f = sip_frame_next(&c->framer, &limits, in);
 *     switch (f.kind) { ... }  in = bytes_skip(in, f.len);   // until MORE, TOO_BIG or BAD */
#pragma once
#include "appliance/base/bytes.h"

enum sip_frame_kind {
    SIP_FRAME_MORE,    /* keep the bytes, come again with more behind them */
    SIP_FRAME_PING,    /* CR LF CR LF: answer CR LF; len 4 */
    SIP_FRAME_CRLF,    /* a single CR LF: a pong, or nothing (RFC 3261 7.5); len 2 */
    SIP_FRAME_MESSAGE, /* the first len bytes are one message */
    SIP_FRAME_TOO_BIG, /* head or announced body over the limit: answer 513 if head_len says so, then close */
    SIP_FRAME_BAD      /* no way to tell where the message ends: answer 400 if head_len says so, then close */
};

struct sip_frame {
    enum sip_frame_kind kind;
    size_t len;
    /* TOO_BIG and BAD: length of the complete head in front, fit for sip_msg_parse() to build the answer
     * from; 0: drop. */
    size_t head_len;
    uint16_t status;    /* TOO_BIG, BAD: 513 or 400 */
    const char *reason; /* "Missing Content-Length"; a literal */
};

struct sip_frame_limits {
    size_t head; /* bytes of start line and header fields */
    size_t body;
    bool pong; /* we send pings: a single CRLF is told at once and not held back as half a ping (clients) */
};

/* All zero is a fresh one. After TOO_BIG or BAD it is of no more use; otherwise it is ready for the next
 * frame, which must start len bytes later. */
struct sip_framer {
    size_t scanned; /* no line end that was not seen before here */
    size_t line;    /* where the line that is being read starts */
    size_t total;   /* head is complete: length of the whole message, 0 before */
};

struct sip_frame sip_frame_next(struct sip_framer *f, const struct sip_frame_limits *limits, struct bytes in);
