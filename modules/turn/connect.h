/* connect: Connect (RFC 6062 5.2): from the request to the answer, which comes when the peer has answered.
 *
 * Floor 3. */
#pragma once
#include <ev.h>

struct request;
struct peer_connection;

void handle_connect(struct request *rq);

/* The room's own epoll set has something to say (tcp_room.h has the reason for it). */
void connect_on_ready(struct ev_loop *loop, ev_io *io, int revents);
/* Answers with success, unless the client is away: then nothing changes. */
void connect_agree(struct peer_connection *p);
/* Before it is destroyed: answers with 447, if an answer is due and the client is there. */
void connect_give_up(struct peer_connection *p);
