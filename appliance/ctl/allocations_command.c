#include "appliance/ctl/ask.h"
#include "appliance/ctl/commands.h"
#include <stdio.h>

static void print_one(const json_t *r)
{
    const char *client = text_in(r, "client");
    printf("%-24s %-6d %-22s %-5s %-28s %8.0fs %8" JSON_INTEGER_FORMAT "s %12" JSON_INTEGER_FORMAT
           " %12" JSON_INTEGER_FORMAT " %8" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT "\n",
           text_in(r, "user"), (int)number_in(r, "worker"), text_in(r, "relayed"), text_in(r, "transport"),
           client[0] ? client : "(away)", (double)number_in(r, "age_ms") / 1000.0, number_in(r, "expires"),
           number_in(r, "bytes_to_peer"), number_in(r, "bytes_to_client"),
           number_in(r, "to_peer_without_permission"), number_in(r, "to_client_without_permission"));
}

int ctl_allocations(const char *socket, int argc, char **argv)
{
    size_t i;
    json_t *r;
    int code;
    if (argc && !wants_json(argc, argv))
        return usage("allocations takes --json or nothing");
    json_t *a = ask_list(socket, "allocations", "allocations", argc, &code);
    if (!a)
        return code;
    json_t *list = json_object_get(a, "allocations");
    printf("%-24s %-6s %-22s %-5s %-28s %9s %9s %12s %12s %s\n", "user", "worker", "relayed", "relay",
           "client", "age", "expires", "to peer", "to client", "no permission (to peer/to client)");
    json_array_foreach(list, i, r)
    {
        print_one(r);
    }
    print_count(a, list);
    return done(a);
}
