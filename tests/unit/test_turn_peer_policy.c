/* Which peers are denied, in every spelling of their address, and in what order the rules go (peer_policy.h).
 */
#include "turn_peers.h"
#include <sys/resource.h>

/* A relay address that is nobody's here, and no exceptions: the state of a fresh gateway. */
#define PLAIN                                                                                                \
    "realm = \"" REALM "\"\nrelay_addresses = {\"127.0.0.1/198.51.100.7\"}\nrelay_ports = \"22100-22199\"\n"

static int setup(void **state)
{
    *state = bench_create(PLAIN);
    return 0;
}

static enum peer_verdict ask_policy(struct bench *b, const char *text)
{
    struct addr a = addr_text(text);
    return peer_check(b->t, &a);
}

static enum peer_verdict ask_policy_ip(struct bench *b, const char *text)
{
    struct addr a = addr_text(text);
    return peer_check_ip(b->t, &a);
}

/* The neighbours of each of these networks. */
static const char *const plain_v4[] = {
    "1.0.0.0",     "9.255.255.255", "11.0.0.0",    "100.63.255.255", "100.128.0.0",     "126.255.255.255",
    "128.0.0.0",   "169.253.0.1",   "169.255.0.0", "172.15.255.255", "172.32.0.0",      "192.0.1.0",
    "192.0.3.0",   "192.88.98.1",   "192.167.0.1", "192.169.0.0",    "198.17.255.255",  "198.20.0.0",
    "198.51.99.1", "198.51.101.0",  "203.0.112.1", "203.0.114.0",    "223.255.255.255",
};

static const char *const plain_v6[] = {"2001:4860:4860::8888", "2a00::1", "2001:db9::1", "fbff::1",
                                       "100:0:0:1::1",         "2003::1", "2001:1::1"};

static void special_networks_are_denied(void **state)
{
    char text[64];
    for (size_t i = 0; i < sizeof(special_v4) / sizeof(special_v4[0]); i++) {
        snprintf(text, sizeof(text), "%s:5000", special_v4[i]);
        assert_int_not_equal(ask_policy(*state, text), PEER_ALLOWED);
        assert_int_not_equal(ask_policy_ip(*state, special_v4[i]), PEER_ALLOWED);
    }
    for (size_t i = 0; i < sizeof(special_v6) / sizeof(special_v6[0]); i++) {
        snprintf(text, sizeof(text), "[%s]:5000", special_v6[i]);
        assert_int_not_equal(ask_policy(*state, text), PEER_ALLOWED);
        assert_int_not_equal(ask_policy_ip(*state, special_v6[i]), PEER_ALLOWED);
    }
}

static void everything_else_is_allowed(void **state)
{
    char text[64];
    for (size_t i = 0; i < sizeof(plain_v4) / sizeof(plain_v4[0]); i++) {
        snprintf(text, sizeof(text), "%s:5000", plain_v4[i]);
        assert_int_equal(ask_policy(*state, text), PEER_ALLOWED);
    }
    for (size_t i = 0; i < sizeof(plain_v6) / sizeof(plain_v6[0]); i++) {
        snprintf(text, sizeof(text), "[%s]:5000", plain_v6[i]);
        assert_int_equal(ask_policy(*state, text), PEER_ALLOWED);
    }
}

static void every_encoding_is_denied(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof(special_v4) / sizeof(special_v4[0]); i++) {
        struct addr v4 = addr_text(special_v4[i]);
        for (unsigned how = 0; how < SPELLINGS; how++) {
            struct addr a;
            spell(v4.ip, how, &a);
            if (peer_check(b->t, &a) == PEER_ALLOWED || peer_check_ip(b->t, &a) == PEER_ALLOWED)
                fail_msg("%s in encoding %u is allowed", special_v4[i], how);
        }
    }
    struct addr outside;
    spell(addr_text("8.8.8.8").ip, 0, &outside);
    assert_int_equal(peer_check(b->t, &outside), PEER_ALLOWED);
}

/* What is forbidden outside stays so whatever address it has inside. */
static void harmless_inside_of_forbidden(void **state)
{
    assert_int_equal(ask_policy(*state, "[fe80::5efe:808:808]:5"), PEER_SPECIAL);
    assert_int_equal(ask_policy(*state, "[fd00::5efe:808:808]:5"), PEER_SPECIAL);
    assert_int_equal(ask_policy(*state, "[2a00::5efe:808:808]:5"), PEER_ALLOWED);
}

/* Two of our clients: the relay address, bound or advertised, on the relay ports. Nothing else of ours. */
static void own_relays_are_allowed(void **state)
{
    assert_int_equal(ask_policy(*state, "198.51.100.7:22100"), PEER_ALLOWED);
    assert_int_equal(ask_policy(*state, "198.51.100.7:22199"), PEER_ALLOWED);
    assert_int_equal(ask_policy(*state, "127.0.0.1:22120"), PEER_ALLOWED);
    assert_int_equal(ask_policy(*state, "198.51.100.7:22099"), PEER_OWN);
    assert_int_equal(ask_policy(*state, "198.51.100.7:22200"), PEER_OWN);
    assert_int_equal(ask_policy(*state, "127.0.0.1:53"), PEER_OWN);
    assert_int_equal(ask_policy(*state, "[::ffff:127.0.0.1]:53"), PEER_OWN);
    assert_int_equal(ask_policy(*state, "198.51.100.7:22150"), PEER_LISTENER);
    assert_int_equal(ask_policy(*state, "[::ffff:198.51.100.7]:22150"), PEER_LISTENER);
    assert_int_equal(ask_policy_ip(*state, "198.51.100.7"), PEER_ALLOWED);
}

