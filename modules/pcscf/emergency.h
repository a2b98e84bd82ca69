/* emergency: calls for help: to the E-CSCF where one is set, else the phone is told to go elsewhere (380).
 *
 * Floor 3. TS 24.229 5.2.10, 7.6; RFC 5031 (urn:service:sos). They pass above every limit, and by setting
 * without a registration. */
#pragma once
#include "modules/pcscf/registration/phone.h"
#include "modules/sip/msg.h"

struct server_txn;

/* ms; how long the connection of a phone that nobody has registered may stay silent while it calls for help:
 * the call itself may need no message for long (RFC 4028) */
#define EMERGENCY_IDLE (60 * 60 * 1000)

/* Is that Request-URI a call for help: the service URN, or one of emergency.numbers as a tel URI or in the
 * user part of a SIP one (user=phone, user=dialstring or neither)? */
bool emergency_is_called(const struct pcscf *p, const struct sip_uri *ruri);
/* The URN to ask the E-CSCF for: the phone's own with its sub-service, or urn:service:sos. */
struct bytes emergency_urn(const struct sip_uri *ruri);
/* Does this request belong to an emergency outside of any dialog: a call, a registration for one (";sos" in
 * Contact, TS 24.229 5.1.6.2), the call back (RFC 7090)? For whoever limits. */
bool emergency_is(const struct pcscf *p, const struct sip_hop *from, const struct sip_msg *rq);
/* The same of what a phone sends, where there is no room to ask, but its settings. */
bool emergency_is_of_phone(const struct emergency_config *c, const struct sip_msg *rq);
/* Has that phone registered for emergencies only? It may make no other call (TS 24.229 5.2.10.3). */
bool emergency_is_all(const struct phone *ph);

/* Does the core call a phone back from a PSAP (RFC 7090)? */
bool emergency_is_callback(const struct sip_msg *rq);

/* At start, after the core's link: the E-CSCF's Route, and the first look-up. 0 or -errno, logged. */
int emergency_init(struct pcscf *p);
struct sip_hop emergency_hop(struct pcscf *p); /* HOP_NONE: no E-CSCF, or not to be reached */
/* Within a dialog, by its Route behind our own (NULL: none): to the one of several E-CSCFs that has it. */
struct sip_hop emergency_hop_by(struct pcscf *p, const struct sip_uri *route, struct bytes call_id);
/* A call goes to the E-CSCF: counted and logged; the connection of an unregistered caller outlives his
 * silence. */
void emergency_begins(struct pcscf *p, const struct flow *f, const struct sip_msg *rq, bool registered);

/* 380 with the alternative service (TS 24.229 5.2.10.4, 5.2.10.5). No-op once a final response was sent. */
void emergency_refuse(struct pcscf *p, struct server_txn *st, const char *because);
/* Why a call for help that would go there goes elsewhere; a literal, for the log. */
const char *emergency_because(const struct pcscf *p, const struct sip_hop *to);
