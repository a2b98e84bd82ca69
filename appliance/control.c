#include "appliance/control.h"
#include "appliance/boot.h"
#include "appliance/control_commands.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONTROL_CLIENTS_MAX 16
#define CONTROL_LINE_MAX    (64 * 1024)
#define CONTROL_DEADLINE    10000 /* ms for a question to come and its answer to be read */
#define CONTROL_PAUSE       500   /* ms between two tries where the process is out of descriptors */

struct control {
    struct worker *w;
    struct roof *roof;
    int fd;
    ev_io io;
    struct timer accept_again; /* armed while accepting pauses */
    struct list clients;
    unsigned n_clients;
};

struct control_client {
    struct list link;
    struct control *control;
    int fd;
    ev_io io;
    struct timer deadline;
    struct buf in, out;
    bool asked;    /* the question was read; no further one on this connection */
    bool answered; /* `out` is whole */
    bool pending;  /* other workers are being asked: the answer comes in a later turn */
};

static bool in_use(const struct sockaddr_un *sun)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)sun, sizeof *sun) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

static int bind_socket(int fd, const struct sockaddr_un *sun)
{
    if (in_use(sun))
        return -EADDRINUSE;
    unlink(sun->sun_path); /* left by a gateway that was killed */
    mode_t old = umask(0177);
    int rc = bind(fd, (const struct sockaddr *)sun, sizeof *sun) ? -errno : 0;
    umask(old);
    return rc ? rc : listen(fd, CONTROL_CLIENTS_MAX) ? -errno : 0;
}

static void make_folder(const char *socket_path)
{
    char dir[sizeof((struct sockaddr_un *)NULL)->sun_path];
    const char *slash = strrchr(socket_path, '/');
    if (!slash || slash == socket_path || (size_t)(slash - socket_path) >= sizeof dir)
        return;
    memcpy(dir, socket_path, (size_t)(slash - socket_path));
    dir[slash - socket_path] = '\0';
    (void)mkdir(dir, 0755); /* bind names what is wrong */
}

int control_listen(const char *path, struct log *log)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof sun.sun_path) {
        log_error(log, "control.path_too_long", F_STR("path", path),
                  F_UINT("limit", sizeof sun.sun_path - 1));
        return -ENAMETOOLONG;
    }
    memcpy(sun.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    make_folder(path);
    int rc = bind_socket(fd, &sun);
    if (rc) {
        log_error(log, "control.cannot_listen", F_STR("path", path), F_ERRNO(rc),
                  F_STR("remedy", rc == -EADDRINUSE
                                      ? "another gateway answers there: stop it, or set control.socket"
                                      : "make the folder writable, or set control.socket"));
        close(fd);
        return rc;
    }
    return fd;
}

static void end_client(struct control_client *cc)
{
    struct worker *w = cc->control->w;
    ev_io_stop(w->loop, &cc->io);
    timer_stop(&w->timers, &cc->deadline);
    list_remove(&cc->link);
    cc->control->n_clients--;
    close(cc->fd);
    buf_fini(&cc->in);
    buf_fini(&cc->out);
    free(cc);
}

static void on_deadline(struct worker *w, struct timer *t)
{
    struct control_client *cc = container_of(t, struct control_client, deadline);
    if (cc->pending) /* whoever holds it answers soon: every worker turns */
        timer_set(&w->timers, t, w->now + CONTROL_DEADLINE);
    else
        end_client(cc);
}

static void watch(struct control_client *cc, int events)
{
    ev_io_stop(cc->control->w->loop, &cc->io);
    ev_io_set(&cc->io, cc->fd, events);
    ev_io_start(cc->control->w->loop, &cc->io);
}

/* Writes what the socket takes; the client goes when all is written. */
static void write_answer(struct control_client *cc)
{
    while (buf_len(&cc->out)) {
        struct bytes b = buf_bytes(&cc->out);
        ssize_t n = send(cc->fd, b.p, b.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch(cc, EV_WRITE);
            return;
        }
        if (n <= 0)
            break;
        buf_consume(&cc->out, (size_t)n);
    }
    end_client(cc);
}

void control_answer(struct control_client *cc, json_t *answer)
{
    char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    json_decref(answer);
    if (!text || !buf_str(&cc->out, text) || !buf_str(&cc->out, "\n")) {
        buf_clear(&cc->out);
        buf_str(&cc->out, "{\"ok\":false,\"error\":\"out of memory\"}\n");
    }
    free(text);
    cc->answered = true;
    cc->pending = false;
    /* The loop writes it: a command may answer at once or in a later turn, and nobody frees inside a
     * callback. */
    watch(cc, EV_WRITE);
}

