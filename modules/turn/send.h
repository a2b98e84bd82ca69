/* send: application data, both ways: ChannelData and Send indications from the client (RFC 8656 11.2, 12.6),
 * and what a peer sends, as ChannelData or a Data indication (RFC 8656 11.3, 12.7).
 *
 * Floor 3. The hot file: nothing here allocates or logs. */
#pragma once
#include "appliance/base/bytes.h"
#include <sys/socket.h>

struct allocation;
struct request;
struct turn;

/* Client to peer; the datagram waits in the room's batch until batch_flush. */
void channel_data(struct allocation *a, uint16_t number, struct bytes data);
void handle_send(struct request *rq);

/* A transaction id for an indication: 12 bytes. */
void indication_id(struct turn *t, uint8_t id[static 12]);

/* Peer to client. `data` has RECEIVE_HEAD writable bytes in front and 3 behind data + n. */
void data_from_peer(struct allocation *a, const struct sockaddr *from, uint8_t *data, size_t n);
