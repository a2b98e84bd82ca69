/* option_tag: the extensions that a request insists on (RFC 3261 8.2.2.3, 16.3 item 5).
 *
 * Room modules/sip, floor 3. Pure; any thread. */
#pragma once
#include "appliance/base/buf.h"
#include "modules/sip/msg.h"

/* Appends "Unsupported: a, b\r\n": every tag of that header field (Require, Proxy-Require) that is not among
 * `known`, which ends in NULL. False: there is none, nothing was appended. */
bool option_tags_unsupported(const struct sip_msg *rq, enum sip_header_id id, const char *const *known,
                             struct buf *out);
