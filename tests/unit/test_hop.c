/* Hops and the letters between the entities of one process. */
#include "sip_rig.h"

struct post {
    unsigned n;
    struct sip_hop from;
    char text[64];
    uint16_t worker;
};

static struct post *post_of(struct worker *w);
static uint16_t sort_to(struct worker *w, const struct sip_hop *from, struct bytes msg);
static void got(struct worker *w, const struct sip_hop *from, struct bytes msg);
static const struct sip_entity sender = {.name = "sender"};
static const struct sip_entity receiver = {.name = "receiver", .sort = sort_to, .receive = got};

static struct post *post_of(struct worker *w)
{
    return worker_room(w, &receiver);
}

/* The first byte of a message is the worker that it asks for. */
static uint16_t sort_to(struct worker *w, const struct sip_hop *from, struct bytes msg)
{
    return (uint16_t)(msg.p[0] - '0');
}

static void got(struct worker *w, const struct sip_hop *from, struct bytes msg)
{
    struct post *p = post_of(w);

    p->n++;
    p->from = *from;
    p->worker = w->id;
    assert_true(bytes_to_str(msg, p->text, sizeof(p->text)));
}

struct pair {
    struct gateway gw;
    struct worker *w[2];
    struct post post[2];
};

static int pair_create(void **state)
{
    struct pair *p = calloc(1, sizeof(*p));

    p->gw.n_workers = 2;
    for (uint16_t i = 0; i < 2; i++) {
        p->w[i] = worker_create(&p->gw, i);
        worker_set_room(p->w[i], &receiver, &p->post[i]);
    }
    *state = p;
    return 0;
}

static int pair_destroy(void **state)
{
    struct pair *p = *state;

    worker_destroy(p->w[0]);
    worker_destroy(p->w[1]);
    free(p);
    return 0;
}

static void what_waits_for_a_worker_that_lags_is_bounded(void **state)
{
    struct pair *p = *state;
    struct sip_hop from = sip_hop_local(&sender);

    worker_mail_add(p->w[1], WORKER_MAIL_MAX);
    assert_int_equal(sip_entity_deliver(p->w[0], &receiver, &from, BYTES("1last")), 0);
    assert_int_equal(sip_entity_deliver(p->w[0], &receiver, &from, BYTES("1more")), -ENOBUFS);
    assert_int_equal(sip_entity_post_to(p->w[0], 1, &receiver, &from, BYTES("1more")), -ENOBUFS);
    worker_mail_opened(p->w[1], WORKER_MAIL_MAX);
    worker_turn(p->w[1]);
    assert_int_equal(p->post[1].n, 1);
    assert_int_equal(atomic_load(&p->w[1]->mail), 0);
}

static void local_send_arrives_by_letter_not_by_call(void **state)
{
    struct pair *p = *state;
    struct sip_hop to = sip_hop_local(&receiver);

    assert_int_equal(sip_hop_send(p->w[0], &sender, &to, BYTES("0hello")), 0);
    assert_int_equal(p->post[0].n, 0);
    worker_turn(p->w[0]);
    assert_int_equal(p->post[0].n, 1);
    assert_string_equal(p->post[0].text, "0hello");
    assert_int_equal(p->post[0].from.kind, HOP_LOCAL);
    assert_ptr_equal(p->post[0].from.entity, &sender);
}

static void local_send_goes_to_the_worker_that_the_receiver_names(void **state)
{
    struct pair *p = *state;
    struct sip_hop to = sip_hop_local(&receiver);

    assert_int_equal(sip_hop_send(p->w[0], &sender, &to, BYTES("1over")), 0);
    worker_turn(p->w[0]);
    assert_int_equal(p->post[0].n, 0);
    worker_turn(p->w[1]);
    assert_int_equal(p->post[1].n, 1);
    assert_int_equal(p->post[1].worker, 1);
}

static void deliver_calls_here_and_posts_elsewhere(void **state)
{
    struct pair *p = *state;
    struct sip_hop from = rig_udp(5060);

    assert_int_equal(sip_entity_deliver(p->w[0], &receiver, &from, BYTES("0here")), 0);
    assert_int_equal(p->post[0].n, 1);
    assert_int_equal(sip_entity_deliver(p->w[0], &receiver, &from, BYTES("1there")), 0);
    assert_int_equal(p->post[1].n, 0);
    worker_turn(p->w[1]);
    assert_int_equal(p->post[1].n, 1);
    assert_true(sip_hop_eq(&p->post[1].from, &from));
}

static void worker_that_does_not_exist_means_here(void **state)
{
    struct pair *p = *state;
    struct sip_hop from = rig_udp(5060);

    assert_int_equal(sip_entity_deliver(p->w[1], &receiver, &from, BYTES("7lost")), 0);
    assert_int_equal(p->post[1].n, 1);
}

static void letters_left_at_the_end_are_freed_unread(void **state)
{
    struct pair *p = *state;
    struct sip_hop to = sip_hop_local(&receiver);

    assert_int_equal(sip_hop_send(p->w[0], &sender, &to, BYTES("1late")), 0);
    worker_destroy(p->w[1]);
    p->w[1] = NULL;
    assert_int_equal(p->post[1].n, 0);
}

static void only_udp_is_unreliable(void **state)
{
    struct sip_hop udp = rig_udp(5060), tls = rig_tls(1), local = sip_hop_local(&receiver);

    assert_false(sip_hop_reliable(&udp));
    assert_true(sip_hop_reliable(&tls));
    assert_true(sip_hop_reliable(&local));
    assert_false(sip_hop_secure(&udp));
    assert_true(sip_hop_secure(&tls));
    assert_true(sip_hop_secure(&local));
}

static void hops_are_equal_by_kind_and_peer(void **state)
{
    struct sip_hop a = rig_udp(5060), b = rig_udp(5061), c = sip_hop_local(&receiver),
                   d = sip_hop_local(&sender);
    struct sip_hop none = SIP_HOP_NONE;

    assert_true(sip_hop_eq(&a, &a));
    assert_false(sip_hop_eq(&a, &b));
    assert_false(sip_hop_eq(&a, &c));
    assert_true(sip_hop_eq(&c, &c));
    assert_false(sip_hop_eq(&c, &d));
    assert_true(sip_hop_eq(&none, &none));
}

static void sending_nowhere_says_so(void **state)
{
    struct pair *p = *state;
    struct sip_hop none = SIP_HOP_NONE, dead = rig_tls(77);

    dead.flow.conn.worker = 0;
    assert_int_equal(sip_hop_send(p->w[0], &sender, &none, BYTES("x")), -ENOTCONN);
    assert_int_equal(sip_hop_send(p->w[0], &sender, &dead, BYTES("x")), -ENOTCONN);
    assert_true(sip_hop_dead(p->w[0], &dead));
}

int main(void)
{
#define WITH_PAIR(t) cmocka_unit_test_setup_teardown(t, pair_create, pair_destroy)
    const struct CMUnitTest tests[] = {
        WITH_PAIR(local_send_arrives_by_letter_not_by_call),
        WITH_PAIR(what_waits_for_a_worker_that_lags_is_bounded),
        WITH_PAIR(local_send_goes_to_the_worker_that_the_receiver_names),
        WITH_PAIR(deliver_calls_here_and_posts_elsewhere),
        WITH_PAIR(worker_that_does_not_exist_means_here),
        WITH_PAIR(letters_left_at_the_end_are_freed_unread),
        cmocka_unit_test(only_udp_is_unreliable),
        cmocka_unit_test(hops_are_equal_by_kind_and_peer),
        WITH_PAIR(sending_nowhere_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
