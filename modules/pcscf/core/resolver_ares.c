/* c-ares asks and retries; the worker's loop says when a socket or a deadline is due. */
#include "appliance/core/config.h"
#include "appliance/core/worker.h"
#include "modules/pcscf/core/resolver.h"
#include <errno.h>
#include <stdlib.h>
#define CARES_NO_DEPRECATED /* Debian 12 has only what newer versions would like to see replaced */
#include <ares.h>

#define TIMEOUT     1500 /* ms, of a first try; c-ares doubles it */
#define TRIES       2    /* of each server */
#define SOCKETS_MAX 16   /* one a server, UDP or TCP */
#define ASKED_MAX   64   /* questions on their way */

struct asked {
    struct resolver_ares *r;
    struct dns_question *q; /* NULL: dropped */
    enum dns_type type;
    bool asking; /* still within `ask` */
    bool over;   /* it ended there */
};

struct watched {
    ev_io io;
    struct resolver_ares *r;
    bool used;
};

struct resolver_ares {
    struct resolver pub;
    struct worker *w;
    ares_channel channel;
    struct timer timer;
    struct watched sockets[SOCKETS_MAX];
    unsigned n_asked;
};

static struct resolver_ares *of(struct resolver *r)
{
    return container_of(r, struct resolver_ares, pub);
}

/* ---- the loop ---- */

static void arm(struct resolver_ares *r)
{
    struct timeval tv;
    if (!ares_timeout(r->channel, NULL, &tv)) {
        timer_stop(&r->w->timers, &r->timer);
        return;
    }
    timer_set(&r->w->timers, &r->timer,
              r->w->now + (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000 + 1);
}

static void on_time(struct worker *w, struct timer *t)
{
    struct resolver_ares *r = container_of(t, struct resolver_ares, timer);
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm(r);
}

static void on_socket(struct ev_loop *loop, ev_io *io, int events)
{
    struct watched *s = io->data;
    struct resolver_ares *r = s->r;
    int fd = io->fd;
    ares_process_fd(r->channel, events & EV_READ ? fd : ARES_SOCKET_BAD,
                    events & EV_WRITE ? fd : ARES_SOCKET_BAD);
    arm(r);
}

static struct watched *find_socket(struct resolver_ares *r, int fd)
{
    struct watched *free_one = NULL;
    for (unsigned i = 0; i < SOCKETS_MAX; i++) {
        struct watched *s = &r->sockets[i];
        if (s->used && s->io.fd == fd)
            return s;
        if (!s->used)
            free_one = s;
    }
    return free_one;
}

/* Without a place a socket goes unwatched, and what is asked on it runs into its timeout. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver_ares *r = arg;
    struct watched *s = find_socket(r, fd);
    if (!s)
        return;
    if (s->used)
        ev_io_stop(r->w->loop, &s->io);
    s->used = readable || writable;
    if (!s->used)
        return;
    ev_io_init(&s->io, on_socket, fd, (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
    s->io.data = s;
    s->r = r;
    ev_io_start(r->w->loop, &s->io);
}

/* ---- questions ---- */

static void read_answer(const struct asked *a, int status, const uint8_t *message, int n,
                        struct dns_answer *out)
{
    if (message && n > 0) {
        dns_answer_parse(bytes_of(message, (size_t)n), a->type, out);
        return;
    }
    *out = (struct dns_answer){.verdict = DNS_FAILED};
    out->why = status == ARES_ETIMEOUT ? "no DNS server answered" : ares_strerror(status);
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *message, int n)
{
    struct asked *a = arg;
    struct dns_question *q = a->q;
    struct dns_answer answer;
    a->over = true;
    a->r->n_asked--;
    if (a->asking)
        return;
    if (q) {
        read_answer(a, status, message, n, &answer);
        q->asked = NULL;
    }
    free(a);
    if (q)
        q->answered(q, &answer);
}

static int ask(struct resolver *pub, const char *name, enum dns_type type, struct dns_question *q)
{
    struct resolver_ares *r = of(pub);
    if (r->n_asked >= ASKED_MAX)
        return -EAGAIN;
    struct asked *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    *a = (struct asked){.r = r, .q = q, .type = type, .asking = true};
    r->n_asked++;
    ares_query(r->channel, name, 1 /* IN */, (int)type, on_answer, a);
    a->asking = false;
    if (a->over) { /* a name that is none, or no memory */
        free(a);
        return -EINVAL;
    }
    q->asked = a;
    arm(r);
    return 0;
}

static void drop(struct resolver *pub, struct dns_question *q)
{
    struct asked *a = q->asked;
    (void)pub;
    if (a)
        a->q = NULL;
    q->asked = NULL;
}

/* ---- life ---- */

static void destroy(struct resolver *pub)
{
    struct resolver_ares *r = of(pub);
    if (r->channel)
        ares_destroy(r->channel); /* answers what is on its way, and lets go of its sockets */
    timer_stop(&r->w->timers, &r->timer);
    free(r);
}

static int use_servers(struct resolver_ares *r, const struct string_list *servers)
{
    struct buf csv;
    buf_init(&csv);
    for (size_t i = 0; i < servers->n; i++) {
        struct addr a;
        char text[ADDR_TEXT];
        if (!addr_parse(bytes_str(servers->items[i]), 53, &a))
            continue; /* the setting's check has refused it */
        addr_format(&a, text);
        buf_printf(&csv, "%s%s", buf_len(&csv) ? "," : "", text);
    }
    buf_append(&csv, bytes_of("", 1));
    int rc = csv.failed ? ARES_ENOMEM : ares_set_servers_ports_csv(r->channel, (const char *)csv.mem);
    buf_fini(&csv);
    return rc;
}

struct resolver *resolver_ares_create(struct worker *w, const struct string_list *servers, const char **why)
{
    struct resolver_ares *r = calloc(1, sizeof(*r));
    struct ares_options o = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
                             .timeout = TIMEOUT,
                             .tries = TRIES,
                             .ednspsz = 1232,
                             .sock_state_cb = on_socket_state,
                             .sock_state_cb_data = r};
    *why = "out of memory";
    if (!r)
        return NULL;
    r->w = w;
    r->timer.fire = on_time;
    r->pub = (struct resolver){.ask = ask, .drop = drop, .destroy = destroy};
    int rc = ares_init_options(&r->channel, &o,
                               ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
                                   ARES_OPT_SOCK_STATE_CB);
    if (rc == ARES_SUCCESS && servers->n)
        rc = use_servers(r, servers);
    if (rc == ARES_SUCCESS)
        return &r->pub;
    *why = ares_strerror(rc);
    destroy(&r->pub);
    return NULL;
}
