/* door: the listeners of one worker and the connections that came through them.
 *
 * Floor 2. Settings: section `door` (listeners, caps, deadlines, PROXY) and `tls` (certificates, versions).
 * door.listen is a list of [module+]transport://address:port, e.g.
 *     "tls://\*:443"             sniffed: SIP, TURN, HTTP
 *     "sip+udp://\*:5060" "sip+tcp://\*:5060" "sip+tls://\*:5061"
 *     "turn+udp://\*:3478" "turn+tcp://\*:3478" "turn+tls://\*:5349"
 * `*` is IPv4 and IPv6. A listener that was asked for and cannot start is fatal. */
#pragma once
#include "mux/module.h"

extern const struct settings door_settings;
extern const struct settings tls_settings;
extern const struct stat_table door_stats;

struct door;

/* Opens this worker's share of every listener (SO_REUSEPORT) and its SSL_CTX, and starts the modules;
 * `modules` is NULL-terminated, in sniffing order, and outlives the door. 0 or -errno, with a log line that
 * names the listener or the file and says what to do. On the management worker: no listener, modules are not
 * started. */
int door_start(struct worker *w, const struct module *const *modules);
/* Stops accepting, closes every connection (CLOSE_SHUTDOWN, flushed), stops the modules. */
void door_stop(struct worker *w);
/* Takes over w->config: new certificates for new handshakes (standing connections keep theirs), new caps.
 * Returns 0 or -errno (bad certificate: the old one stays in use, and the log says why). */
int door_reload(struct worker *w, const struct config *old);
/* Takes the keys of session tickets from w->keyring anew, after a rotation. */
void door_ticket_keys(struct worker *w);
/* Stops accepting new connections, standing ones go on. */
void door_drain(struct worker *w);

/* Boot's check before any worker starts, and `config check`: do the certificates and keys load and match, are
 * the listeners well-formed and the modules known? Problems as text lines into `out`; 0 or -EINVAL. */
int door_check(const struct config *c, const struct module *const *modules, struct buf *out);

/* Closes this worker's connections from that address (an IPv6 /64 is one). How many. */
unsigned door_close_address(struct worker *w, const struct addr *from);

/* Connections of this worker, for the operator's list. */
void door_each(struct worker *w, void (*each)(struct conn *c, void *arg), void *arg);
