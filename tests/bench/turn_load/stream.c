/* RFC 6062: one TCP connection through the relay, as much as it carries, up or down. */
#include "turn_load.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT         (64u * 1024)
#define PIECE         16384u
#define CONNECTION_ID 0x002Au

struct far_end {
    int fd;
    struct sockaddr_in address;
    pthread_t thread;
    enum direction direction;
    atomic_bool go, stop;
    _Atomic uint64_t received;
};

static void give(struct far_end *f, int fd, uint8_t *mem)
{
    while (!f->go)
        usleep(1000);
    while (!f->stop && send(fd, mem, INPUT, MSG_NOSIGNAL) > 0)
        ;
}

static void take(struct far_end *f, int fd, uint8_t *mem)
{
    ssize_t n;
    while ((n = recv(fd, mem, INPUT, 0)) > 0)
        f->received += (uint64_t)n;
}

static void *run(void *arg)
{
    struct far_end *f = arg;
    uint8_t *mem = calloc(1, INPUT);
    int fd = accept(f->fd, NULL, NULL);
    if (fd >= 0 && mem && f->direction == DOWN)
        give(f, fd, mem);
    else if (fd >= 0 && mem)
        take(f, fd, mem);
    if (fd >= 0)
        close(fd);
    free(mem);
    return NULL;
}

static void far_end_open(struct far_end *f, const struct options *o)
{
    socklen_t n = sizeof f->address;
    f->direction = o->direction;
    f->address = (struct sockaddr_in){.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)o->peer_port),
                                      .sin_addr = {htonl(INADDR_LOOPBACK)}};
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(f->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(f->fd, (struct sockaddr *)&f->address, sizeof f->address) < 0 || listen(f->fd, 8) < 0 ||
        getsockname(f->fd, (struct sockaddr *)&f->address, &n) < 0)
        give_up("the peer's port", -errno);
    if (pthread_create(&f->thread, NULL, run, f) != 0)
        give_up("thread", 0);
}

/* The control connection: an allocation and a connection through it, named by id. */
static int connect_far_end(struct client *c, const struct options *o, SSL_CTX *x, struct far_end *f,
                           uint8_t id[4])
{
    struct message m, answer;
    size_t n = 0;
    int code = client_open(c, o, x, INPUT);
    if (code || (code = client_allocate(c, o, TRANSPORT_OF_TCP)))
        return code;
    if ((code = client_permit(c, o, &f->address)))
        return code;
    message_begin(&m, CONNECT);
    message_put_peer(&m, &f->address);
    if ((code = client_ask(c, o, &m, &answer)))
        return code;
    const uint8_t *v = message_find(&answer, CONNECTION_ID, &n);
    if (v && n == 4)
        memcpy(id, v, 4);
    return v && n == 4 ? 0 : BROKEN;
}

/* The control connection's credentials, for a server may take a wrong first guess for an end (coturn does).
 */
static int bind_data(struct client *d, const struct options *o, SSL_CTX *x, const struct client *control,
                     const uint8_t id[4])
{
    struct message m, answer;
    int code = client_open(d, o, x, INPUT);
    client_trust(d, control);
    message_begin(&m, CONNECTION_BIND);
    message_put(&m, CONNECTION_ID, id, 4);
    return code ? code : client_ask(d, o, &m, &answer);
}

static uint64_t pump(struct client *d, const struct options *o, double seconds)
{
    uint64_t end = time_now() + (uint64_t)(seconds * (double)SECOND), moved = 0;
    while (time_now() < end) {
        ssize_t n = o->direction == DOWN ? client_read(d, d->in, d->in_cap) : client_write(d, d->in, PIECE);
        if (n <= 0)
            give_up("the data connection ended", BROKEN);
        moved += (uint64_t)n;
    }
    return moved;
}

static void measure(const struct options *o, struct client *d, struct far_end *f)
{
    f->go = true;
    pump(d, o, o->warmup);
    uint64_t began = time_now(), taken = f->received;
    struct cost before = cost_of(o->server_pid), own = cost_of(0);
    uint64_t moved = pump(d, o, o->seconds);
    struct cost after = cost_of(o->server_pid), own_after = cost_of(0);
    if (o->direction != DOWN)
        moved = f->received - taken;
    double seconds = (double)(time_now() - began) / (double)SECOND, giga = (double)moved / 1e9;
    report_number("supported", 1);
    report_number("seconds", seconds);
    report_number("megabytes_per_second", giga * 1e3 / seconds);
    report_number("server_cpu", cost_between(before, after));
    report_number("driver_cpu", cost_between(own, own_after));
    report_number("cost", giga > 0 ? cost_between(before, after) / giga : 0);
}

int run_stream(const struct options *o)
{
    struct far_end f = {0};
    struct client control = {0}, data = {0};
    uint8_t id[4];
    SSL_CTX *context = client_context(o);
    far_end_open(&f, o);
    int code = connect_far_end(&control, o, context, &f, id);
    bool refused = code > 0;
    if (!code)
        code = bind_data(&data, o, context, &control, id);
    if (code && !refused)
        give_up("setting up a stream", code);
    report_begin("stream");
    if (refused) {
        report_number("supported", 0);
        report_number("error", code);
    } else {
        measure(o, &data, &f);
    }
    report_end();
    exit(0); /* what still blocks in a thread ends with the process */
}
