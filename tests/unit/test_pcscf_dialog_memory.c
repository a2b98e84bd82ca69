/* The n-th allocation fails, for every n, while a call is set up, moves with its phone, and is released: it
 * may go unseen or wait in vain, but nothing crashes, and nothing is left once both phones are gone. */
#include "failing_malloc.h"

#include "sip_call.h"

#ifndef FAILING_MALLOC
int main(void)
{
    puts("skipped: ThreadSanitizer's malloc cannot be replaced");
    return 77;
}
#else

/* If it got such a request. */
static void answers_if(struct fake_phone *ph, const char *start, const char *status)
{
    for (char *m; (m = phone_get(ph)); free(m)) {
        if (strncmp(m, start, strlen(start)) == 0)
            phone_answers(ph, m, status);
    }
}

typedef void scenario(struct call *c);

static void set_up(struct call *c)
{
    phone_requests(&c->a, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c2", 1, "");
    answers_if(&c->b, "INVITE", "183 Session Progress");
    alice_says(c, "UPDATE", "c1", 3, c->routes_a);
    answers_if(&c->b, "UPDATE", "200 OK\r\nSession-Expires: 90");
    alice_says(c, "BYE", "c1", 4, c->routes_a);
    answers_if(&c->b, "BYE", "200 OK");
}

static void answered(struct call *c)
{
    phone_requests(&c->a, "INVITE", "sip:bob@ims.test", "<sip:bob@ims.test>", "c2", 1, "");
    answers_if(&c->b, "INVITE", "200 OK");
}

static void registers_at(struct call *c, uint16_t worker, uint8_t host)
{
    struct pcscf *p = pcscf_of(c->world->w[worker]);
    c->b.flow.conn.worker = worker;
    c->b.flow.peer.ip[3] = host;
    const struct registration_facts facts = {.aor = BYTES("sip:bob@ims.test"),
                                             .key = BYTES("<urn:uuid:0>:1"),
                                             .contact = BYTES("sip:bob@192.168.7.2:5060"),
                                             .instance = flow_instance(BYTES("<urn:uuid:0>")),
                                             .expires = 600};
    phone_register(p, &c->b.flow, &facts);
    world_run(c->world);
}

static void moves(struct call *c)
{
    phone_vanishes(&c->b);
    alice_says(c, "INFO", "c1", 3, c->routes_a);
    registers_at(c, 0, 9);
    answers_if(&c->b, "INFO", "200 OK");
    alice_says(c, "BYE", "c1", 4, c->routes_a);
    answers_if(&c->b, "BYE", "200 OK");
}

static void moves_before_the_old_one_ends(struct call *c)
{
    registers_at(c, 0, 9);
    bob_says(c, "BYE", 2, c->routes_b);
    answers_if(&c->a, "BYE", "200 OK");
}

static void is_released(struct call *c)
{
    phone_vanishes(&c->b);
    alice_says(c, "INFO", "c1", 3, c->routes_a);
    world_wait(c->world, 22000);
    answers_if(&c->a, "BYE", "200 OK");
}

static size_t kept(struct call *c)
{
    size_t n = 0;
    for (unsigned i = 0; i < WORLD_WORKERS; i++) {
        const struct pcscf *p = pcscf_of(c->world->w[i]);
        n += p->dialogs.count + p->absences.count;
    }
    return n;
}

static void walk(scenario *play)
{
    for (int nth = 0;; nth++) {
        struct call c = call_begin();
        struct fake_phone old = c.b;
        assert_true(nth < 600);
        failed = false;
        countdown = nth;
        play(&c);
        countdown = -1;
        bool done = !failed;
        phone_vanishes(&old);
        phone_vanishes(&c.a);
        phone_vanishes(&c.b);
        world_wait(c.world, 400000);
        assert_int_equal(kept(&c), 0);
        assert_int_equal(early(&c), 0);
        assert_int_equal(confirmed(&c), 0);
        call_end(&c);
        if (done)
            return;
    }
}

static void a_call_set_up_survives_every_failed_allocation(void **state)
{
    walk(set_up);
    walk(answered);
}

static void a_move_survives_every_failed_allocation(void **state)
{
    walk(moves);
    walk(moves_before_the_old_one_ends);
}

static void a_release_survives_every_failed_allocation(void **state)
{
    walk(is_released);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_set_up_survives_every_failed_allocation),
        cmocka_unit_test(a_move_survives_every_failed_allocation),
        cmocka_unit_test(a_release_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
