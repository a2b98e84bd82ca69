/* The commands that ask the running gateway. */
#include "appliance/ctl/commands.h"
#include "appliance/ctl/ask.h"
#include "appliance/ctl/listing.h"
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

int ctl_ping(const char *socket, int argc, char **argv)
{
    (void)argv;
    return argc ? usage("ping takes no argument") : done(ask_or_complain(socket, command("ping")));
}

int ctl_status(const char *socket, int argc, char **argv)
{
    (void)argv;
    if (argc)
        return usage("status takes no argument");
    json_t *a = ask_or_complain(socket, command("status"));
    if (!a)
        return 1;
    json_int_t up = number_in(a, "uptime_seconds");
    const json_t *store = json_object_get(a, "store");
    printf("sallyport   %s, pid %" JSON_INTEGER_FORMAT ", %" JSON_INTEGER_FORMAT " workers\n",
           text_in(a, "version"), number_in(a, "pid"), number_in(a, "workers"));
    printf("up          %" JSON_INTEGER_FORMAT "d %02d:%02d:%02d\n", up / 86400, (int)(up / 3600 % 24),
           (int)(up / 60 % 60), (int)(up % 60));
    printf("config      %s\n", text_in(a, "config"));
    printf("users       %" JSON_INTEGER_FORMAT "\n", number_in(a, "users"));
    printf("store       %s: %" JSON_INTEGER_FORMAT " writes in %" JSON_INTEGER_FORMAT
           " commits, %" JSON_INTEGER_FORMAT " waiting, %" JSON_INTEGER_FORMAT " lost\n",
           json_is_true(json_object_get(a, "store_healthy")) ? "healthy" : "NOT HEALTHY",
           number_in(store, "writes"), number_in(store, "commits"), number_in(store, "waiting"),
           number_in(store, "lost"));
    return done(a);
}

int ctl_stats(const char *socket, int argc, char **argv)
{
    const char *format = "prometheus";
    if (argc > 1 || (argc == 1 && strcmp(argv[0], "--json") != 0 && strcmp(argv[0], "--prometheus") != 0))
        return usage("stats takes --json or --prometheus");
    if (argc == 1)
        format = argv[0] + 2;
    json_t *a = ask_or_complain(socket, json_pack("{s:s,s:s}", "command", "stats", "format", format));
    if (a)
        printf("%s%s", text_in(a, "text"), strcmp(format, "json") == 0 ? "\n" : "");
    return done(a);
}

/* NAME [--realm R] [--password-file F]; false after printing the usage. */
struct user_args {
    const char *name, *realm, *password_file;
};

static bool parse_user_args(int argc, char **argv, struct user_args *u)
{
    for (int i = 0; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--realm") == 0)
            u->realm = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--password-file") == 0)
            u->password_file = argv[++i];
        else if (argv[i][0] != '-' && !u->name)
            u->name = argv[i];
        else
            return usage("a user command takes one NAME and its options"), false;
    }
    return u->name ? true : (usage("the user's NAME is missing"), false);
}

/* First line of f, without its end. */
static bool read_line(FILE *f, char *dst, size_t cap)
{
    if (!fgets(dst, (int)cap, f))
        return false;
    size_t n = strlen(dst);
    if (n && dst[n - 1] == '\n')
        dst[--n] = '\0';
    return n > 0;
}

static bool read_password(const char *file, char *dst, size_t cap)
{
    bool tty = !file && isatty(STDIN_FILENO);
    struct termios old, quiet;
    FILE *f = file ? fopen(file, "r") : stdin;
    if (!f)
        return perror(file), false;
    if (tty && tcgetattr(STDIN_FILENO, &old) == 0) {
        quiet = old;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
        fputs("password: ", stderr);
    }
    bool ok = read_line(f, dst, cap);
    if (tty) {
        tcsetattr(STDIN_FILENO, TCSANOW, &old);
        fputc('\n', stderr);
    }
    if (file)
        fclose(f);
    if (!ok)
        fputs("sallyportctl: no password came: one line on standard input, or --password-file FILE\n",
              stderr);
    return ok;
}

static json_t *user_question(const char *name, const struct user_args *u)
{
    json_t *q = json_pack("{s:s,s:s}", "command", name, "name", u->name);
    if (u->realm)
        json_object_set_new(q, "realm", json_string(u->realm));
    return q;
}

int ctl_user_add(const char *socket, int argc, char **argv)
{
    struct user_args u = {0};
    char password[512];
    if (!parse_user_args(argc, argv, &u))
        return 2;
    if (!read_password(u.password_file, password, sizeof password))
        return 1;
    json_t *q = user_question("user-add", &u);
    json_object_set_new(q, "password", json_string(password));
    OPENSSL_cleanse(password, sizeof password);
    json_t *a = ask_or_complain(socket, q);
    if (a)
        printf("%s@%s may come in\n", text_in(a, "name"), text_in(a, "realm"));
    return done(a);
}

int ctl_user_remove(const char *socket, int argc, char **argv)
{
    struct user_args u = {0};
    if (!parse_user_args(argc, argv, &u))
        return 2;
    return done(ask_or_complain(socket, user_question("user-remove", &u)));
}

static void print_user(const json_t *u)
{
    printf("%s@%s%s\n", text_in(u, "name"), text_in(u, "realm"),
           json_is_true(json_object_get(u, "enabled")) ? "" : " (disabled)");
}

int ctl_user_list(const char *socket, int argc, char **argv)
{
    static const struct listing l = {"user list", "user-list", "users", NULL, print_user, NULL};
    return listing_run(&l, socket, argc, argv);
}

int ctl_reload(const char *socket, int argc, char **argv)
{
    (void)argv;
    if (argc)
        return usage("reload takes no argument");
    json_t *a = ask_or_complain(socket, command("reload"));
    if (a)
        printf("%s", text_in(a, "text")[0] ? text_in(a, "text")
                                           : "no setting changed; certificates were read again\n");
    return done(a);
}

int ctl_keys_rotate(const char *socket, int argc, char **argv)
{
    (void)argv;
    return argc ? usage("keys rotate takes no argument")
                : done(ask_or_complain(socket, command("keys-rotate")));
}

int ctl_drain(const char *socket, int argc, char **argv)
{
    (void)argv;
    return argc ? usage("drain takes no argument") : done(ask_or_complain(socket, command("drain")));
}
