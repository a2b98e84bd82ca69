/* turn_load: puts load on any TURN server (RFC 8656 over TLS or TCP) and says what it cost the server.
 *
 * It knows an address, a user and, for the cost, a process id; nothing of what runs behind them, and it
 * shares no code with the gateway. A client is a blocking connection while it is set up; the relay workload
 * then makes them all non-blocking and drives them from one thread, with an echo peer of its own on a second
 * one. What comes from the server is cut into frames as the stream it is: how many messages come in one read
 * is the server's choice. */
#pragma once
#include "measure.h"
#include "tls.h"
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CHANNEL_NUMBER 0x4000u
#define PAYLOAD_MIN    16u /* sequence number and time of sending */
#define PAYLOAD_MAX    1400u

enum direction { ECHO, UP, DOWN };

struct options {
    struct sockaddr_in server;
    const char *user, *password;
    int server_pid;       /* 0: costs are not known */
    bool plain;           /* TCP without TLS */
    enum tls_version tls; /* the newest to offer */
    unsigned clients;
    unsigned size;   /* of the payload */
    unsigned window; /* packets of a client that are under way */
    unsigned pps;    /* of a client; 0: as fast as the window allows */
    enum direction direction;
    double seconds, warmup;
    unsigned threads;   /* cycle, storm */
    unsigned rate;      /* storm: handshakes a second */
    unsigned peer_port; /* 0: any */
};

/* --- client.c: a TURN client --- */

struct client {
    int fd;
    SSL *ssl; /* NULL: plain */
    struct sockaddr_in relayed;
    char realm[128], nonce[256];
    uint8_t key[16];
    bool has_key;
    uint8_t *in;
    size_t in_cap, in_n;
};

struct message {
    uint8_t bytes[1600];
    size_t n;
};

enum {
    ALLOCATE = 3,
    REFRESH = 4,
    CREATE_PERMISSION = 8,
    CHANNEL_BIND = 9,
    CONNECT = 10,
    CONNECTION_BIND = 11
};
enum { TRANSPORT_OF_TCP = 6, TRANSPORT_OF_UDP = 17 };
enum { BROKEN = -1 }; /* the connection, or what came on it; STUN's own codes are positive */

SSL_CTX *client_context(const struct options *o);
/* Connects, TLS included. 0 or BROKEN. */
int client_open(struct client *c, const struct options *o, SSL_CTX *context, size_t in_cap);
const char *client_tls(const struct client *c); /* "TLSv1.3" */
void client_close(struct client *c, bool tell);
/* 0 or -1 with errno EAGAIN, or BROKEN with another. */
ssize_t client_read(struct client *c, void *mem, size_t cap);
ssize_t client_write(struct client *c, const void *mem, size_t n);
void client_unblock(struct client *c);

void message_begin(struct message *m, unsigned method);
void message_put(struct message *m, unsigned type, const void *value, size_t n);
void message_put_peer(struct message *m, const struct sockaddr_in *peer);
const uint8_t *message_find(const struct message *m, unsigned type, size_t *n);
/* Signs, sends and waits for the answer; 401 and 438 are tried again. 0, a STUN error code, or BROKEN. */
int client_ask(struct client *c, const struct options *o, const struct message *m, struct message *answer);
/* Realm, nonce and key of another connection, instead of asking for them. */
void client_trust(struct client *c, const struct client *other);
int client_allocate(struct client *c, const struct options *o, uint8_t transport);
int client_permit(struct client *c, const struct options *o, const struct sockaddr_in *peer);
int client_bind(struct client *c, const struct options *o, const struct sockaddr_in *peer);
int client_refresh(struct client *c, const struct options *o, uint32_t seconds);

/* The size of the frame at the front of `in` with its padding, 0 when it is not whole. */
size_t frame_size(const uint8_t *in, size_t n);
static inline unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}
static inline void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* --- relay.c: calls through the relay; also the standing calls of a storm --- */

struct relay;
struct relay *relay_create(const struct options *o);
void relay_start(struct relay *r);
/* Runs for so long; the figures since the last relay_mark go on counting. */
void relay_run(struct relay *r, double seconds);
void relay_mark(struct relay *r);
void relay_stop(struct relay *r); /* waits for what is under way */
const struct delays *relay_delays(const struct relay *r);
double relay_packets(const struct relay *r); /* relayed since the mark, each direction counts one */
void relay_report_loss(const struct relay *r);
void relay_destroy(struct relay *r);

/* --- the workloads: one file each --- */

int run_relay(const struct options *o);     /* relay.c */
int run_cycle(const struct options *o);     /* cycle.c: allocations that come and go */
int run_handshake(const struct options *o); /* cycle.c: connections that do */
int run_hold(const struct options *o);      /* hold.c: allocations that stand idle */
int run_storm(const struct options *o);     /* storm.c: handshakes beside standing calls */
int run_stream(const struct options *o);    /* stream.c: RFC 6062 */
