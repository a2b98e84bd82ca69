/* Allocations that stand idle: what memory each takes, whether it grows, what CPU their timers take. */
#include "turn_load.h"
#include <stdlib.h>
#include <sys/resource.h>

#define INPUT 1600u

static void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void hold_one(struct client *c, const struct options *o, SSL_CTX *context)
{
    const struct sockaddr_in peer = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int code = client_open(c, o, context, INPUT);
    if (code == 0)
        code = client_allocate(c, o, TRANSPORT_OF_UDP);
    if (code == 0)
        code = client_permit(c, o, &peer);
    if (code)
        give_up("holding an allocation", code);
    free(c->in);
    c->in = NULL;
    c->in_cap = 0;
}

int run_hold(const struct options *o)
{
    SSL_CTX *context = client_context(o);
    struct client *all = calloc(o->clients, sizeof *all);
    if (!all)
        give_up("memory", 0);
    allow_descriptors();
    long before = memory_of(o->server_pid);
    for (unsigned i = 0; i < o->clients; i++)
        hold_one(&all[i], o, context);
    time_sleep_until(time_now() + SECOND / 2);
    long held = memory_of(o->server_pid);
    struct cost idle = cost_of(o->server_pid);
    time_sleep_until(time_now() + (uint64_t)(o->seconds * (double)SECOND));
    struct cost idle_after = cost_of(o->server_pid);
    long later = memory_of(o->server_pid);
    report_begin("hold");
    report_number("allocations", o->clients);
    report_number("kib_before", (double)before);
    report_number("kib_held", (double)held);
    report_number("kib_later", (double)later);
    report_number("cost", (double)(later - before) / o->clients);
    report_number("idle_seconds", o->seconds);
    report_number("idle_cpu", cost_between(idle, idle_after));
    report_end();
    for (unsigned i = 0; i < o->clients; i++)
        client_close(&all[i], false);
    SSL_CTX_free(context);
    free(all);
    return 0;
}
