#include "modules/modules.h"

#define MODULE_POINTER(name) &name##_module,
const struct module *const sallyport_modules[] = {SALLYPORT_MODULES(MODULE_POINTER) NULL};
