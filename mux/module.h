/* module: the contract between the door and a protocol.
 *
 * Floor 2. A protocol is one `const struct module` and one word in modules/modules.h. All slots but name are
 * optional. Every slot runs on the worker that owns the connection; a module keeps its per-worker state with
 * worker_set_room(w, &its_module, state) in start and frees it in stop. */
#pragma once
#include "appliance/core/config.h"
#include "appliance/core/stats.h"
#include "appliance/core/worker.h"
#include "mux/flow.h"

struct conn;
struct ssl_st; /* OpenSSL's SSL */

enum sniff { SNIFF_NO, SNIFF_MORE, SNIFF_YES };

struct module {
    const char *name; /* "turn": also what `turn+udp://` in door.listen and the metrics say */
    /* ALPN ids it speaks (RFC 7301), NULL-terminated. A hint, never a condition. */
    const char *const *alpn;
    const struct settings *settings;
    const struct stat_table *stats;

    /* Are these first decrypted bytes mine? Pure: looks at the bytes only. MORE keeps the bytes and asks
     * again when there are more, until the first-bytes deadline or limit. */
    enum sniff (*sniff)(struct bytes first);

    /* Do the settings fit together? Before anything is started, on any thread; false with one line a problem
     * in `out`. */
    bool (*check)(const struct config *c, struct buf *out);

    /* Per worker, before and after it carries traffic. start: 0 or -errno, which is fatal at boot. */
    int (*start)(struct worker *w);
    void (*stop)(struct worker *w);
    /* w->config is the new one; the old one is still valid during the call. */
    void (*reload)(struct worker *w, const struct config *old);

    /* TLS begins, as the server, on a listener of yours (never on one that sniffs): ask for the client's
     * certificate, say; false: out of memory. And it came to nothing: why is in the SSL and in OpenSSL's
     * queue of errors. Neither `opened` nor `closed` is called for a connection that gets no further. */
    bool (*shakes)(struct conn *c, struct ssl_st *ssl);
    void (*shaken_off)(struct conn *c, struct ssl_st *ssl);

    /* A connection is yours (after sniffing, or at once on a listener of yours). c->state is free for you. */
    void (*opened)(struct conn *c);
    /* Decrypted bytes: eat whole frames, return how many bytes you ate; the door keeps the rest and gives it
     * again with what comes after. `in` is valid during the call only. After conn_close the result is
     * ignored. */
    size_t (*data)(struct conn *c, struct bytes in);
    /* The peer will send no more, in order (FIN, or close_notify of TLS 1.3), and still reads: its last bytes
     * have been given to `data`, and what that left is gone. From here on the connection ends with
     * conn_finish or conn_close. Without this slot, and on TLS 1.2, which has no such state (RFC 5246 7.2.1),
     * the door closes the connection instead. */
    void (*ended)(struct conn *c);
    /* The peer or the door closed it; called exactly once after opened. c is valid during the call. */
    void (*closed)(struct conn *c);
    /* What had made conn_send say -EAGAIN is gone from the out-batch. */
    void (*drained)(struct conn *c);

    /* A datagram on a UDP listener of yours. */
    void (*datagram)(struct udp_port *u, const struct addr *from, struct bytes in);
};

/* The modules in sniffing order, NULL-terminated: modules/modules.c. Boot hands the list to door_start, so
 * that the door names no protocol. */
