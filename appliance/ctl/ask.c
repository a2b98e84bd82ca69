#include "appliance/ctl/ask.h"
#include "appliance/base/buf.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (64u * 1024 * 1024)

static int reach(const char *path)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof sun.sun_path) {
        fprintf(stderr, "sallyportctl: socket path too long: %s\n", path);
        return -1;
    }
    memcpy(sun.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof sun) == 0) {
        struct timeval limit = {.tv_sec = 15};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        return fd;
    }
    int err = errno;
    fprintf(stderr, "sallyportctl: cannot reach the gateway at %s: %s\n", path, strerror(err));
    if (err == ENOENT || err == ECONNREFUSED)
        fputs("Is sallyportd running? Its socket is control.socket in its configuration; name it with -s.\n",
              stderr);
    else if (err == EACCES)
        fputs("Only root and the gateway's own user may ask: try with sudo.\n", stderr);
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool send_all(int fd, const char *text, size_t n)
{
    while (n) {
        ssize_t done = send(fd, text, n, MSG_NOSIGNAL);
        if (done <= 0)
            return false;
        text += done;
        n -= (size_t)done;
    }
    return true;
}

static bool receive_all(int fd, struct buf *in)
{
    for (;;) {
        uint8_t *room = buf_reserve(in, 65536);
        ssize_t n = room ? recv(fd, room, 65536, 0) : -1;
        if (n <= 0)
            return n == 0 && buf_len(in);
        buf_commit(in, (size_t)n);
        if (buf_len(in) > ANSWER_MAX)
            return false;
    }
}

json_t *ask(const char *socket_path, json_t *q)
{
    char *text = q ? json_dumps(q, JSON_COMPACT) : NULL;
    json_decref(q);
    int fd = text ? reach(socket_path) : -1;
    json_t *answer = NULL;
    if (fd >= 0) {
        struct buf in;
        buf_init(&in);
        if (send_all(fd, text, strlen(text)) && send_all(fd, "\n", 1) && receive_all(fd, &in))
            answer = json_loadb((const char *)buf_bytes(&in).p, buf_len(&in), 0, NULL);
        buf_fini(&in);
        close(fd);
        if (!answer)
            fputs("sallyportctl: the gateway gave no answer; its log says more\n", stderr);
    }
    free(text); /* it may hold a password, and the process ends */
    return answer;
}

const char *text_in(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

json_int_t number_in(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

/* "address 192.0.2.300 is no IP address": what was wrong, and what it was, unless it is secret or long. */
static void complain(const json_t *a, const json_t *q)
{
    const char *field = text_in(a, "field"), *given = text_in(q, field);
    bool quiet = strcmp(field, "password") == 0 || strlen(given) > 100;
    fprintf(stderr, "sallyportctl: %s%s%s%s%s\n%s", field, quiet || !given[0] ? "" : " ", quiet ? "" : given,
            field[0] ? ": " : "", text_in(a, "error"), text_in(a, "text"));
}

/* The answer when it is good, else NULL after saying what the gateway said. */
json_t *ask_or_complain(const char *socket, json_t *q)
{
    json_t *a = ask(socket, json_incref(q));
    bool good = json_is_true(json_object_get(a, "ok"));
    if (a && !good)
        complain(a, q);
    json_decref(q);
    if (good)
        return a;
    json_decref(a);
    return NULL;
}

int done(json_t *answer)
{
    json_decref(answer);
    return answer ? 0 : 1;
}

json_t *command(const char *name)
{
    return json_pack("{s:s}", "command", name);
}