/* An address of ours that is no relay address: 127.0.0.1 is on an interface of every machine, here it is also
 * bound to, so take the relay elsewhere. */
static void own_interfaces_are_denied(void **state)
{
    struct bench *b = bench_create("realm = \"" REALM "\"\nrelay_addresses = {\"127.0.0.9/198.51.100.7\"}\n"
                                   "relay_ports = \"22100-22199\"\n");
    assert_int_equal(ask_policy(b, "127.0.0.1:22120"), PEER_OWN);
    assert_int_equal(ask_policy_ip(b, "127.0.0.1"), PEER_OWN);
    bench_destroy(b);
}

static void port_zero_is_denied(void **state)
{
    assert_int_equal(ask_policy(*state, "8.8.8.8:0"), PEER_NO_PORT);
    assert_int_equal(ask_policy_ip(*state, "8.8.8.8:0"), PEER_ALLOWED);
}

/* deny_peers, then own relays, then allow_peers, then the rest; a listener of ours is never allowed. */
static void order_of_the_rules(void **state)
{
    struct bench *b = *state;
    bench_reload(b, PLAIN "allow_peers = {\"10.1.0.0/16\", \"127.0.0.0/8\", \"fd00::/8\", \"2002::/16\"}\n"
                          "deny_peers = {\"10.1.2.0/24\", \"8.8.0.0/16\", \"2a00::/12\"}\n");
    assert_int_equal(ask_policy(b, "10.1.3.4:5"), PEER_ALLOWED);
    assert_int_equal(ask_policy(b, "10.1.2.4:5"), PEER_REFUSED);
    assert_int_equal(ask_policy(b, "10.2.0.1:5"), PEER_SPECIAL);
    assert_int_equal(ask_policy(b, "8.8.8.8:5"), PEER_REFUSED);
    assert_int_equal(ask_policy(b, "[::ffff:8.8.8.8]:5"), PEER_REFUSED);
    assert_int_equal(ask_policy(b, "[2002:808:808::]:5"), PEER_REFUSED);
    assert_int_equal(ask_policy(b, "[2002:808:909::]:5"), PEER_REFUSED);
    assert_int_equal(ask_policy(b, "[2002:901:909::]:5"), PEER_ALLOWED); /* the operator's word */
    assert_int_equal(ask_policy(b, "[2a00::1]:5"), PEER_REFUSED);
    assert_int_equal(ask_policy(b, "[fd00::1]:5"), PEER_ALLOWED);
    assert_int_equal(ask_policy(b, "127.0.0.1:53"), PEER_ALLOWED);
    assert_int_equal(ask_policy(b, "127.0.0.1:22150"), PEER_LISTENER);
    assert_int_equal(ask_policy(b, "127.0.0.1:22160"), PEER_LISTENER);
    assert_int_equal(ask_policy(b, "[::ffff:127.0.0.1]:22160"), PEER_LISTENER);
    bench_reload(b, PLAIN "deny_peers = {\"198.51.100.7/32\"}\n");
    assert_int_equal(ask_policy(b, "198.51.100.7:22120"), PEER_REFUSED);
}

/* At CreatePermission, ChannelBind and Send alike. */
static void denied_at_every_door(void **state)
{
    static const char *const peers[] = {"0.0.0.0:5", "127.0.0.1:5", "10.0.0.1:5", "255.255.255.255:5"};
    struct bench *b = *state;
    bench_allocate(b);
    for (size_t i = 0; i < 4; i++) {
        struct addr a = addr_text(peers[i]);
        bool own_relay = i == 1; /* a permission for it stands for its relay ports */
        assert_int_equal(bench_permit(b, &a), own_relay ? 0 : 403);
        assert_int_equal(bench_bind(b, 0x4000, &a), 403);
        bench_send(b, &a, BYTES("x"));
        assert_int_equal(bench_count(b, TS_DROP_DENIED) + bench_count(b, TS_DROP_NO_PERMISSION), i + 1);
    }
    assert_int_equal(bench_count(b, TS_DROP_DENIED), 1);
    assert_int_equal(bench_count(b, TS_PACKETS_TO_PEER), 0);
}

/* A machine that is out of descriptors cannot say which addresses are its own: until it can, nobody is
 * reached. */
static void unknown_own_addresses_deny(void **state)
{
    struct bench *b = *state;
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = files.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum peer_verdict before = ask_policy(b, "8.8.8.8:5");
    enum peer_verdict relay = ask_policy(b, "198.51.100.7:22120");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(before, PEER_OWN);
    assert_int_equal(relay, PEER_OWN);
    assert_int_equal(ask_policy(b, "8.8.8.8:5"), PEER_ALLOWED);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        T(special_networks_are_denied), T(everything_else_is_allowed),
        T(every_encoding_is_denied),    T(harmless_inside_of_forbidden),
        T(own_relays_are_allowed),      cmocka_unit_test(own_interfaces_are_denied),
        T(port_zero_is_denied),         T(order_of_the_rules),
        T(denied_at_every_door),        T(unknown_own_addresses_deny),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
