/* listen_spec: one entry of door.listen, "[module+]transport://address:port". Floor 2, pure. */
#pragma once
#include "mux/module.h"

struct listen_spec {
    const struct module *module; /* NULL: the first bytes decide */
    enum transport transport;
    bool star; /* IPv4 and IPv6; addr has only the port */
    struct addr addr;
};

/* False with *why, a constant text that says what is wrong. */
bool listen_parse(const char *text, const struct module *const *modules, struct listen_spec *out,
                  const char **why);
