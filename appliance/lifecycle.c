#include "appliance/lifecycle.h"
#include "appliance/boot.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int lifecycle_block_signals(struct lifecycle *l)
{
    sigemptyset(&l->signals);
    sigaddset(&l->signals, SIGTERM);
    sigaddset(&l->signals, SIGINT);
    sigaddset(&l->signals, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a full quota is an error of write(2), for the store to report */
    return -pthread_sigmask(SIG_BLOCK, &l->signals, NULL);
}

struct reload_letter {
    struct letter letter;
    struct roof *roof;
};

static void on_reload_letter(struct worker *w, struct letter *l)
{
    struct reload_letter *rl = container_of(l, struct reload_letter, letter);
    struct buf out;
    if (w->ended) {
        free(rl);
        return;
    }
    atomic_store(&rl->roof->reload_due, false); /* what comes from here on may mean a newer file */
    buf_init(&out);
    int rc = roof_reload(rl->roof, w, &out);
    log_lines(&w->log, rc ? LOG_ERROR : LOG_INFO, rc ? "reload.refused" : "reload.change", "text",
              buf_bytes(&out));
    buf_fini(&out);
    free(rl);
}

/* Signals that come faster than files are read are one. */
static void ask_for_reload(struct roof *r)
{
    if (atomic_exchange(&r->reload_due, true))
        return;
    struct reload_letter *rl = calloc(1, sizeof *rl);
    if (!rl) {
        atomic_store(&r->reload_due, false);
        log_error(&r->log, "reload.failed", F_ERRNO(ENOMEM));
        return;
    }
    rl->letter.open = on_reload_letter;
    rl->roof = r;
    worker_post(r->gw.workers[r->gw.n_workers], &rl->letter);
}

void lifecycle_run(struct lifecycle *l, struct roof *r)
{
    for (;;) {
        int sig = 0;
        if (sigwait(&l->signals, &sig))
            continue;
        if (sig == SIGHUP) {
            ask_for_reload(r);
            continue;
        }
        log_info(&r->log, "boot.stopping", F_STR("signal", sig == SIGTERM ? "TERM" : "INT"));
        return;
    }
}

void lifecycle_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof sun.sun_path)
        return;
    memcpy(sun.sun_path, path, strlen(path) + 1);
    if (path[0] == '@')
        sun.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sun, len);
    close(fd);
}
