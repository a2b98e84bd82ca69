/* phone: what hangs on a phone's flow: its registered contacts, with the Service-Route (RFC 3608) and the
 * identities (P-Associated-URI, RFC 7315) that the home network gave for each.
 *
 * Floor 3; on the worker that owns the flow. A phone is here only while something is registered on its flow:
 * before that it costs nothing. Written to the store's `registration` rows as it changes. */
#pragma once
#include "appliance/base/buf.h"
#include "appliance/base/token.h"
#include "modules/pcscf/room.h"
#include "modules/pcscf/route_set.h"

struct sip_uri;

struct phone {
    struct map_node node;
    struct pcscf *room;
    struct flow flow;
    struct list registrations; /* newest first */
    unsigned n;
    bool outbound;         /* was told a Flow-Timer */
    struct timer farewell; /* the network has ended the last one: the connection is to close */
};

struct registration {
    struct list link;
    struct phone *phone;
    struct timer expiry;
    uint64_t since;          /* worker ms: the core has granted or refreshed it */
    struct reg_event *event; /* reg_event.h; NULL: none */
    struct list at_event;
    bool present;               /* the directory was told that this user is here */
    uint64_t instance;          /* flow_instance(); 0: none */
    struct bytes aor;           /* canonical, sip_aor() */
    struct bytes key;           /* sip_contact_key() */
    struct bytes contact;       /* URI */
    struct bytes private_id;    /* user name of the Digest; may be empty */
    struct bytes service_route; /* Route values, comma-separated; may be empty */
    struct bytes identities;    /* P-Associated-URI values, comma-separated; empty: the aor alone */
    struct buf changed;         /* what identities looks at once the network has changed them */
    uint8_t text[];
};

/* What a 200 to REGISTER said of one contact. */
struct registration_facts {
    struct bytes aor, key, contact, private_id, service_route, identities;
    struct bytes path; /* what we put in, "<sip:...>" */
    uint64_t instance; /* flow_instance() */
    uint32_t expires;  /* seconds, not 0 */
    bool outbound;
};

struct phone *phone_find(const struct pcscf *p, const struct flow *f);
/* Adds or refreshes. 0, -ENOMEM, -ENOSPC (pcscf.max_registrations). */
int phone_register(struct pcscf *p, const struct flow *f, const struct registration_facts *facts);
bool phone_has(const struct phone *ph, struct bytes aor, struct bytes key); /* NULL has none */
void phone_unregister(struct pcscf *p, const struct flow *f, struct bytes aor, struct bytes key);
void phone_unregister_all(struct pcscf *p, const struct flow *f, struct bytes aor);
/* The network has ended it, and why. bye: when it was the last of its flow, the connection is closed a moment
 * later, unless the phone has registered again by then. r is gone after the call. */
void registration_revoke(struct registration *r, const char *why, bool bye);
/* The flow is gone, and with it all that was registered on it. The binding at the registrar stays until it
 * expires or a 430 tells (RFC 5626 5.3.1). */
void phone_lost(struct pcscf *p, const struct flow *f);
/* Writes it to the store as it is now. */
void registration_save(const struct registration *r);
/* Every registration of this worker, in no order. */
void registrations_each(struct pcscf *p, void (*each)(const struct registration *r, void *arg), void *arg);
/* All of them, at the end. */
void phones_clear(struct pcscf *p);

/* Is that URI one of the identities that may be asserted? */
bool registration_has_identity(const struct registration *r, const struct sip_uri *uri);
/* The default public identity, without <>: the first of P-Associated-URI (TS 24.229 5.2.6.3). */
struct bytes registration_default_identity(const struct registration *r);

/* The sealed name of a flow (RFC 5626 5.2): whose it was, so that he is found again where he has moved to,
 * and in a Record-Route the way that the dialog takes behind us (route_set.h). */
struct flow_token {
    struct flow flow;
    uint64_t owner;    /* flow_owner() of the address of record that it was made for */
    uint64_t instance; /* flow_instance() of the phone's +sip.instance; 0: it said none */
    bool has_route;    /* a dialog's, with the digest of its route set */
    uint8_t route[ROUTE_SET_DIGEST];
};
uint64_t flow_owner(struct bytes aor);
uint64_t flow_instance(struct bytes instance); /* 0 for an empty one */
/* NUL-terminated text. False: no room or no cipher. */
bool flow_token_seal(struct worker *w, const struct flow_token *t, char dst[static TOKEN_TEXT_MAX]);
enum flow_token_verdict {
    FLOW_TOKEN_OK,
    FLOW_TOKEN_OLD,    /* ours, from before a restart: the flow is gone */
    FLOW_TOKEN_FOREIGN /* forged, cut, or of another key */
};
enum flow_token_verdict flow_token_open(struct worker *w, struct bytes text, struct flow_token *out);
/* Is somebody registered on that phone whom the token was made for? */
bool phone_owns(const struct phone *ph, const struct flow_token *t);
/* Is one user registered on both flows? */
bool phones_share_user(const struct pcscf *p, const struct flow *a, const struct flow *b);
/* Can a request be sent to that phone now? Only for flows of this worker. */
bool flow_reaches(const struct pcscf *p, const struct flow *f);
