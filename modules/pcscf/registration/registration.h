/* registration: one contact that the home network has bound, as the edge keeps it: by which flow it is
 * reached, until when, and what its requests are given on the way (Service-Route, RFC 3608; identities and
 * accounts, RFC 7315).
 *
 * Floor 3; on the worker that owns the flow. One allocation for all that it holds, and one more where the
 * network gave wildcarded identities. A refresh that says the same again allocates nothing. */
#pragma once
#include "appliance/base/buf.h"
#include "modules/pcscf/room.h"
#include "modules/sip/nameaddr.h"

struct phone;
struct wildcards;

struct registration {
    struct list link;       /* in its phone's `registrations`, or in `left` */
    struct map_node by_aor; /* in the room's, while it counts */
    struct phone *phone;
    struct timer expiry;
    uint64_t order;          /* of all grants on this gateway: the newest of two flows has the binding */
    uint64_t since;          /* worker ms: the core has granted or refreshed it */
    struct reg_event *event; /* reg_event.h; NULL: none */
    struct list at_event;
    struct whereabout where;     /* of whom, and on which flow, for who looks for it */
    int64_t saved_end;           /* wall seconds: what the row says */
    bool present;                /* the directory was told that this user is here */
    bool proved;                 /* by TLS, with credentials that the home network has checked */
    bool sos;                    /* an emergency registration (TS 24.229 5.1.6.2) */
    struct bytes aor;            /* canonical, sip_aor() */
    struct bytes key;            /* contact_binding() */
    struct bytes contact;        /* URI */
    struct bytes private_id;     /* user name of the Digest; may be empty */
    struct bytes service_route;  /* Route values, comma-separated; may be empty */
    struct bytes identities;     /* P-Associated-URI values, comma-separated; empty: the aor alone */
    struct bytes charging;       /* P-Charging-Function-Addresses; may be empty */
    struct bytes term_ioi;       /* the home network in the accounts; may be empty */
    struct bytes path;           /* what we put in last, "<sip:...>": the phone knows us by it */
    struct wildcards *wildcards; /* of identities; NULL: none */
    struct buf changed;          /* what identities looks at once the network has changed them */
    uint8_t text[];
};

/* What a 200 to REGISTER said of one contact. */
struct registration_facts {
    struct bytes aor, key, contact, private_id, service_route, identities, charging, term_ioi;
    struct bytes path; /* what we put in, "<sip:...>" */
    uint64_t instance; /* flow_instance(); without one of the phone's own, that of its key */
    uint32_t expires;  /* seconds, not 0 */
    bool proved, sos;
    bool keeps_alive; /* the phone sends keep-alives at least as often as Flow-Timer says */
};

/* On no phone yet. NULL: out of memory. */
struct registration *registration_create(const struct registration_facts *facts);
void registration_destroy(struct registration *r); /* off all lists by then; NULL is fine */
/* Would it be the same again, but for how long and by which Path? */
bool registration_says(const struct registration *r, const struct registration_facts *facts);
void registration_keep_path(struct registration *r, struct bytes path); /* of one that says the same */

/* Its row in the store, as it is now. */
void registration_save(struct registration *r);
/* The same after a refresh, when it is due: a row may be behind by an eighth of what was granted, so that
 * phones that refresh much more often than they need cost the store nothing. */
void registration_save_refreshed(struct registration *r);
void registration_forget(const struct registration *r); /* and no row any more */

/* "TLS 192.0.2.1:50000", as in the store's rows. */
#define FLOW_TEXT (ADDR_TEXT + 8)
struct bytes flow_text(const struct flow *f, char dst[static FLOW_TEXT]);

/* ---- identities (identities.c; TS 24.229 5.2.6.3) ----
 * A registered address that its own P-Associated-URI does not list is barred: it may not be asserted. */

/* Is that URI one of the identities that may be asserted, as it stands or by a wildcard? */
bool registration_has_identity(const struct registration *r, const struct sip_uri *uri);
/* The default public identity, without <>: the first of P-Associated-URI that is no wildcard. Empty: all are.
 */
struct bytes registration_default_identity(const struct registration *r);

/* ---- what the network changes (registration_change.c; TS 24.229 5.2.5, RFC 3680) ---- */

#define REGISTRATION_IDENTITIES_MAX 4096 /* bytes of all of them, with their commas */

/* Is it under this address of record that the phone has registered? */
bool registration_is_of(const struct registration *r, const struct sip_uri *aor);
/* Is it this contact (contact_binding())? */
bool registration_has_key(const struct registration *r, const struct sip_contact *c);
/* One more identity that the network has registered with it. No-op if it has it, or there is no room. */
void registration_add_identity(struct registration *r, const struct sip_uri *uri);
/* One less. False: none is left (the last one stays in place). */
bool registration_drop_identity(struct registration *r, const struct sip_uri *uri);
/* It ends in so many seconds. False: it ends sooner anyway. */
bool registration_shorten(struct registration *r, uint32_t seconds);
