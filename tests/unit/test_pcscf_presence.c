/* What the directory is told of registrations, for other rooms to ask: who is here, and since when not. */
#include "sip_world.h"

#define REALM BYTES("ims.test")

static bool is_present(struct world *world, const char *name)
{
    return directory_is_present(world->gw.directory, REALM, bytes_str(name), world->now);
}

static void pass_the_grace(struct world *world)
{
    world_wait(world, PRESENCE_GRACE_MS + 1000);
}

static void a_registered_user_is_present(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    assert_false(is_present(world, "alice"));
    phone_registers(&a);
    assert_true(is_present(world, "alice"));
    assert_false(is_present(world, "bob"));
    phone_registers(&a); /* again: one more, and the old one less */
    pass_the_grace(world);
    assert_true(is_present(world, "alice"));
    world_destroy(world);
}

static void a_challenged_user_is_not(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "wrong", 0, 1);
    const char *contact = "Contact: <sip:alice@192.168.7.1:5060>\r\n";
    phone_register_once(&a, contact, "Expires: 600\r\n", "");
    char *challenged = phone_expect(&a, "SIP/2.0 401");
    phone_register_once(&a, contact, "Expires: 600\r\n", phone_answer(&a, challenged, 0, 1));
    free(challenged);
    assert_false(is_present(world, "alice"));
    world_destroy(world);
}

static void who_unregisters_is_gone_after_the_grace(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    phone_registers(&a);
    free(phone_register_with(&a, "Contact: *\r\n", "Expires: 0\r\n"));
    assert_true(is_present(world, "alice"));
    pass_the_grace(world);
    assert_false(is_present(world, "alice"));
    world_destroy(world);
}

static void a_registration_that_runs_out_ends_it(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    phone_registers(&a);
    world_wait(world, 599000);
    assert_true(is_present(world, "alice"));
    world_wait(world, 2000);
    pass_the_grace(world);
    assert_false(is_present(world, "alice"));
    world_destroy(world);
}

/* Another worker, another network: the old flow's end comes after the new registration, or before it. */
static void a_move_to_another_flow_keeps_it(void **state)
{
    struct world *world = world_create();
    struct fake_phone old = phone_at(world, "alice", "secret-a", 0, 1);
    struct fake_phone fresh = phone_at(world, "alice", "secret-a", 1, 2);
    phone_registers(&old);
    phone_registers(&fresh);
    pcscf_flow_closed(pcscf_of(world->w[0]), &old.flow);
    pass_the_grace(world);
    assert_true(is_present(world, "alice"));
    pcscf_flow_closed(pcscf_of(world->w[1]), &fresh.flow);
    world_wait(world, PRESENCE_GRACE_MS / 2);
    phone_registers(&old);
    pass_the_grace(world);
    assert_true(is_present(world, "alice"));
    pcscf_flow_closed(pcscf_of(world->w[0]), &old.flow);
    pass_the_grace(world);
    assert_false(is_present(world, "alice"));
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_registered_user_is_present),
        cmocka_unit_test(a_challenged_user_is_not),
        cmocka_unit_test(who_unregisters_is_gone_after_the_grace),
        cmocka_unit_test(a_registration_that_runs_out_ends_it),
        cmocka_unit_test(a_move_to_another_flow_keeps_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
