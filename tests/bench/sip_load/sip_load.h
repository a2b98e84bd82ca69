/* sip_load: puts the load of many phones on any SIP edge (RFC 3261 over TLS, RFC 5626) and says what it cost
 * it.
 *
 * It knows an address, a realm, numbered users with one password and, for the cost, a process id; nothing of
 * what runs behind them, and it shares no code with the gateway. A phone is one TLS connection; all of them
 * are driven by one thread with epoll. A workload (struct job) says what a phone does next when something has
 * come to an end; whatever does not end well is counted as failed. */
#pragma once
#include "measure.h"
#include "tls.h"
#include <netinet/in.h>
#include <stdio.h>

#define TEXT_MAX 8192u /* of a message */
#define USER_MAX 64u
#define SPAN(s)  (int)(s).n, (s).p

struct options {
    struct sockaddr_in server;
    const char *realm, *user, *password; /* users are USER00000, USER00001, ... */
    const char *route;                   /* in front of the Service-Route; NULL: none */
    int server_pid;                      /* 0: costs are not known */
    enum tls_version tls;                /* the newest to offer */
    bool resume;                         /* cycle: come back with a ticket */
    unsigned phones, flight, rate, base; /* base: number of the first user */
    double seconds, warmup;
};

/* --- message.c: texts that are sent and read --- */

struct span {
    const char *p; /* NULL: there is none */
    size_t n;
};

struct message { /* one that came, whole */
    const char *text;
    size_t head, n; /* up to and with the empty line; with the body */
    int status;     /* 0: a request */
};

struct text { /* one that is to be sent */
    char mem[TEXT_MAX];
    size_t n;
};

/* The size of the message at the front, 0 when it is not whole, SIZE_MAX when it never will be. */
size_t message_read(const char *in, size_t n, struct message *m);
struct span message_header(const struct message *m, const char *name, unsigned which);
struct span span_within(struct span s, const char *before, const char *after); /* what stands between both */
bool span_is(struct span s, const char *text);                                 /* case does not count */
bool message_is(const struct message *m, const char *method); /* a request, or the answer to one */
__attribute__((format(printf, 2, 3))) void text_add(struct text *t, const char *format, ...);
/* The value of Authorization for a challenge (RFC 7616; MD5 or SHA-256, qop auth). False: it is none. */
bool digest_answer(struct span challenge, const struct options *o, const char *user, struct text *to);

/* --- phone.c: connections --- */

enum link { LINK_CLOSED, LINK_CONNECTING, LINK_SHAKING, LINK_UP };

struct bytes_kept {
    char *mem;
    size_t n, cap;
};

enum deed { IDLE, OPENING, REGISTERING, INVITING, ENDING, WRITING, PINGING };

struct phone {
    struct swarm *swarm;
    unsigned id;    /* the user's number */
    unsigned index; /* in the swarm */
    enum link link;
    int fd;
    SSL *ssl;
    SSL_SESSION *session;
    uint16_t port;
    bool waits_to_write;
    struct bytes_kept in, out;
    enum deed deed;            /* what is under way */
    uint64_t since;            /* it began then */
    bool registered, answered; /* answered: the challenge */
    unsigned cseq, calls;
    char service_route[256]; /* RFC 3608 */
    char call_id[USER_MAX];
    struct dialog { /* of the call it made */
        char route[4096], remote[512], to[256];
    } dialog;
};

/* What happens to phones; each slot may be NULL, and in each of them the phone may be used, closed and
 * opened. */
struct job {
    void (*up)(struct phone *p);
    void (*closed)(struct phone *p); /* not by us; counted as failed already */
    void (*ended)(struct phone *p, enum deed deed, int status);
};

struct swarm {
    const struct options *options;
    const struct job *job;
    void *arg; /* the job's */
    SSL_CTX *context;
    int epoll;
    struct phone *phones;
    unsigned n;
    uint64_t swept;
    bool stopping; /* what ends is not begun anew */
    uint64_t requests, done, failed;
    unsigned up, busy;
    struct delays delays;
};

void swarm_open(struct swarm *s, const struct options *o, const struct job *job, unsigned phones);
void swarm_close(struct swarm *s);
void swarm_turn(struct swarm *s, uint64_t until); /* waits for something, or until then */
void swarm_run(struct swarm *s, double seconds);
/* Nothing new; until nothing is under way, or patience ends. */
void swarm_settle(struct swarm *s, double patience);
void swarm_mark(struct swarm *s); /* the figures begin anew */
void phone_open(struct phone *p);
void phone_close(struct phone *p);
void phone_send(struct phone *p, const char *mem, size_t n);

/* --- ua.c: what a phone says, and how it answers. One thing is under way on a phone at a time. --- */

void ua_register(struct phone *p);
void ua_call(struct phone *p, const struct phone *to);
void ua_write(struct phone *p, const struct phone *to); /* MESSAGE */
void ua_ping(struct phone *p);
void ua_take(struct phone *p, const struct message *m);
void ua_pong(struct phone *p);
void ua_begin(struct phone *p, enum deed deed);
void ua_forget(struct phone *p); /* what was under way */

/* --- measured.c: what the workloads have in common --- */

/* All phones connected and registered, `flight` of them at a time; gives up when one cannot be. */
void gather(struct swarm *s);
struct window {
    struct cost server, own;
    uint64_t began;
};
void window_open(struct window *w, struct swarm *s); /* the figures begin anew */
/* A whole report: `units` is what the server's CPU time is divided by, NULL for what was done. */
void window_report(const struct window *w, const struct swarm *s, const char *mode, const uint64_t *units);

/* --- the workloads: one file each --- */

int run_register(const struct options *o);  /* loop.c: REGISTER over and over on open flows */
int run_call(const struct options *o);      /* loop.c: phone to phone */
int run_ping(const struct options *o);      /* ping.c */
int run_cycle(const struct options *o);     /* cycle.c: connect, register, close */
int run_handshake(const struct options *o); /* cycle.c: connect, close */
int run_hold(const struct options *o);      /* hold.c: registered flows that stand idle */
int run_storm(const struct options *o);     /* hold.c: what memory a storm of REGISTERs leaves behind */
int run_life(const struct options *o);      /* life.c: all of it, at random */
