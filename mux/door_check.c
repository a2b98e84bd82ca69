/* What can be known of the door's settings before it opens: `config check`, and boot before any worker
 * starts. */
#include "mux/door.h"
#include "mux/listen_spec.h"
#include "mux/tls.h"
#include "mux/tls_files.h"
#include <errno.h>

static bool same_place(const struct listen_spec *a, const struct listen_spec *b)
{
    bool same_kind = (a->transport == TRANSPORT_UDP) == (b->transport == TRANSPORT_UDP);
    bool all = a->star || b->star || addr_is_any(&a->addr) || addr_is_any(&b->addr);
    bool same_family = a->star || b->star || a->addr.family == b->addr.family;
    return same_kind && a->addr.port == b->addr.port && same_family &&
           (all || addr_ip_eq(&a->addr, &b->addr));
}

static bool is_taken(const struct string_list *list, size_t n, const struct listen_spec *spec,
                     const struct module *const *modules)
{
    const char *why;
    struct listen_spec other;
    for (size_t i = 0; i < n; i++) {
        if (listen_parse(list->items[i], modules, &other, &why) && same_place(&other, spec))
            return true;
    }
    return false;
}

static bool check_listeners(const struct door_config *c, const struct module *const *modules, bool *tls,
                            struct buf *out)
{
    bool good = c->listen.n > 0;
    if (!good)
        buf_str(out, "door.listen is empty: nobody could come in\n");
    for (size_t i = 0; i < c->listen.n; i++) {
        struct listen_spec spec;
        const char *why = NULL;
        if (!listen_parse(c->listen.items[i], modules, &spec, &why))
            good = false;
        else if (is_taken(&c->listen, i, &spec, modules))
            why = "is taken by one before it";
        if (why)
            buf_printf(out, "door.listen \"%s\": %s\n", c->listen.items[i], why);
        good = good && !why;
        *tls = *tls || spec.transport == TRANSPORT_TLS;
    }
    return good;
}

static bool check_marks(const struct door_config *c, struct buf *out)
{
    if (c->out_high <= c->out_max)
        return true;
    buf_str(out, "door.out_high is larger than door.out_max\n");
    return false;
}

int door_check(const struct config *c, const struct module *const *modules, struct buf *out)
{
    const struct door_config *door = config_of(c, &door_settings);
    const struct tls_config *tls = config_of(c, &tls_settings);
    bool needs_tls = false;
    bool good = check_listeners(door, modules, &needs_tls, out);
    good = check_marks(door, out) && good;
    if (needs_tls) {
        struct tls *t = tls_create(tls, modules, out);
        good = good && t;
        tls_drop(t);
        tls_files_warn(tls, out);
    }
    for (; *modules; modules++)
        good = (!(*modules)->check || (*modules)->check(c, out)) && good;
    return good ? 0 : -EINVAL;
}
