/* A binding that comes back on another flow (RFC 5626), over the workers: one registration is left, the newer
 * one, and nobody is told. */
#include "core_lab.h"
#include "modules/pcscf/registration/moved.h"
#include "tls_phone.h"

#define OUTBOUND ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id=1"

static struct fake_phone outbound_phone(struct world *world, uint16_t worker, uint8_t host)
{
    struct fake_phone ph = phone_at(world, "alice", "secret-a", worker, host);
    ph.contact_params = OUTBOUND;
    ph.extra = "Supported: outbound, path\r\n";
    return ph;
}

static unsigned standing(struct world *world)
{
    return (unsigned)world_count(world, PCSCF_REGISTERED);
}

static const struct phone *phone_of(struct fake_phone *ph)
{
    return phone_find(pcscf_of(ph->world->w[ph->flow.conn.worker]), &ph->flow);
}

static bool is_registered(struct fake_phone *ph)
{
    const struct phone *p = phone_of(ph);
    return p && p->n > 0;
}

static void moves(uint16_t to)
{
    struct world *world = world_create();
    struct fake_phone a = outbound_phone(world, 0, 1), b = outbound_phone(world, to, 2);
    phone_registers(&a);
    assert_int_equal(standing(world), 1);
    phone_registers(&b);
    assert_int_equal(standing(world), 1);
    assert_false(is_registered(&a));
    assert_true(is_registered(&b));
    assert_int_equal(world_count(world, PCSCF_FLOWS_LOST), 0);
    phone_registers(&b); /* a refresh is no news */
    assert_int_equal(standing(world), 1);
    phone_registers(&a); /* and back again */
    assert_true(is_registered(&a));
    assert_false(is_registered(&b));
    world_wait(world, 250000);
    assert_null(phone_of(&b)); /* forgotten */
    world_destroy(world);
}

static void a_binding_moves_on_one_worker(void **state)
{
    moves(0);
}
static void a_binding_moves_to_another_worker(void **state)
{
    moves(1);
}

static void two_flows_with_two_reg_ids_stand_side_by_side(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = outbound_phone(world, 0, 1), b = outbound_phone(world, 1, 2);
    b.contact_params = ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id=2";
    phone_registers(&a);
    phone_registers(&b);
    assert_int_equal(standing(world), 2);
    world_destroy(world);
}

static void who_was_asked_on_the_old_flow_may_answer_on_the_new_one(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = outbound_phone(world, 0, 1), again = outbound_phone(world, 0, 2);
    struct fake_phone caller = phone_at(world, "bob", "secret-b", 1, 3);
    phone_registers(&a);
    phone_registers(&caller);
    phone_requests(&caller, "INVITE", "sip:alice@ims.test", "<sip:alice@ims.test>", "c1", 1, "");
    char *invite = phone_expect(&a, "INVITE");
    phone_registers(&again);
    assert_false(is_registered(&a));
    phone_answers(&again, invite, "180 Ringing");
    phone_drop(&caller, "SIP/2.0 180");
    phone_answers(&again, invite, "200 OK");
    phone_drop(&caller, "SIP/2.0 200");
    free(invite);
    world_destroy(world);
}

/* Whoever was granted later has it, in whatever order the letters are opened. */
static struct registration_facts facts_of(const char *key)
{
    return (struct registration_facts){.aor = BYTES("sip:alice@ims.test"),
                                       .key = bytes_str(key),
                                       .contact = BYTES("sip:a@1"),
                                       .expires = 600};
}

static void of_two_at_once_the_later_one_stays(void **state)
{
    for (unsigned first = 0; first < 2; first++) {
        struct world *world = world_create();
        struct fake_phone ph[2] = {outbound_phone(world, 0, 1), outbound_phone(world, 1, 2)};
        const struct registration_facts f = facts_of("k");
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(phone_register(pcscf_of(world->w[i]), &ph[i].flow, &f), 0);
        assert_int_equal(standing(world), 2);
        worker_turn(world->w[first]);
        worker_turn(world->w[1 - first]);
        world_run(world);
        assert_int_equal(standing(world), 1);
        assert_true(is_registered(&ph[1]));
        world_destroy(world);
    }
}

static void a_refresh_on_the_old_flow_that_comes_later_wins(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = outbound_phone(world, 0, 1), b = outbound_phone(world, 1, 2);
    const struct registration_facts f = facts_of("k");
    phone_register(pcscf_of(world->w[0]), &a.flow, &f);
    phone_register(pcscf_of(world->w[1]), &b.flow, &f);
    phone_register(pcscf_of(world->w[0]), &a.flow, &f); /* before the letter of the second is opened */
    world_run(world);
    assert_int_equal(standing(world), 1);
    assert_true(is_registered(&a));
    world_destroy(world);
}

