/* reginfo: the registration information document that a registrar sends in NOTIFY (RFC 3680 5).
 *
 * Floor 3. Pure; reads the whole document before it says anything, so that half a document changes nothing.
 * Well-formed UTF-8 XML without a document type declaration (so there are no entities, and nothing outside is
 * fetched); depth, count and size are bounded. Unknown elements and attributes are passed over, as the RFC
 * asks. */
#pragma once
#include "appliance/base/bytes.h"

#define REGINFO_BYTES_MAX         (256 * 1024)
#define REGINFO_DEPTH_MAX         16
#define REGINFO_REGISTRATIONS_MAX 128
#define REGINFO_CONTACTS_MAX      512

enum reginfo_state { REGINFO_INIT, REGINFO_ACTIVE, REGINFO_TERMINATED };

enum reginfo_event {
    REGINFO_REGISTERED,
    REGINFO_CREATED,
    REGINFO_REFRESHED,
    REGINFO_SHORTENED,
    REGINFO_EXPIRED,
    REGINFO_DEACTIVATED,
    REGINFO_PROBATION,
    REGINFO_UNREGISTERED,
    REGINFO_REJECTED,
    REGINFO_EVENTS /* another one, or none: the state counts */
};
const char *reginfo_event_name(enum reginfo_event e); /* "registered"; "unsaid" */

struct reginfo_contact {
    enum reginfo_state state; /* never REGINFO_INIT */
    enum reginfo_event event;
    struct bytes uri;      /* not checked to be one; may be empty */
    struct bytes instance; /* +sip.instance without its quotes; empty: none */
    uint32_t reg_id;       /* 0: none */
    bool has_expires;
    uint32_t expires; /* seconds; more than 2^32-1 counts as that */
};

struct reginfo_registration {
    struct bytes aor; /* not checked to be a URI */
    enum reginfo_state state;
    unsigned first, n; /* its contacts */
};

struct reginfo {
    uint32_t version;
    bool full; /* all that there is, not only what has changed */
    unsigned n_registrations, n_contacts;
    struct reginfo_registration registrations[REGINFO_REGISTRATIONS_MAX];
    struct reginfo_contact contacts[REGINFO_CONTACTS_MAX];
    size_t used;
    uint8_t text[]; /* what the views look at */
};

/* The caller frees it with free(). NULL: out of memory, or no such document; *problem (a literal) says why.
 */
struct reginfo *reginfo_parse(struct bytes body, const char **problem);
