#include "modules/pcscf/registration/reginfo.h"
#include "modules/sip/params.h"
#include <expat.h>
#include <stdlib.h>

#define NAMESPACE "urn:ietf:params:xml:ns:reginfo "

/* What stands on the way from the root to the element that is being read, as far as we know it. */
enum level { AT_ROOT, IN_REGINFO, IN_REGISTRATION, IN_CONTACT, IN_FIELD };
enum field { FIELD_URI, FIELD_INSTANCE, FIELD_REG_ID };

struct reading {
    XML_Parser xml;
    struct reginfo *doc;
    size_t cap; /* of doc->text */
    const char *problem;
    unsigned depth; /* of open elements */
    unsigned known; /* enum level: so many of them are ours */
    enum field field;
    size_t field_start;
};

static void stop(struct reading *r, const char *problem)
{
    if (!r->problem)
        r->problem = problem;
    XML_StopParser(r->xml, XML_FALSE);
}

/* ---- words ---- */

static const char *const events[REGINFO_EVENTS] = {
    [REGINFO_REGISTERED] = "registered", [REGINFO_CREATED] = "created",
    [REGINFO_REFRESHED] = "refreshed",   [REGINFO_SHORTENED] = "shortened",
    [REGINFO_EXPIRED] = "expired",       [REGINFO_DEACTIVATED] = "deactivated",
    [REGINFO_PROBATION] = "probation",   [REGINFO_UNREGISTERED] = "unregistered",
    [REGINFO_REJECTED] = "rejected",
};

const char *reginfo_event_name(enum reginfo_event e)
{
    return e < REGINFO_EVENTS ? events[e] : "unsaid";
}

static enum reginfo_event event_of(struct bytes name)
{
    unsigned e = 0;
    while (e < REGINFO_EVENTS && !bytes_eq(name, bytes_str(events[e])))
        e++;
    return (enum reginfo_event)e;
}

static bool state_of(struct bytes name, enum reginfo_state *out)
{
    static const char *const states[] = {
        [REGINFO_INIT] = "init", [REGINFO_ACTIVE] = "active", [REGINFO_TERMINATED] = "terminated"};
    for (unsigned s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
        if (!bytes_eq(name, bytes_str(states[s])))
            continue;
        *out = (enum reginfo_state)s;
        return true;
    }
    return false;
}

static struct bytes attribute(const char **atts, const char *name)
{
    for (; *atts; atts += 2) {
        if (strcmp(atts[0], name) == 0)
            return bytes_trim(bytes_str(atts[1]));
    }
    return BYTES_NONE;
}

/* Texts only get shorter when references are undone, so there is room for all of the document's. */
static struct bytes keep(struct reading *r, struct bytes text)
{
    struct reginfo *doc = r->doc;
    if (text.n > r->cap - doc->used) {
        stop(r, "more text than the document has");
        return BYTES_NONE;
    }
    if (text.n)
        memcpy(doc->text + doc->used, text.p, text.n);
    doc->used += text.n;
    return bytes_of(doc->text + doc->used - text.n, text.n);
}

/* ---- elements ---- */

static void open_reginfo(struct reading *r, const char **atts)
{
    struct bytes state = attribute(atts, "state");
    r->doc->full = bytes_eq(state, BYTES("full"));
    if (!r->doc->full && !bytes_eq(state, BYTES("partial")))
        stop(r, "state of reginfo is neither full nor partial");
    else if (!bytes_u32(attribute(atts, "version"), &r->doc->version))
        stop(r, "no version");
}

static void open_registration(struct reading *r, const char **atts)
{
    struct reginfo *doc = r->doc;
    struct reginfo_registration *reg = &doc->registrations[doc->n_registrations];
    if (doc->n_registrations == REGINFO_REGISTRATIONS_MAX) {
        stop(r, "too many registrations");
        return;
    }
    struct bytes aor = attribute(atts, "aor");
    if (!aor.n || !state_of(attribute(atts, "state"), &reg->state)) {
        stop(r, "a registration without aor or state");
        return;
    }
    reg->aor = keep(r, aor);
    reg->first = doc->n_contacts;
    reg->n = 0;
    doc->n_registrations++;
}

static void open_contact(struct reading *r, const char **atts)
{
    struct reginfo *doc = r->doc;
    struct reginfo_contact *c = &doc->contacts[doc->n_contacts];
    uint64_t expires;
    if (doc->n_contacts == REGINFO_CONTACTS_MAX) {
        stop(r, "too many contacts");
        return;
    }
    *c = (struct reginfo_contact){.event = event_of(attribute(atts, "event"))};
    if (!state_of(attribute(atts, "state"), &c->state) || c->state == REGINFO_INIT) {
        stop(r, "a contact without a state");
        return;
    }
    c->has_expires = bytes_u64(attribute(atts, "expires"), &expires);
    if (c->has_expires)
        c->expires = expires > UINT32_MAX ? UINT32_MAX : (uint32_t)expires;
    doc->registrations[doc->n_registrations - 1].n++;
    doc->n_contacts++;
}

