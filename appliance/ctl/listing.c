#include "appliance/ctl/listing.h"
#include "appliance/ctl/ask.h"
#include "appliance/ctl/commands.h"
#include <stdio.h>
#include <string.h>

static void print(const struct listing *l, const json_t *answer, const json_t *list)
{
    size_t i;
    json_t *one;
    if (l->head)
        l->head(answer);
    json_array_foreach(list, i, one) l->row(one);
    if (l->foot)
        l->foot(answer, list);
}

int listing_run(const struct listing *l, const char *socket, int argc, char **argv)
{
    char why[80];
    snprintf(why, sizeof(why), "%s takes --json or nothing", l->command);
    if (argc && (argc > 1 || strcmp(argv[0], "--json") != 0))
        return usage(why);
    json_t *a = ask_or_complain(socket, command(l->question));
    if (!a)
        return 1;
    const json_t *list = json_object_get(a, l->member);
    if (argc) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        print(l, a, list);
    }
    return done(a);
}

void listing_count(const json_t *answer, const json_t *list)
{
    json_int_t count = number_in(answer, "count");
    printf("%" JSON_INTEGER_FORMAT " in all%s\n", count,
           count > (json_int_t)json_array_size(list) ? ", the first of them shown" : "");
}
