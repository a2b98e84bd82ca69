/* A storm of new clients beside calls that stand: what it does to the delay of the calls.
 *
 * The new clients run in threads that give way to everything else (SCHED_IDLE), so that what the calls' delay
 * shows is the server's doing as far as possible; pin the driver to another core than the server. */
#include "turn_load.h"
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define INPUT 1600u

struct storm {
    const struct options *options;
    uint64_t began;
    atomic_uint next, done, failed;
    atomic_bool stop;
    pthread_mutex_t lock;
    struct delays handshakes;
};

static void shake(struct storm *s, SSL_CTX *context, struct delays *d)
{
    struct client c = {0};
    uint64_t from = time_now();
    if (client_open(&c, s->options, context, INPUT) == 0) {
        delays_add(d, time_now() - from);
        client_close(&c, true);
        s->done++;
    } else {
        s->failed++;
    }
    free(c.in);
}

/* Each handshake has its moment, whoever of the threads is free takes it: an open loop, up to the threads. */
static void *run(void *arg)
{
    struct storm *s = arg;
    struct delays *d = calloc(1, sizeof *d);
    SSL_CTX *context = client_context(s->options);
    pthread_setschedparam(pthread_self(), SCHED_IDLE, &(struct sched_param){0});
    while (d && !s->stop) {
        time_sleep_until(s->began + s->next++ * (SECOND / s->options->rate));
        shake(s, context, d);
    }
    pthread_mutex_lock(&s->lock);
    if (d)
        delays_merge(&s->handshakes, d);
    pthread_mutex_unlock(&s->lock);
    free(d);
    SSL_CTX_free(context);
    return NULL;
}

static void storm_over(struct storm *s, struct relay *r, double seconds)
{
    unsigned n = s->options->threads;
    pthread_t *threads = calloc(n, sizeof *threads);
    if (!threads)
        give_up("memory", 0);
    s->began = time_now();
    for (unsigned i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, run, s) != 0)
            give_up("thread", 0);
    relay_run(r, seconds);
    s->stop = true;
    for (unsigned i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    free(threads);
}

int run_storm(const struct options *o)
{
    struct storm s = {.options = o, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct relay *r = relay_create(o);
    struct delays *quiet = calloc(1, sizeof *quiet);
    if (!quiet)
        give_up("memory", 0);
    relay_start(r);
    relay_run(r, o->warmup);
    relay_mark(r);
    struct cost before = cost_of(o->server_pid);
    relay_run(r, o->seconds);
    struct cost between = cost_of(o->server_pid);
    memcpy(quiet, relay_delays(r), sizeof *quiet);
    relay_mark(r);
    uint64_t began = time_now();
    storm_over(&s, r, o->seconds);
    double seconds = (double)(time_now() - began) / (double)SECOND;
    struct cost after = cost_of(o->server_pid);
    relay_stop(r);
    report_begin("storm");
    report_number("seconds", seconds);
    report_number("handshakes", s.done);
    report_number("handshakes_failed", s.failed);
    report_number("handshakes_per_second", s.done / seconds);
    report_number("server_cpu_quiet", cost_between(before, between));
    report_number("server_cpu_storm", cost_between(between, after));
    report_number("cost",
                  delays_us(quiet, 0.99) > 0 ? delays_us(relay_delays(r), 0.99) / delays_us(quiet, 0.99) : 0);
    relay_report_loss(r);
    report_delays("quiet", quiet);
    report_delays("rtt", relay_delays(r));
    report_delays("handshake", &s.handshakes);
    report_end();
    relay_destroy(r);
    free(quiet);
    return 0;
}
