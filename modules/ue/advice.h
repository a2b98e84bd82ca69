/* advice: what a person can do about a failure. Room modules/ue, floor 3; const tables, literals, NULL when
 * there is nothing better to say than what went wrong. */
#pragma once
#include "modules/ue/endpoint.h"

const char *advice_tls(enum tls_link_fault fault);
const char *advice_outcome(const struct outcome *o); /* by what and code */
const char *advice_media(enum media_end end);
