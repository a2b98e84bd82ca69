/* connection_bind: ConnectionBind (RFC 6062 5.4): a connection becomes the client's half of a pipe.
 *
 * Floor 3. The socket that it asks for may be on another worker. Then that one is asked by letter, the
 * connection is paused and the request is left with the door, unread, so to speak: when the answer has come,
 * the door shows it again and it is answered like one whose socket was here. */
#pragma once
#include "appliance/base/bytes.h"
#include "modules/turn/pipe.h"
#include "modules/turn/tcp_room.h"
#include "modules/turn/turn.h"

struct conn;
struct request;

void handle_connection_bind(struct request *rq);

/* Is what comes on that connection not (or no longer) to be cut into frames? */
bool connection_bind_holds(const struct turn *t, const struct conn *c);
/* After a frame: is it to be shown again? */
bool connection_bind_keeps(struct turn *t, const struct conn *c);
/* The connection has closed. */
void connection_bind_drop(struct turn *t, const struct conn *c);
