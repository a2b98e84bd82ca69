/* passage: one request on its way through the edge: which phone it belongs to, what is changed in it, and in
 * its responses.
 *
 * Floor 3. A value: in the proxy's data for a transaction, on the stack for an ACK. request.c decides,
 * response.c and the edits here carry it out. */
#pragma once
#include "modules/pcscf/call/session.h"
#include "modules/pcscf/core/core_forward.h"
#include "modules/pcscf/registration/charging.h"
#include "modules/pcscf/route.h"
#include "modules/sip/edit.h"
#include "modules/sip/proxy.h"

#define PASSAGE_IDENTITY_MAX 512

struct passage {
    struct pcscf *p;
    struct core_forward attempt; /* of one to the core, once the proxy has it */
    struct flow flow;            /* the phone's */
    bool from_phone;
    bool initial;               /* outside a dialog: no To tag */
    bool emergency;             /* an emergency call's: goes to the E-CSCF, above every limit */
    bool callback;              /* begins the call back that follows one (RFC 7090) */
    bool late;                  /* its phone was away already when it came (absence.h) */
    bool cut_routes;            /* the phone's own Routes give way to the Service-Route */
    bool strict;                /* the next hop is the Request-URI, which stands last among the Routes */
    unsigned pop;               /* our own Route values on top */
    char token[TOKEN_TEXT_MAX]; /* of our two Record-Route values; empty: none */
    uint64_t owner, instance;   /* whose flow it is, as in a flow_token */
    /* From a phone: what we assert. To a phone: what it was called, to assert in its responses
     * (TS 24.229 5.2.6.4). */
    char identity[PASSAGE_IDENTITY_MAX];
    char icid[CHARGING_ICID]; /* of what begins on the phone; else empty */
    /* Where to. uri (empty: as received) is a view into the request, route one into the phone's registration
     * or the room: use them before anything else runs. */
    struct sip_hop to;
    struct bytes uri, route;

    /* What becomes of it, in the proxy's data only (dialog_watch.h). */
    struct proxy *proxy;
    struct list forks; /* the dialogs that it has made */
    struct list wait;  /* for its phone to come back (absence.h) */
    struct session_offer session;
    uint64_t began, rang; /* ms; rang 0: no answer of any kind yet */
    int heard;            /* the last status that came from further on */
    const char *because;  /* why none came, a literal; NULL: not known */
    bool cancelled;
};

/* Fill in *g. 0, or the status to refuse with (counted). */
int passage_from_phone(struct pcscf *p, const struct flow *from, const struct sip_msg *rq, struct passage *g);
int passage_from_core(struct pcscf *p, const struct sip_msg *rq, struct passage *g);

/* The changes of a request beyond what every proxy does. */
void passage_edit_request(const struct passage *g, const struct sip_msg *rq, struct sip_edit *e);

extern const struct proxy_user passage_proxy; /* response.c; proxy_data is a struct passage */
