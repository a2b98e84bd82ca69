/* Binding (RFC 8489 6.3.1.1): tells the client where its message came from. No authentication. */
#include "modules/turn/dispatch.h"

void handle_binding(struct request *rq)
{
    struct answer a;
    turn_count(rq->turn, TS_BINDINGS);
    answer_begin(rq, &a);
    stun_put_xor(&a.w, STUN_A_XOR_MAPPED_ADDRESS, &rq->client.addr);
    answer_send(rq, &a);
}
