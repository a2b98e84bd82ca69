/* reg_subscription: one subscription of reg_event.h, for the files that make it up.
 *
 * Floor 3, private to reg_*.c. */
#pragma once
#include "modules/pcscf/registration/phone.h"
#include "modules/pcscf/registration/reg_event.h"
#include "modules/pcscf/route.h"

enum reg_event_state {
    REG_EVENT_ASKING,   /* SUBSCRIBE sent, no NOTIFY yet: notify_wait of RFC 6665 4.1.2 */
    REG_EVENT_ACTIVE,   /* or pending */
    REG_EVENT_RETRYING, /* failed for now: `next` asks anew */
    REG_EVENT_REFUSED,  /* will not be had: `next` asks anew after a long time */
    REG_EVENT_LEAVING,  /* nobody is left: SUBSCRIBE with Expires 0 was sent */
};

struct reg_event {
    struct map_node node;
    struct pcscf *p;
    struct list registrations; /* who is here under that identity, newest first */
    enum reg_event_state state;
    struct sip_dialog dialog;
    struct sip_uac *request; /* the SUBSCRIBE that waits for its response, or NULL */
    struct timer next;       /* ACTIVE: refresh; RETRYING, REFUSED: begin anew */
    struct timer patience;   /* for the NOTIFY after a SUBSCRIBE (timer N) */
    struct timer leaving;    /* nobody is left */
    uint64_t expires_at;     /* worker ms: how long the core keeps it without a refresh */
    uint32_t asked;          /* seconds, in the last SUBSCRIBE */
    uint32_t min_expires;    /* seconds: the core takes no less (423) */
    uint32_t version;        /* of the last document */
    bool has_version;
    uint64_t hasty_after; /* worker ms: not before do we ask without a delay again */
    unsigned failures;    /* in a row */
    char identity[SIP_AOR_MAX];
    char user[SIP_BRANCH_MAX]; /* of our Contact: where NOTIFY finds its way home */
    char path[ROUTE_URI_MAX];  /* the newest registration's: by it the registrar knows who we are */
};

/* reg_event.c */
void reg_event_destroy(struct reg_event *s);
void reg_event_set(struct reg_event *s, enum reg_event_state state);

/* reg_subscribe.c */
void reg_event_begin(struct reg_event *s); /* a new subscription, whatever there was before */
void reg_event_refresh(struct reg_event *s);
/* May it ask at once, and not later? Once in a while only, whatever the core says. */
bool reg_event_may_hasten(struct reg_event *s);
void reg_event_end(struct reg_event *s);                       /* says to the core that nobody is left */
void reg_event_expires(struct reg_event *s, uint32_t seconds); /* the core says so */
/* Begins anew later: after so many seconds if the core has said so, else a little later each time. 0: unsaid.
 */
void reg_event_retry(struct reg_event *s, uint32_t seconds);
void reg_event_refused(struct reg_event *s, const char *what, unsigned status);
