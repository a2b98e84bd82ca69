/* sallyportd: the gateway. The main thread does signals and lifecycle, nothing else. */
#include "appliance/base/log.h"
#include "appliance/boot.h"
#include "appliance/lifecycle.h"
#include "modules/modules.h"
#include "mux/door.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/sallyport/sallyport.conf"

static const char usage_text[] =
    "usage: sallyportd [-c FILE] [--check | --dump-config | --man | --version | --help]\n"
    "\n"
    "  -c, --config FILE  configuration (default " DEFAULT_CONFIG ")\n"
    "  -t, --check        check the configuration and the certificates, start nothing; exit 0 or 1\n"
    "      --dump-config  print the whole configuration with every key and its meaning\n"
    "      --man          print sallyport.conf(5) in troff\n"
    "      --version      print the version\n"
    "\n"
    "The gateway stays in the foreground and logs to standard error. SIGTERM ends it, SIGHUP reloads the\n"
    "configuration. See sallyportd(8), sallyport.conf(5), sallyportctl(1).\n";

static int print_and_free(struct buf *out, bool ok)
{
    struct bytes b = buf_bytes(out);
    ok = ok && fwrite(b.p, 1, b.n, stdout) == b.n && fflush(stdout) == 0;
    buf_fini(out);
    return ok ? 0 : 1;
}

static int check_only(const char *path)
{
    struct room_tables tables;
    room_tables_fill(&tables);
    struct config *c = roof_read_config(&tables, path);
    if (!c)
        return 1;
    struct buf out;
    buf_init(&out);
    int rc = door_check(c, sallyport_modules, &out);
    fprintf(stderr, "%.*s", BYTES_FMT(buf_bytes(&out)));
    if (!rc)
        printf("%s: good\n", path);
    buf_fini(&out);
    config_drop(c);
    return rc ? 1 : 0;
}

static int dump_config(const char *path)
{
    struct room_tables tables;
    room_tables_fill(&tables);
    struct config *c =
        path ? roof_read_config(&tables, path) : config_load_text("", "defaults", tables.settings, NULL);
    if (!c)
        return 1;
    struct buf out;
    buf_init(&out);
    bool ok = config_write(c, &out, false);
    config_drop(c);
    return print_and_free(&out, ok);
}

static const char man_head[] =
    ".TH SALLYPORT.CONF 5 \"2026\" \"Sallyport " SALLYPORT_VERSION "\" \"File Formats\"\n"
    ".SH NAME\nsallyport.conf \\- settings of the Sallyport gateway\n"
    ".SH SYNTAX\nSections of keys and values; what follows # is a comment.\n"
    ".PP\n.nf\ntls { certificates = { \"gw.pem\" } keys = { \"gw.key\" } }\n"
    "pcscf { host = \"gw.example.net\" }\n.fi\n.PP\n"
    "Durations are written 500ms, 30s, 10m, 1h, 1d; sizes 512, 64k, 10m, 1g; yes and no are words; lists "
    "stand\n"
    "in braces. ${NAME:-text} is a variable of the environment, or the text where there is none. A relative "
    "path\n"
    "starts from the file's own folder. A section may be opened more than once. An unknown key or a bad "
    "value is\n"
    "an error with its line; \\fBsallyportctl config check\\fR tells before it counts, \\fBsallyportctl "
    "reload\\fR\n"
    "makes it count. Each key says what it counts for: what stands (live), what begins from now on (new\n"
    "connections), or only after a restart.\n"
    ".SH SETTINGS\n";

static const char man_foot[] = ".SH SEE ALSO\n.BR sallyportd (8),\n.BR sallyportctl (1),\n"
                               ".BR sallyport-policy (7)\n";

static int print_man(void)
{
    struct room_tables tables;
    struct buf out;
    room_tables_fill(&tables);
    buf_init(&out);
    buf_str(&out, man_head);
    bool ok = config_man(tables.settings, &out);
    buf_str(&out, man_foot);
    return print_and_free(&out, ok);
}

static int run(const char *path)
{
    struct lifecycle life;
    struct roof *roof = calloc(1, sizeof *roof);
    if (!roof || lifecycle_block_signals(&life)) { /* before any thread is made */
        free(roof);
        return 1;
    }
    log_never_blocks(STDERR_FILENO);
    int rc = roof_start(roof, path);
    if (!rc) {
        lifecycle_notify("READY=1");
        lifecycle_run(&life, roof);
        lifecycle_notify("STOPPING=1");
        roof_stop(roof);
    }
    free(roof);
    return rc ? 1 : 0;
}

int main(int argc, char **argv)
{
    enum { CHECK = 256, DUMP, MAN, VERSION };
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, CHECK},
        {"dump-config", no_argument, NULL, DUMP},
        {"man", no_argument, NULL, MAN},
        {"version", no_argument, NULL, VERSION},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *path = NULL;
    int what = 0, o;
    while ((o = getopt_long(argc, argv, "c:ht", options, NULL)) != -1) {
        if (o == 'c')
            path = optarg;
        else if (o == 't')
            what = CHECK;
        else if (o == '?')
            return fputs(usage_text, stderr), 2;
        else
            what = o;
    }
    if (optind < argc) {
        fprintf(stderr, "sallyportd: unexpected argument \"%s\"\n%s", argv[optind], usage_text);
        return 2;
    }
    switch (what) {
    case 'h':
        return fputs(usage_text, stdout), 0;
    case VERSION:
        return puts("sallyportd " SALLYPORT_VERSION), 0;
    case MAN:
        return print_man();
    case DUMP:
        return dump_config(path);
    case CHECK:
        return check_only(path ? path : DEFAULT_CONFIG);
    default:
        return run(path ? path : DEFAULT_CONFIG);
    }
}
