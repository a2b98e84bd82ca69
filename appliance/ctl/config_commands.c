/* The commands that look at configuration files; they need no running gateway. */
#include "appliance/boot.h"
#include "appliance/ctl/commands.h"
#include "modules/modules.h"
#include "mux/door.h"
#include <stdio.h>

/* With its problems printed; NULL when any is an error. */
static struct config *read_config(const char *path)
{
    struct room_tables tables;
    room_tables_fill(&tables);
    return roof_read_config(&tables, path);
}

static int print(struct buf *out)
{
    printf("%.*s", BYTES_FMT(buf_bytes(out)));
    buf_fini(out);
    return 0;
}

int ctl_config_check(const char *socket, int argc, char **argv)
{
    (void)socket;
    if (argc != 1)
        return usage("config check takes one FILE");
    struct config *c = read_config(argv[0]);
    if (!c)
        return 1;
    struct buf out;
    buf_init(&out);
    int rc = door_check(c, sallyport_modules, &out);
    print(&out);
    config_drop(c);
    if (!rc)
        printf("%s: good\n", argv[0]);
    return rc ? 1 : 0;
}

int ctl_config_diff(const char *socket, int argc, char **argv)
{
    (void)socket;
    if (argc != 2)
        return usage("config diff takes two FILEs");
    struct config *a = read_config(argv[0]), *b = read_config(argv[1]);
    struct buf out;
    buf_init(&out);
    int rc = a && b ? 0 : 1;
    if (!rc)
        config_diff(a, b, &out);
    print(&out);
    config_drop(a);
    config_drop(b);
    return rc;
}

int ctl_config_show(const char *socket, int argc, char **argv)
{
    (void)socket;
    if (argc != 1)
        return usage("config show takes one FILE");
    struct config *c = read_config(argv[0]);
    if (!c)
        return 1;
    struct buf out;
    buf_init(&out);
    config_write(c, &out, false);
    config_drop(c);
    return print(&out);
}
