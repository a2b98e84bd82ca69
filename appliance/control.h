/* control: the operator's socket: one JSON line in, one JSON line out.
 *
 * Floor 4, on the management worker, so that no question ever delays a packet. The socket is 0600 and the
 * peer must be root or the gateway's own user (SO_PEERCRED). Request:
 * {"command":"user-add","name":"alice",...}; answer: {"ok":true,...} or
 * {"ok":false,"error":"text","field":"name"}. */
#pragma once
#include "appliance/core/worker.h"

struct roof;
struct control;

/* The listening socket, made by boot before it drops privileges. fd or -errno. */
int control_listen(const char *path, struct log *log);
struct control *control_create(struct worker *w, struct roof *r, int listen_fd); /* owns listen_fd */
void control_destroy(struct control *c);                                         /* NULL is fine */
