/* lifecycle: the signals of a running gateway. Main thread, floor 4.
 *
 * SIGTERM, SIGINT: end. SIGHUP: reload, carried out by the management worker. */
#pragma once
#include <signal.h>

struct roof;

struct lifecycle {
    sigset_t signals;
};

/* Blocks what lifecycle_run waits for, in this thread and all that it makes; ignores SIGPIPE. 0 or -errno. */
int lifecycle_block_signals(struct lifecycle *l);
/* Returns when the gateway is to end. */
void lifecycle_run(struct lifecycle *l, struct roof *r);
/* sd_notify(3) without its library: a datagram to $NOTIFY_SOCKET, nothing when that is unset. */
void lifecycle_notify(const char *state);
