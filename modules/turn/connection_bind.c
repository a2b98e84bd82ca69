#include "modules/turn/connection_bind.h"
#include "modules/turn/dispatch.h"
#include "modules/turn/session.h"
#include "mux/conn.h"
#include <openssl/crypto.h>
#include <stdlib.h>
#include <unistd.h>

/* Goes to the allocation's worker and comes back. */
struct question {
    struct letter letter;
    uint64_t number;
    uint32_t id;
    uint16_t from;
    unsigned error;
    int fd;
    struct credential user; /* without the key */
};

static struct pipe *asking(const struct turn *t, uint64_t number)
{
    list_each (it, &t->tcp->binding) {
        struct pipe *p = container_of(it, struct pipe, link);
        if (p->state == PIPE_ASKING && p->question == number)
            return p;
    }
    return NULL;
}

static void ready(struct pipe *p, unsigned error, int fd, struct bytes user)
{
    p->state = PIPE_READY;
    p->error = error;
    if (!error)
        pipe_take(p, fd, user);
}

/* The connection has gone while we asked: so has the pipe, and the peer's socket goes too. */
static void nobody_there(struct turn *t, const struct question *q)
{
    struct pipe *p = q->error ? NULL : pipe_create(t, NULL, q->id);
    if (p) {
        pipe_take(p, q->fd, credential_name(&q->user));
        pipe_destroy(p);
    } else if (!q->error) {
        close(q->fd);
    }
}

/* Back on the worker that asked. */
static void open_answer(struct worker *w, struct letter *l)
{
    struct question *q = container_of(l, struct question, letter);
    struct turn *t = w->ended ? NULL : turn_of(w);
    struct pipe *p = t ? asking(t, q->number) : NULL;
    if (p) {
        ready(p, q->error, q->fd, credential_name(&q->user));
        conn_resume(p->conn);
    } else if (t) {
        nobody_there(t, q);
    } else if (!q->error) {
        close(q->fd);
    }
    free(q);
}

/* On the allocation's worker. */
static void open_question(struct worker *w, struct letter *l)
{
    struct question *q = container_of(l, struct question, letter);
    struct turn *t = w->ended ? NULL : turn_of(w);
    if (!t) {
        free(q);
        return;
    }
    q->error = peer_connection_claim(t, q->id, &q->user, q->from, &q->fd);
    q->letter.open = open_answer;
    if (tcp_room_post(t, q->from, &q->letter))
        return;
    if (!q->error)
        close(q->fd);
    free(q);
}

static unsigned ask(struct request *rq, struct pipe *p)
{
    struct turn *t = rq->turn;
    struct question *q = calloc(1, sizeof(*q));
    if (!q)
        return 500;
    q->letter.open = open_question;
    q->number = p->question = ++t->tcp->asked;
    q->id = p->id;
    q->from = t->w->id;
    q->user = rq->credential;
    OPENSSL_cleanse(q->user.key, sizeof(q->user.key));
    if (!tcp_room_post(t, peer_connection_home(p->id), &q->letter)) {
        free(q);
        return 400;
    }
    conn_pause(p->conn);
    return 0;
}

/* Here, or by letter: then the pipe stays in ASKING. */
static void find_socket(struct request *rq, struct pipe *p)
{
    struct turn *t = rq->turn;
    int fd = -1;
    if (peer_connection_home(p->id) == t->w->id) {
        struct credential user = rq->credential;
        unsigned error = peer_connection_claim(t, p->id, &user, t->w->id, &fd);
        ready(p, error, fd, credential_name(&user));
        credential_wipe(&user);
        return;
    }
    unsigned error = ask(rq, p);
    if (error)
        ready(p, error, -1, BYTES_NONE);
}

static void answer(struct request *rq, struct pipe *p)
{
    if (p->error) {
        turn_refuse(rq, p->error);
        return; /* connection_bind_keeps drops it */
    }
    turn_agree(rq);
    turn_count(rq->turn, TS_TCP_BOUND);
    p->state = PIPE_GIVEN;
    conn_hand_over(rq->client.conn, &pipe_module);
}

/* RFC 6062 4.3: the same credentials as for the control connection. Of tokens that is the session key, for an
 * id of 26 random bits is none of the secrets that allocations of other tokens are safe behind. */
static bool is_of_another_session(struct request *rq, uint32_t id)
{
    struct credential own = {.key_n = 0};
    bool another = rq->credential.seconds_left && session_of_connection(rq->turn, id, &own) &&
                   !bytes_eq_secret(credential_key(&own), credential_key(&rq->credential));
    credential_wipe(&own);
    return another;
}

void handle_connection_bind(struct request *rq)
{
    struct turn *t = rq->turn;
    uint32_t id;
    /* A connection with an allocation is its control connection: that has other things to say. */
    if (!rq->client.conn || rq->allocation || !stun_find_u32(&rq->message, STUN_A_CONNECTION_ID, &id)) {
        turn_refuse(rq, 400);
        return;
    }
    if (is_of_another_session(rq, id)) {
        turn_refuse(rq, 441);
        return;
    }
    struct pipe *p = pipe_binding(t, rq->client.conn);
    if (!p) {
        p = pipe_create(t, rq->client.conn, id);
        if (!p) {
            turn_refuse(rq, 500);
            return;
        }
        find_socket(rq, p);
    }
    if (p->state == PIPE_READY)
        answer(rq, p);
}

bool connection_bind_holds(const struct turn *t, const struct conn *c)
{
    const struct pipe *p = list_empty(&t->tcp->binding) ? NULL : pipe_binding(t, c);
    return p && p->state != PIPE_READY;
}

/* One that is ready and was not given away by this frame was refused, or its request did not pass the second
 * time, for the nonce has expired meanwhile. */
bool connection_bind_keeps(struct turn *t, const struct conn *c)
{
    struct pipe *p = list_empty(&t->tcp->binding) ? NULL : pipe_binding(t, c);
    bool keeps = p && p->state == PIPE_ASKING;
    if (p && p->state == PIPE_READY)
        pipe_destroy(p);
    return keeps;
}

void connection_bind_drop(struct turn *t, const struct conn *c)
{
    if (!list_empty(&t->tcp->binding))
        pipe_destroy(pipe_binding(t, c));
}
