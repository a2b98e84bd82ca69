/* charging: P-Charging-Vector and P-Charging-Function-Addresses at the edge of the trust domain (RFC
 * 7315 4.5, 4.6; TS 24.229 5.2.2.1, 5.2.6.3, 5.2.6.4; TS 32.260).
 *
 * Floor 3. What a phone writes of either never gets in, and what the network writes never gets out: the trust
 * table sees to that. Here is what the edge itself says: one icid for each REGISTER, dialog and standalone
 * transaction that begins on a phone, and who we are in the accounts between operators (an IOI of type 1). */
#pragma once
#include "modules/sip/edit.h"

struct pcscf;

/* A P-Charging-Vector as views; values as written, with their quotes. Empty: not there. */
struct charging_vector {
    struct bytes icid, generated_at, orig_ioi, term_ioi;
};
/* False: malformed, or without an icid-value (RFC 7315 5.6). */
bool charging_vector_parse(struct bytes value, struct charging_vector *out);
/* That of a message of the network, values without their quotes; all empty: none, or none that can be used.
 */
struct charging_vector charging_read(const struct sip_msg *m);

/* 32 random characters: unique for as long as anybody keeps accounts (TS 32.260 5.1). */
#define CHARGING_ICID 33
void charging_icid_make(char dst[static CHARGING_ICID]);

/* The value in a request that enters the network here. False: no room. */
bool charging_write(const struct pcscf *p, const char *icid, struct buf *out);
/* A request of a phone on its way to the core. */
void charging_edit_request(const struct pcscf *p, const char *icid, struct sip_edit *e);
/* One that is known, values without quotes. */
bool charging_write_vector(const struct charging_vector *v, struct buf *out);
void charging_edit_vector(const struct charging_vector *v, struct sip_edit *e);
const char *charging_ioi(const struct pcscf *p); /* who we are in the accounts between operators */
/* A phone's answer (101 to 299) to rq, an initial request of the core: the network's icid and orig-ioi come
 * back, and our term-ioi with them. Nothing when rq had none. */
void charging_edit_answer(const struct pcscf *p, const struct sip_msg *rq, struct sip_edit *e);
