/* phone: what hangs on a phone's flow: its registrations, and its calls.
 *
 * Floor 3; on the worker that owns the flow. A phone is here only while something is registered on its flow,
 * or calls for help from there: before that it costs nothing. Written to the store's `registration` rows as
 * it changes.
 *
 * A binding has one flow. When it comes back on another one (RFC 5626: the same instance and reg-id after an
 * access change), on whatever worker, its registration on the older flow ends without a word: of two, the one
 * that was granted later stays. What has left is remembered for a while, for the answers that are still due
 * for requests that went to the older flow. */
#pragma once
#include "appliance/base/token.h"
#include "modules/pcscf/call/route_digest.h"
#include "modules/pcscf/registration/registration.h"

struct phone {
    struct map_node node;
    struct pcscf *room;
    struct flow flow;
    struct list registrations; /* newest first */
    unsigned n;                /* of them */
    struct list left;          /* registrations that are on a newer flow now */
    struct list dialogs;       /* struct dialog */
    bool keeps_alive;          /* promised to send keep-alives at least as often as Flow-Timer says */
    bool sos;                  /* an emergency registration was made on it; stays so */
    bool lost;                 /* its flow is just being closed */
    bool busy;                 /* somebody looks at it: not to be freed now */
    struct timer farewell;     /* the network has ended the last one: the connection is to close */
};

uint64_t flow_hash(const struct pcscf *p, const struct flow *f); /* for the room's maps */
struct phone *phone_find(const struct pcscf *p, const struct flow *f);
/* The same if something is registered on it, or it is in a call for help; else NULL. */
struct phone *phone_in_use(const struct pcscf *p, const struct flow *f);
/* It stands for a call for help, registered or not. NULL: out of memory. */
struct phone *phone_stand(struct pcscf *p, const struct flow *f);
/* A call for help on that flow is over, or came to nothing. */
void phone_helped(struct pcscf *p, const struct flow *f);
/* Adds or refreshes. 0, -ENOMEM, -ENOSPC (pcscf.max_registrations). */
int phone_register(struct pcscf *p, const struct flow *f, const struct registration_facts *facts);
bool phone_has(const struct phone *ph, struct bytes aor, struct bytes key); /* NULL has none */
/* Registrations that one flow may have: pcscf.max_registrations, and a few more for an emergency. */
unsigned phone_room(const struct pcscf *p, bool sos);
/* The phone took that binding out, or all of its user's: on this flow, with all that was registered as one
 * set with that user, and on any other they may be. */
void phone_unregister(struct pcscf *p, const struct flow *f, struct bytes aor, struct bytes key);
void phone_unregister_all(struct pcscf *p, const struct flow *f, struct bytes aor);
/* The flow is gone, and with it all that was registered on it. The binding at the registrar stays until it
 * expires or a 430 tells (RFC 5626 5.3.1). */
void phone_lost(struct pcscf *p, const struct flow *f);
/* Every registration of this worker, in no order. */
void registrations_each(struct pcscf *p, void (*each)(const struct registration *r, void *arg), void *arg);
/* All of them, at the end. */
void phones_clear(struct pcscf *p);

/* This worker's registrations of an address of record: the first, and the next after r. */
struct registration *registration_first(const struct pcscf *p, struct bytes aor);
struct registration *registration_next(const struct registration *r);
/* It ends: `why` is for the log. Its phone may be gone afterwards. */
void registration_end(struct registration *r, const char *why);
/* The network has ended it, and why. bye: when it was the last of its flow, the connection is closed a moment
 * later, unless the phone has registered again by then. r is gone after the call. */
void registration_revoke(struct registration *r, const char *why, bool bye);
/* It goes on on another flow. Its phone stays for a while. */
void registration_leave(struct registration *r);

/* The sealed name of a flow (RFC 5626 5.2): whose it was, so that he is found again where he has moved to,
 * and in a Record-Route the way that the dialog takes behind us (route_digest.h). */
struct flow_token {
    struct flow flow;
    uint64_t owner;    /* flow_owner() of the address of record that it was made for */
    uint64_t instance; /* flow_instance(): which of his phones */
    bool emergency;    /* a dialog's with the E-CSCF; then the owner may be 0, nobody registered */
    bool has_route;    /* a dialog's, with the digest of its route set */
    uint8_t route[ROUTE_DIGEST];
};
uint64_t flow_owner(struct bytes aor);
uint64_t flow_instance(struct bytes instance); /* of +sip.instance, or of what else tells phones apart */
/* NUL-terminated text. False: no room or no cipher. */
bool flow_token_seal(struct worker *w, const struct flow_token *t, char dst[static TOKEN_TEXT_MAX]);
enum flow_token_verdict {
    FLOW_TOKEN_OK,
    FLOW_TOKEN_OLD,    /* ours, from before a restart: the flow is gone */
    FLOW_TOKEN_FOREIGN /* forged, cut, or of another key */
};
enum flow_token_verdict flow_token_open(struct worker *w, struct bytes text, struct flow_token *out);
/* Is that user registered on that phone? */
bool phone_owns(const struct phone *ph, uint64_t owner);
/* The same, or does he call for help from there? Then what is for him goes there. */
bool phone_carries(const struct phone *ph, uint64_t owner);
/* Is one user registered on both flows, or has gone on from one to the other? */
bool phones_share_user(const struct pcscf *p, const struct flow *a, const struct flow *b);
/* Can a request be sent to that phone now? Only for flows of this worker. */
bool flow_reaches(const struct pcscf *p, const struct flow *f);
