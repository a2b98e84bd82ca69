/* Allocations that come and go: connect, TLS, Allocate with its 401, CreatePermission, Refresh, Refresh 0,
 * close. */
#include "turn_load.h"
#include <pthread.h>
#include <stdlib.h>

#define INPUT 4096u

struct cycle {
    const struct options *options;
    pthread_t thread;
    uint64_t end;
    atomic_uint *done, *failed;
};

static int once(struct client *c, const struct options *o, SSL_CTX *context)
{
    const struct sockaddr_in peer = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int code = client_open(c, o, context, INPUT);
    if (code)
        return code;
    if (!o->handshake_only && !(code = client_allocate(c, o, TRANSPORT_OF_UDP)) &&
        !(code = client_permit(c, o, &peer)) && !(code = client_refresh(c, o, 600)))
        code = client_refresh(c, o, 0);
    client_close(c, true);
    return code;
}

static void *run(void *arg)
{
    struct cycle *y = arg;
    struct client c = {0};
    SSL_CTX *context = client_context(y->options);
    while (time_now() < y->end) {
        if (once(&c, y->options, context) == 0)
            (*y->done)++;
        else
            (*y->failed)++;
    }
    free(c.in);
    SSL_CTX_free(context);
    return NULL;
}

static void run_all(const struct options *o, double seconds, atomic_uint *done, atomic_uint *failed)
{
    struct cycle *all = calloc(o->threads, sizeof *all);
    uint64_t end = time_now() + (uint64_t)(seconds * (double)SECOND);
    if (!all)
        give_up("memory", 0);
    for (unsigned i = 0; i < o->threads; i++) {
        all[i] = (struct cycle){.options = o, .end = end, .done = done, .failed = failed};
        if (pthread_create(&all[i].thread, NULL, run, &all[i]) != 0)
            give_up("thread", 0);
    }
    for (unsigned i = 0; i < o->threads; i++)
        pthread_join(all[i].thread, NULL);
    free(all);
}

int run_cycle(const struct options *o)
{
    atomic_uint done = 0, failed = 0;
    run_all(o, o->warmup, &done, &failed);
    done = failed = 0;
    uint64_t began = time_now();
    struct cost before = cost_of(o->server_pid), own = cost_of(0);
    run_all(o, o->seconds, &done, &failed);
    struct cost after = cost_of(o->server_pid), own_after = cost_of(0);
    double seconds = (double)(time_now() - began) / (double)SECOND;
    report_begin(o->handshake_only ? "handshake" : "cycle");
    report_number("seconds", seconds);
    report_number("cycles", done);
    report_number("failed", failed);
    report_number("cycles_per_second", done / seconds);
    report_number("server_cpu", cost_between(before, after));
    report_number("driver_cpu", cost_between(own, own_after));
    report_number("cost", done ? cost_between(before, after) * 1e3 / done : 0);
    report_end();
    return 0;
}
