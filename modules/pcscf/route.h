/* route: our own URIs in Path, Record-Route and Route, and what the Route values on top of a request say.
 *
 * Floor 3. RFC 3261 16.4 and 16.6, RFC 3327, RFC 5626 5.3, RFC 5658 (two Record-Routes: one for each side).
 */
#pragma once
#include "modules/pcscf/registration/phone.h"
#include "modules/sip/msg.h"

#define ROUTE_URI_MAX (CORE_HOST_MAX + TOKEN_TEXT_MAX + 48)

/* "<sip:TOKEN@host:443;transport=tls;lr>": what a phone sends to. False: no room. */
bool route_for_phone(const struct pcscf *p, const struct flow *f, const char *token,
                     char dst[static ROUTE_URI_MAX]);
/* "<sip:TOKEN@host;lr>": what the core sends to. ob: as in a Path (RFC 5626 5.1). */
bool route_for_core(const struct pcscf *p, const char *token, bool ob, char dst[static ROUTE_URI_MAX]);
/* "<sip:USER@host>": our own Contact in a dialog with the core. */
bool route_contact_for_core(const struct pcscf *p, const char *user, char dst[static ROUTE_URI_MAX]);
/* "host:port" of a phone's side, for Via. */
bool route_phone_host(const struct pcscf *p, const struct flow *f, char *dst, size_t cap);

/* Is it one of the names or addresses at which we are reached, with one of our ports? */
bool route_is_ours(const struct pcscf *p, const struct sip_uri *uri);

struct route_top {
    unsigned own;       /* how many values on top are ours: 0, 1 or a pair of one token */
    struct bytes token; /* user part of the first of them; may be empty */
    bool next_is_ours;  /* the one after them is ours again: a call between two phones of this gateway */
    bool has_next;
    struct sip_uri next; /* of the one after them; a view into the request */
};
/* False: a Route that cannot be parsed (400). */
bool route_read(const struct pcscf *p, const struct sip_msg *rq, struct route_top *out);

/* Are the Routes of a phone's request, but for our own on top, that list (a Service-Route, comma-separated),
 * in its order (RFC 3608 6.1)? */
bool route_follows(const struct pcscf *p, const struct sip_msg *rq, struct bytes list);

/* The worker whose flow the top Route of a raw request names; `here` when there is none. For sorting: looks
 * at bytes only as far as it must. */
uint16_t route_sort(struct worker *w, struct bytes msg);
/* The worker on whose flow the phone of the top Route's token is now; ours when it is nowhere else. */
uint16_t route_home(struct pcscf *p, const struct sip_msg *rq);
/* The first of these Route values. False: none, or none that can be read. */
bool route_first(struct bytes values, struct sip_nameaddr *out);
bool route_take_first(struct bytes *values, struct sip_nameaddr *out); /* the same, and values are the rest */
/* Do these Route values lead back to us: to another phone of this gateway? */
bool route_leads_back(const struct pcscf *p, struct bytes values);
