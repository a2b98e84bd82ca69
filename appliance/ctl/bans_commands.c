/* sallyportctl bans: who is shut out. */
#include "appliance/ctl/ask.h"
#include "appliance/ctl/commands.h"
#include "appliance/ctl/listing.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void put_time(char *dst, size_t cap, json_int_t at)
{
    time_t t = (time_t)at;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || !strftime(dst, cap, "%Y-%m-%dT%H:%M:%SZ", &tm))
        snprintf(dst, cap, "?");
}

static void print_ban(const json_t *ban)
{
    char address[80], since[32], until[32] = "for ever";
    snprintf(address, sizeof address, "%s%s", text_in(ban, "address"),
             json_is_true(json_object_get(ban, "network")) ? "/64" : "");
    put_time(since, sizeof since, number_in(ban, "since"));
    if (json_is_integer(json_object_get(ban, "until")))
        put_time(until, sizeof until, number_in(ban, "until"));
    printf("%-28s %-10s %-9s %-21s %-21s %5d  %s\n", address, text_in(ban, "reason"), text_in(ban, "by"),
           since, until, (int)number_in(ban, "times"), text_in(ban, "note"));
}

static void head_bans(const json_t *a)
{
    (void)a;
    printf("%-28s %-10s %-9s %-21s %-21s %5s  %s\n", "address", "reason", "by", "since", "until", "times",
           "note");
}

static void foot_bans(const json_t *a, const json_t *list)
{
    if (number_in(a, "count") > (json_int_t)json_array_size(list))
        listing_count(a, list);
}

int ctl_bans_list(const char *socket, int argc, char **argv)
{
    static const struct listing l = {"bans list", "bans-list", "bans", head_bans, print_ban, foot_bans};
    return listing_run(&l, socket, argc, argv);
}

/* "30s", "10m", "2h", "7d": seconds; -1: no such thing. */
static json_int_t seconds_of(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    const char *units = "smhd", *unit = *end ? strchr(units, *end) : NULL;
    static const long factors[] = {1, 60, 3600, 86400};
    if (n <= 0 || n > 20000 * 86400L || !unit || end[1])
        return -1;
    return n * factors[unit - units];
}

int ctl_bans_add(const char *socket, int argc, char **argv)
{
    const char *address = NULL, *note = "";
    json_int_t seconds = 0;
    for (int i = 0; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--for") == 0)
            seconds = seconds_of(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--reason") == 0)
            note = argv[++i];
        else if (argv[i][0] != '-' && !address)
            address = argv[i];
        else
            return usage("bans add takes an ADDRESS and its options");
    }
    if (!address)
        return usage("the ADDRESS is missing");
    if (seconds < 0)
        return usage("--for takes a time: 30s, 10m, 2h or 7d");
    json_t *a = ask_or_complain(socket, json_pack("{s:s,s:s,s:I,s:s}", "command", "bans-add", "address",
                                                  address, "seconds", seconds, "note", note));
    if (a)
        printf("%s%s is shut out%s; sallyportctl bans remove %s lets it in again\n",
               strchr(address, '.') ? "" : "the /64 of ", address, seconds ? "" : " for ever", address);
    return done(a);
}

int ctl_bans_remove(const char *socket, int argc, char **argv)
{
    if (argc != 1)
        return usage("bans remove takes one ADDRESS");
    json_t *a = ask_or_complain(socket, json_pack("{s:s,s:s}", "command", "bans-remove", "address", argv[0]));
    if (a)
        printf("%s may come in again\n", argv[0]);
    return done(a);
}

int ctl_bans_clear(const char *socket, int argc, char **argv)
{
    (void)argv;
    if (argc)
        return usage("bans clear takes no argument");
    json_t *a = ask_or_complain(socket, command("bans-clear"));
    if (a)
        printf("%" JSON_INTEGER_FORMAT " lifted\n", number_in(a, "count"));
    return done(a);
}