/* False: nothing that we read. */
static bool open_field(struct reading *r, const char *local, const char **atts)
{
    struct bytes name = attribute(atts, "name");
    if (strcmp(local, "uri") == 0)
        r->field = FIELD_URI;
    else if (strcmp(local, "unknown-param") == 0 && bytes_ieq(name, BYTES("+sip.instance")))
        r->field = FIELD_INSTANCE;
    else if (strcmp(local, "unknown-param") == 0 && bytes_ieq(name, BYTES("reg-id")))
        r->field = FIELD_REG_ID;
    else
        return false;
    r->field_start = r->doc->used;
    return true;
}

static void close_field(struct reading *r)
{
    struct reginfo *doc = r->doc;
    struct reginfo_contact *c = &doc->contacts[doc->n_contacts - 1];
    struct bytes text = bytes_trim(bytes_of(doc->text + r->field_start, doc->used - r->field_start));
    switch (r->field) {
    case FIELD_URI:
        c->uri = text;
        break;
    case FIELD_INSTANCE:
        c->instance = sip_quoted_inner(text);
        break;
    case FIELD_REG_ID:
        if (!bytes_u32(text, &c->reg_id))
            c->reg_id = 0;
        break;
    }
}

/* ---- what expat calls ---- */

/* False: an element of somebody else's, which goes by with all that it holds. */
static bool open_known(struct reading *r, const char *local, const char **atts)
{
    switch (r->known) {
    case AT_ROOT:
        if (strcmp(local, "reginfo") == 0)
            open_reginfo(r, atts);
        else
            stop(r, "no reginfo");
        return true;
    case IN_REGINFO:
        if (strcmp(local, "registration") != 0)
            return false;
        open_registration(r, atts);
        return true;
    case IN_REGISTRATION:
        if (strcmp(local, "contact") != 0)
            return false;
        open_contact(r, atts);
        return true;
    case IN_CONTACT:
        return open_field(r, local, atts);
    default:
        return false;
    }
}

static void XMLCALL on_open(void *arg, const char *name, const char **atts)
{
    struct reading *r = arg;
    bool ours = strncmp(name, NAMESPACE, sizeof(NAMESPACE) - 1) == 0;
    if (r->depth == REGINFO_DEPTH_MAX) {
        stop(r, "nested too deeply");
        return;
    }
    if (r->depth == 0 && !ours)
        stop(r, "no reginfo");
    else if (ours && r->depth == r->known && open_known(r, name + sizeof(NAMESPACE) - 1, atts))
        r->known++;
    r->depth++;
}

static void XMLCALL on_close(void *arg, const char *name)
{
    struct reading *r = arg;
    (void)name;
    r->depth--;
    if (r->known <= r->depth)
        return;
    if (r->known == IN_FIELD)
        close_field(r);
    r->known = r->depth;
}

static void XMLCALL on_text(void *arg, const char *text, int n)
{
    struct reading *r = arg;
    if (r->known == IN_FIELD && r->depth == IN_FIELD && n > 0)
        keep(r, bytes_of(text, (size_t)n));
}

static void XMLCALL on_doctype(void *arg, const char *name, const char *system, const char *public,
                               int internal)
{
    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    stop(arg, "a document type declaration");
}

/* ---- the whole ---- */

static void read_all(struct reading *r, struct bytes body)
{
    XML_SetUserData(r->xml, r);
    XML_SetElementHandler(r->xml, on_open, on_close);
    XML_SetCharacterDataHandler(r->xml, on_text);
    XML_SetStartDoctypeDeclHandler(r->xml, on_doctype);
    if (XML_Parse(r->xml, (const char *)body.p, (int)body.n, XML_TRUE) == XML_STATUS_OK || r->problem)
        return;
    r->problem = XML_GetErrorCode(r->xml) == XML_ERROR_NO_MEMORY ? "out of memory" : "not well-formed XML";
}

struct reginfo *reginfo_parse(struct bytes body, const char **problem)
{
    struct reading r = {.cap = body.n};
    *problem = body.n ? "larger than we read" : "empty";
    if (!body.n || body.n > REGINFO_BYTES_MAX)
        return NULL;
    *problem = "out of memory";
    r.doc = malloc(sizeof(*r.doc) + body.n);
    if (!r.doc)
        return NULL;
    r.doc->n_registrations = r.doc->n_contacts = 0;
    r.doc->used = 0;
    r.xml = XML_ParserCreateNS("UTF-8", ' '); /* whatever the document says: RFC 3680 5.1 */
    if (r.xml)
        read_all(&r, body);
    XML_ParserFree(r.xml);
    *problem = r.xml ? r.problem : "out of memory";
    if (!*problem)
        return r.doc;
    free(r.doc);
    return NULL;
}
