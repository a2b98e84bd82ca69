/* Allocations that come and go: connect, TLS, Allocate with its 401, CreatePermission, Refresh, Refresh 0,
 * close; or connections that do, without what is between. */
#include "turn_load.h"
#include <pthread.h>
#include <stdlib.h>

#define INPUT 4096u

struct cycle {
    const struct options *options;
    bool handshake_only;
    pthread_t thread;
    uint64_t end;
    atomic_uint *done, *failed;
};

static int allocate_and_free(struct client *c, const struct options *o)
{
    const struct sockaddr_in peer = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int code;
    if ((code = client_allocate(c, o, TRANSPORT_OF_UDP)) || (code = client_permit(c, o, &peer)) ||
        (code = client_refresh(c, o, 600)))
        return code;
    return client_refresh(c, o, 0);
}

static int once(struct client *c, const struct cycle *y, SSL_CTX *context)
{
    int code = client_open(c, y->options, context, INPUT);
    if (code)
        return code;
    if (!y->handshake_only)
        code = allocate_and_free(c, y->options);
    client_close(c, true);
    return code;
}

static void *run(void *arg)
{
    struct cycle *y = arg;
    struct client c = {0};
    SSL_CTX *context = client_context(y->options);
    while (time_now() < y->end) {
        if (once(&c, y, context) == 0)
            (*y->done)++;
        else
            (*y->failed)++;
    }
    free(c.in);
    SSL_CTX_free(context);
    return NULL;
}

/* All threads work for so long like the one that is shown. */
static void run_all(struct cycle like, double seconds)
{
    const struct options *o = like.options;
    struct cycle *all = calloc(o->threads, sizeof *all);
    like.end = time_now() + time_seconds(seconds);
    if (!all)
        give_up("memory", 0);
    for (unsigned i = 0; i < o->threads; i++) {
        all[i] = like;
        if (pthread_create(&all[i].thread, NULL, run, &all[i]) != 0)
            give_up("thread", 0);
    }
    for (unsigned i = 0; i < o->threads; i++)
        pthread_join(all[i].thread, NULL);
    free(all);
}

static int measure(const struct options *o, bool handshake_only)
{
    atomic_uint done = 0, failed = 0;
    struct cycle like = {.options = o, .handshake_only = handshake_only, .done = &done, .failed = &failed};
    run_all(like, o->warmup);
    done = failed = 0;
    uint64_t began = time_now();
    struct cost before = cost_of(o->server_pid), own = cost_of(0);
    run_all(like, o->seconds);
    struct cost after = cost_of(o->server_pid), own_after = cost_of(0);
    double seconds = (double)(time_now() - began) / (double)SECOND;
    report_begin(handshake_only ? "handshake" : "cycle");
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

int run_cycle(const struct options *o)
{
    return measure(o, false);
}

int run_handshake(const struct options *o)
{
    return measure(o, true);
}
