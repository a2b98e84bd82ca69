/* head: the head of an HTTP/1.x request (RFC 9112 sections 2 to 6). Floor 3, pure; views into the received
 * bytes. */
#pragma once
#include "appliance/base/bytes.h"

#define HTTP_HEAD_MAX 8192

enum { HTTP_HEAD_MORE = 0, HTTP_HEAD_WHOLE = 200 };

struct http_head {
    size_t length; /* of the whole head, with the empty line */
    struct bytes method, target;
    unsigned minor; /* of HTTP/1.minor */
    unsigned hosts;
    bool keep_alive;
    bool has_body;
};

/* HTTP_HEAD_MORE, HTTP_HEAD_WHOLE, or the status code of the answer that the mistake gets: 400, 431, 505. */
int http_head_parse(struct bytes in, struct http_head *out);
