/* auth_params: single parameters of a credentials or challenge field, found and taken out: what edge and home
 * network say to each other inside of what the phone sees of the authentication.
 *
 * Floor 3. RFC 7235 2.1 as SIP has it (RFC 3261 25.1): a scheme, then parameters with commas between. */
#pragma once
#include "modules/sip/edit.h"

struct auth_params_names {
    const struct bytes *items;
    size_t n;
};

/* How many parameters of the field have one of these names. SIZE_MAX: it is no list of parameters. */
size_t auth_params_count(struct bytes value, const struct auth_params_names *names);
/* Cuts them. False: nothing would stay of the list (nothing may have been cut then). */
bool auth_params_cut(struct bytes value, const struct auth_params_names *names, struct sip_edit *e);
