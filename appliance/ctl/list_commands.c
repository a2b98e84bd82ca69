/* The commands that list what the running gateway has. */
#include "appliance/ctl/ask.h"
#include "appliance/ctl/commands.h"
#include "appliance/ctl/listing.h"
#include <stdio.h>

static double seconds_in(const json_t *o, const char *key)
{
    return (double)number_in(o, key) / 1000.0;
}

/* ---- connections */

static void head_connections(const json_t *a)
{
    (void)a;
    printf("%-6s %-44s %-5s %-10s %-8s %-28s %10s\n", "worker", "peer", "via", "protocol", "TLS", "cipher",
           "age");
}

static void print_connection(const json_t *c)
{
    printf("%-6d %-44s %-5s %-10s %-8s %-28s %9.1fs\n", (int)number_in(c, "worker"), text_in(c, "peer"),
           text_in(c, "transport"), text_in(c, "module")[0] ? text_in(c, "module") : "(silent)",
           text_in(c, "tls"), text_in(c, "cipher"), seconds_in(c, "age_ms"));
}

int ctl_connections(const char *socket, int argc, char **argv)
{
    static const struct listing l = {"connections",    "connections",    "connections",
                                     head_connections, print_connection, listing_count};
    return listing_run(&l, socket, argc, argv);
}

/* ---- registrations */

static void head_registrations(const json_t *a)
{
    (void)a;
    printf("%-40s %-6s %-44s %-5s %9s  %s\n", "address of record", "worker", "peer", "via", "expires",
           "reg-event");
}

static void print_registration(const json_t *r)
{
    printf("%-40s %-6d %-44s %-5s %8" JSON_INTEGER_FORMAT "s  %s\n", text_in(r, "aor"),
           (int)number_in(r, "worker"), text_in(r, "peer"), text_in(r, "transport"), number_in(r, "expires"),
           text_in(r, "reg_event"));
}

int ctl_registrations(const char *socket, int argc, char **argv)
{
    static const struct listing l = {"registrations",    "registrations",    "registrations",
                                     head_registrations, print_registration, listing_count};
    return listing_run(&l, socket, argc, argv);
}

/* ---- dialogs */

static void head_dialogs(const json_t *a)
{
    (void)a;
    printf("%-40s %-9s %-7s %-10s %-6s %-44s %10s  %s\n", "address of record", "kind", "side", "state",
           "worker", "peer", "since", "Call-ID");
}

static void print_dialog(const json_t *d)
{
    printf("%-40s %-9s %-7s %-10s %-6d %-44s %9.1fs  %s\n",
           text_in(d, "aor")[0] ? text_in(d, "aor") : "(not registered)", text_in(d, "kind"),
           text_in(d, "side"), text_in(d, "state"), (int)number_in(d, "worker"), text_in(d, "peer"),
           seconds_in(d, "age_ms"), text_in(d, "call_id"));
}

int ctl_dialogs(const char *socket, int argc, char **argv)
{
    static const struct listing l = {"dialogs",    "dialogs",    "dialogs",
                                     head_dialogs, print_dialog, listing_count};
    return listing_run(&l, socket, argc, argv);
}

/* ---- allocations */

static void head_allocations(const json_t *a)
{
    (void)a;
    printf("%-24s %-6s %-22s %-5s %-28s %9s %9s %12s %12s %s\n", "user", "worker", "relayed", "relay",
           "client", "age", "expires", "to peer", "to client", "no permission (to peer/to client)");
}

static void print_allocation(const json_t *r)
{
    const char *client = text_in(r, "client");
    printf("%-24s %-6d %-22s %-5s %-28s %8.0fs %8" JSON_INTEGER_FORMAT "s %12" JSON_INTEGER_FORMAT
           " %12" JSON_INTEGER_FORMAT " %8" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT "\n",
           text_in(r, "user"), (int)number_in(r, "worker"), text_in(r, "relayed"), text_in(r, "transport"),
           client[0] ? client : "(away)", seconds_in(r, "age_ms"), number_in(r, "expires"),
           number_in(r, "bytes_to_peer"), number_in(r, "bytes_to_client"),
           number_in(r, "to_peer_without_permission"), number_in(r, "to_client_without_permission"));
}

int ctl_allocations(const char *socket, int argc, char **argv)
{
    static const struct listing l = {"allocations",    "allocations",    "allocations",
                                     head_allocations, print_allocation, listing_count};
    return listing_run(&l, socket, argc, argv);
}

/* ---- the core's next hops, and who has connected from there */

static void head_core(const json_t *a)
{
    if (number_in(a, "count") == 0)
        puts("the core is the embedded home network, or none of its next hops is known yet");
    else
        printf("%-4s %-6s %-4s %-28s %-28s %-8s %10s %8s %9s %8s  %s\n", "hop", "worker", "via", "address",
               "name", "state", "since", "rtt", "requests", "failures", "last trouble");
}

static void print_hop(const json_t *h)
{
    if (json_is_true(json_object_get(h, "client")))
        return;
    double since = seconds_in(h, "since_ms");
    printf("%-4d %-6d %-4s %-28s %-28s %-8s %9.0fs %6" JSON_INTEGER_FORMAT "ms %9" JSON_INTEGER_FORMAT
           " %8" JSON_INTEGER_FORMAT "  %s\n",
           (int)number_in(h, "hop"), (int)number_in(h, "worker"), text_in(h, "transport"),
           text_in(h, "address"), text_in(h, "name"), text_in(h, "state"), since, number_in(h, "rtt_ms"),
           number_in(h, "requests"), number_in(h, "failures"), text_in(h, "last_error"));
}

static void print_client(const json_t *c)
{
    json_int_t hop = number_in(c, "hop");
    char reused[16] = "-";
    if (hop >= 0)
        snprintf(reused, sizeof(reused), "hop %d", (int)hop);
    printf("%-6d %-4s %-28s %-28s %-8s %9.0fs %8s  %s\n", (int)number_in(c, "worker"),
           text_in(c, "transport"), text_in(c, "address"), text_in(c, "name")[0] ? text_in(c, "name") : "-",
           text_in(c, "state"), seconds_in(c, "since_ms"), reused, text_in(c, "last_error"));
}

static void print_clients(const json_t *a, const json_t *hops)
{
    (void)a;
    size_t i, n = 0;
    json_t *c;
    json_array_foreach(hops, i, c)
    {
        if (!json_is_true(json_object_get(c, "client")))
            continue;
        if (n++ == 0)
            printf("\n%-6s %-4s %-28s %-28s %-8s %10s %8s  %s\n", "worker", "via", "opened by", "speaks for",
                   "known by", "since", "used for", "trouble");
        print_client(c);
    }
}

int ctl_core(const char *socket, int argc, char **argv)
{
    static const struct listing l = {"core", "core", "hops", head_core, print_hop, print_clients};
    return listing_run(&l, socket, argc, argv);
}