static void taking_out_works_from_any_flow(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = outbound_phone(world, 0, 1), b = outbound_phone(world, 1, 2);
    phone_registers(&a);
    char contact[300];
    snprintf(contact, sizeof(contact), "Contact: <%s>%s;expires=0\r\n", b.contact, OUTBOUND);
    free(phone_register_with(&b, contact, ""));
    assert_int_equal(standing(world), 0);
    phone_registers(&a);
    b.contact_params = "";
    phone_registers(&b);
    assert_int_equal(standing(world), 2);
    free(phone_register_with(&b, "Contact: *\r\n", "Expires: 0\r\n"));
    assert_int_equal(standing(world), 0);
    world_destroy(world);
}

/* ---- connections ---- */

static void the_connection_that_was_left_is_unregistered(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = outbound_phone(world, 0, 1);
    tls_connect(&a, 0, 41000);
    phone_registers(&a);
    struct fake_phone old = a;
    assert_int_equal(tls_entry(&old)->idle_ms, 180000); /* Flow-Timer and half as much */
    tls_connect(&a, 1, 41001);
    phone_registers(&a);
    assert_int_equal(tls_entry(&old)->idle_ms, 60000); /* unregistered_idle */
    phone_requests(&old, "MESSAGE", "sip:bob@ims.test", "<sip:bob@ims.test>", "m", 1, "");
    phone_drop(&old, "SIP/2.0 403");
    tls_close(&old);
    assert_int_equal(world_count(world, PCSCF_FLOWS_LOST), 0);
    assert_int_equal(standing(world), 1);
    tls_close(&a);
    assert_int_equal(world_count(world, PCSCF_FLOWS_LOST), 1);
    tls_world_destroy(world);
}

/* ---- emergency ---- */

static void an_emergency_registration_stands_beside_the_normal_one(void **state)
{
    struct lab lab = lab_create();
    free(registered(&lab, ""));
    phone_drop(&lab.alice, "SIP/2.0 200");
    assert_false(phone_of(&lab.alice)->sos);
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5060;sos>\r\n", "Expires: 600\r\n", "");
    char *m = phone_expect(&lab.core, "REGISTER");
    assert_non_null(strstr(header_of(m, "Contact", 0), ";sos>"));
    core_answers(&lab, m, "200 OK",
                 "Contact: <sip:alice@192.168.7.1:5060>;expires=20, "
                 "<sip:alice@192.168.7.1:5060;sos>;expires=600\r\n");
    free(m);
    assert_int_equal(phone_of(&lab.alice)->n, 2);
    assert_true(phone_of(&lab.alice)->sos);
    world_wait(lab.world, 30000);
    assert_int_equal(phone_of(&lab.alice)->n, 2); /* each with its own time */
    world_destroy(lab.world);
}

static void an_emergency_registration_finds_room_on_a_full_flow(void **state)
{
    struct lab lab = lab_set("max_registrations = 1 min_expires = 10m");
    free(registered(&lab, ""));
    phone_drop(&lab.alice, "SIP/2.0 200");
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5070>\r\n", "Expires: 600\r\n", "");
    phone_drop(&lab.alice, "SIP/2.0 403");
    phone_register_once(&lab.alice, "Contact: <sip:alice@192.168.7.1:5070;sos>\r\n", "Expires: 60\r\n", "");
    char *m = phone_expect(&lab.core, "REGISTER");
    core_answers(&lab, m, "200 OK", "Contact: <sip:alice@192.168.7.1:5070;sos>;expires=60\r\n");
    free(m);
    assert_int_equal(phone_of(&lab.alice)->n, 2);
    for (unsigned port = 1; port < 3; port++) {
        char contact[80];
        snprintf(contact, sizeof(contact), "Contact: <sip:alice@192.168.7.1:%u;sos>\r\n", port);
        phone_register_once(&lab.alice, contact, "Expires: 60\r\n", "");
        m = phone_get(&lab.core);
        assert_true((m != NULL) == (port == 1)); /* but not without end */
        if (m)
            core_answers(&lab, m, "200 OK", contact);
        free(m);
    }
    world_destroy(lab.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_binding_moves_on_one_worker),
        cmocka_unit_test(a_binding_moves_to_another_worker),
        cmocka_unit_test(two_flows_with_two_reg_ids_stand_side_by_side),
        cmocka_unit_test(who_was_asked_on_the_old_flow_may_answer_on_the_new_one),
        cmocka_unit_test(of_two_at_once_the_later_one_stays),
        cmocka_unit_test(a_refresh_on_the_old_flow_that_comes_later_wins),
        cmocka_unit_test(taking_out_works_from_any_flow),
        cmocka_unit_test(the_connection_that_was_left_is_unregistered),
        cmocka_unit_test(an_emergency_registration_stands_beside_the_normal_one),
        cmocka_unit_test(an_emergency_registration_finds_room_on_a_full_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