void control_pend(struct control_client *cc)
{
    cc->pending = true;
}
struct worker *control_worker(const struct control_client *cc)
{
    return cc->control->w;
}
struct roof *control_roof(const struct control_client *cc)
{
    return cc->control->roof;
}

static void ask(struct control_client *cc, struct bytes line)
{
    cc->asked = true;
    json_error_t err;
    json_t *q = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, &err);
    ev_io_stop(cc->control->w->loop, &cc->io);
    if (!json_is_object(q))
        control_answer(cc, json_pack("{s:b,s:s}", "ok", 0, "error", "the question is not a JSON object"));
    else
        control_command(cc, q);
    json_decref(q);
}

static void read_question(struct control_client *cc)
{
    uint8_t *room = buf_reserve(&cc->in, 4096);
    ssize_t n = room ? recv(cc->fd, room, 4096, 0) : -1;
    if (n < 0 && errno == EAGAIN && room)
        return;
    if (n <= 0 || buf_len(&cc->in) + (size_t)n > CONTROL_LINE_MAX) {
        end_client(cc);
        return;
    }
    buf_commit(&cc->in, (size_t)n);
    struct bytes in = buf_bytes(&cc->in);
    size_t end = bytes_find_byte(in, '\n');
    if (end != BYTES_NOT_FOUND)
        ask(cc, bytes_first(in, end));
}

static void on_client(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    struct control_client *cc = io->data;
    if (cc->answered)
        write_answer(cc);
    else
        read_question(cc);
}

static bool peer_is_allowed(int fd)
{
    struct ucred cred;
    socklen_t len = sizeof cred;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
           (cred.uid == 0 || cred.uid == geteuid());
}

static void add_client(struct control *c, int fd)
{
    struct control_client *cc = calloc(1, sizeof *cc);
    if (!cc) {
        close(fd);
        return;
    }
    cc->control = c;
    cc->fd = fd;
    buf_init(&cc->in);
    buf_init(&cc->out);
    list_push_back(&c->clients, &cc->link);
    c->n_clients++;
    cc->deadline.fire = on_deadline;
    timer_set(&c->w->timers, &cc->deadline, c->w->now + CONTROL_DEADLINE);
    ev_io_init(&cc->io, on_client, fd, EV_READ);
    cc->io.data = cc;
    ev_io_start(c->w->loop, &cc->io);
}

static void on_accept_again(struct worker *w, struct timer *t)
{
    ev_io_start(w->loop, &container_of(t, struct control, accept_again)->io);
}

/* Out of descriptors: who waits stays in the queue, and the loop would be told of him without end. */
static void pause_accepting(struct control *c, int error)
{
    log_warn(&c->w->log, "control.cannot_accept", F_ERRNO(error));
    ev_io_stop(c->w->loop, &c->io);
    timer_set(&c->w->timers, &c->accept_again, c->w->now + CONTROL_PAUSE);
}

static void on_accept(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    struct control *c = io->data;
    int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
            pause_accepting(c, errno);
        return;
    }
    if (!peer_is_allowed(fd) || c->n_clients >= CONTROL_CLIENTS_MAX) {
        log_warn(&c->w->log, "control.refused", F_UINT("clients", c->n_clients));
        close(fd);
        return;
    }
    add_client(c, fd);
}

struct control *control_create(struct worker *w, struct roof *r, int listen_fd)
{
    struct control *c = calloc(1, sizeof *c);
    if (!c) {
        close(listen_fd);
        return NULL;
    }
    c->w = w;
    c->roof = r;
    c->fd = listen_fd;
    list_init(&c->clients);
    c->accept_again.fire = on_accept_again;
    ev_io_init(&c->io, on_accept, listen_fd, EV_READ);
    c->io.data = c;
    ev_io_start(w->loop, &c->io);
    return c;
}

void control_destroy(struct control *c)
{
    if (!c)
        return;
    timer_stop(&c->w->timers, &c->accept_again);
    ev_io_stop(c->w->loop, &c->io);
    close(c->fd);
    list_each_safe (it, &c->clients)
        end_client(container_of(it, struct control_client, link));
    free(c);
}
