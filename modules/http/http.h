/* http: what answers HTTP on the door: a plain landing page, so that a browser or a probing proxy meets an
 * ordinary web server (RFC 9110, RFC 9112).
 *
 * Floor 3. Management never answers here. Const; each connection keeps nothing but its deadline. */
#pragma once
#include "mux/module.h"

extern const struct module http_module;
