/* modules: the one list of protocols, in the order in which they sniff. */
#pragma once
#include "mux/module.h"

#define SALLYPORT_MODULES(X) X(turn) X(pcscf) X(registrar) X(http)

#define MODULE_DECLARE(name) extern const struct module name##_module;
SALLYPORT_MODULES(MODULE_DECLARE)
#undef MODULE_DECLARE

extern const struct module *const sallyport_modules[]; /* NULL-terminated */
