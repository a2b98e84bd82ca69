/* Our own URIs, flow tokens and sorting: RFC 5626 5.2 and 5.3, RFC 3261 16.4, RFC 5658. */
#include "modules/pcscf/route.h"
#include "tls_phone.h"

static struct pcscf *edge(struct world *world)
{
    return pcscf_of(world->w[0]);
}

static void parse_with_routes(struct sip_msg *m, char *text, size_t cap, const char *routes)
{
    struct sip_fault fault;
    int n = snprintf(text, cap,
                     "BYE sip:x@y SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
                     "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: i\r\nCSeq: 1 BYE\r\n%s"
                     "Content-Length: 0\r\n\r\n",
                     routes);
    assert_true(n > 0 && (size_t)n < cap);
    assert_int_equal(sip_msg_parse(m, bytes_of(text, (size_t)n), SIP_STREAM, &fault), 0);
}

static struct route_top top_of(struct world *world, const char *routes)
{
    struct sip_msg m;
    char text[2048];
    struct route_top top;
    parse_with_routes(&m, text, sizeof(text), routes);
    assert_true(route_read(edge(world), &m, &top));
    return top;
}

static void a_pair_of_one_token_is_ours(void **state)
{
    struct world *world = world_create();
    struct route_top t =
        top_of(world, "Route: <sip:tok@gw.ims.test:443;transport=tls;lr>, <sip:tok@GW.ims.test;lr>\r\n"
                      "Route: <sip:scscf.ims.test;lr>\r\n");
    assert_int_equal(t.own, 2);
    assert_true(t.has_next);
    assert_false(t.next_is_ours);
    world_destroy(world);
}

static void the_pair_of_the_other_phone_is_left_for_the_next_round(void **state)
{
    struct world *world = world_create();
    struct route_top t = top_of(world, "Route: <sip:one@gw.ims.test:443;lr>, <sip:one@gw.ims.test;lr>, "
                                       "<sip:two@gw.ims.test;lr>, <sip:two@gw.ims.test:443;lr>\r\n");
    assert_int_equal(t.own, 2);
    assert_true(t.next_is_ours);
    world_destroy(world);
}

static void a_route_of_somebody_else_is_not_ours(void **state)
{
    struct world *world = world_create();
    struct route_top t = top_of(world, "Route: <sip:tok@gw.ims.test.evil.example;lr>\r\n");
    assert_int_equal(t.own, 0);
    assert_true(t.has_next);
    t = top_of(world, "");
    assert_int_equal(t.own, 0);
    assert_false(t.has_next);
    world_destroy(world);
}

/* The core may live on our own address. */
static void of_our_address_only_our_ports_are_ours(void **state)
{
    static const struct {
        const char *uri;
        bool ours;
    } cases[] = {
        {"sip:x@10.0.0.1:443;transport=tls;lr", true},
        {"sip:x@10.0.0.1:443;lr", true},
        {"sip:x@10.0.0.1:443;transport=udp;lr", false},
        {"sips:x@10.0.0.1:443;lr", true},
        {"sip:x@10.0.0.1:8443;transport=tls", true}, /* pcscf.port */
        {"sip:x@10.0.0.1:5062;lr", true},
        {"sip:x@10.0.0.1:5062;transport=UDP;lr", true},
        {"sip:x@10.0.0.1:5062;transport=tcp;lr", false}, /* the core's */
        {"sip:x@10.0.0.1:3478;lr", false},               /* TURN's */
        {"sip:x@10.0.0.1:5070;lr", true},                /* where the core reaches us, through a NAT */
        {"sip:x@10.0.0.1;lr", false},                    /* 5060 */
        {"sips:x@10.0.0.1;lr", false},                   /* 5061 */
        {"sip:x@10.0.0.1:5080;lr", false},
        {"sip:x@10.0.0.2:443;lr", false},
        {"tel:+15551234", false},
    };
    struct world *world = world_create_stored("pcscf { host = \"10.0.0.1\" port = 8443 }", NULL);
    struct pcscf *p = edge(world);
    struct door *d = tls_door(world->w[0]);
    static const struct module turn = {.name = "turn"};
    struct udp_socket udp = {.port = {.module = &pcscf_module, .local = {.family = ADDR_V4, .port = 5062}}};
    d->listeners[0] =
        (struct listener){.transport = TRANSPORT_TLS, .local = {.family = ADDR_V4, .port = 443}};
    d->listeners[1] = (struct listener){
        .module = &turn, .transport = TRANSPORT_TCP, .local = {.family = ADDR_V4, .port = 3478}};
    d->n_listeners = 2;
    d->udp[d->n_udp++] = &udp;
    p->core.reach = (struct addr){.family = ADDR_V4, .port = 5070, .ip = {10, 0, 0, 1}};
    p->core.reach_transport = TRANSPORT_UDP;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sip_uri u;
        assert_true(sip_uri_parse(bytes_str(cases[i].uri), &u));
        if (route_is_ours(p, &u) != cases[i].ours)
            fail_msg("%s", cases[i].uri);
    }
    p->core.reach.family = ADDR_NONE; /* no core outside: our own URIs have no port */
    struct sip_uri u;
    assert_true(sip_uri_parse(BYTES("sip:tok@10.0.0.1;lr"), &u));
    assert_true(route_is_ours(p, &u));
    tls_world_destroy(world);
}

static void a_name_without_a_port_is_ours(void **state)
{
    struct world *world = world_create();
    struct sip_uri u;
    assert_true(sip_uri_parse(BYTES("sip:tok@gw.ims.test;transport=tls;lr"), &u));
    assert_true(route_is_ours(edge(world), &u));
    assert_true(sip_uri_parse(BYTES("sip:tok@gw.ims.test:5099;lr"), &u)); /* somebody else's, of that name */
    assert_false(route_is_ours(edge(world), &u));
    world_destroy(world);
}

static void a_broken_route_is_said(void **state)
{
    struct world *world = world_create();
    struct sip_msg m;
    char text[2048];
    struct route_top top;
    parse_with_routes(&m, text, sizeof(text), "Route: <sip:tok@\r\n");
    assert_false(route_read(edge(world), &m, &top));
    world_destroy(world);
}

static void a_token_opens_to_its_flow_on_every_worker(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 1, 1);
    char token[TOKEN_TEXT_MAX];
    struct flow_token f;
    assert_true(phone_token(world->w[1], &a.flow, BYTES("sip:alice@ims.test"), token));
    assert_int_equal(flow_token_open(world->w[0], bytes_str(token), &f), FLOW_TOKEN_OK);
    assert_true(flow_eq(&f.flow, &a.flow));
    assert_true(f.owner == flow_owner(BYTES("sip:alice@ims.test")));
    assert_true(f.owner != flow_owner(BYTES("sip:bob@ims.test")));
    world_destroy(world);
}

static void a_changed_token_is_foreign(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    char token[TOKEN_TEXT_MAX];
    struct flow_token f;
    assert_true(phone_token(world->w[0], &a.flow, BYTES("sip:alice@ims.test"), token));
    size_t n = strlen(token);
    for (size_t i = 0; i < n; i++) {
        char was = token[i];
        token[i] = was == 'A' ? 'B' : 'A';
        /* The last character may carry bits that stand for nothing. */
        if (i + 1 < n)
            assert_int_equal(flow_token_open(world->w[0], bytes_str(token), &f), FLOW_TOKEN_FOREIGN);
        token[i] = was;
    }
    assert_int_equal(flow_token_open(world->w[0], bytes_of(token, n - 1), &f), FLOW_TOKEN_FOREIGN);
    assert_int_equal(flow_token_open(world->w[0], BYTES_NONE, &f), FLOW_TOKEN_FOREIGN);
    world_destroy(world);
}

static void a_token_from_before_a_restart_is_old(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 0, 1);
    char token[TOKEN_TEXT_MAX];
    struct flow_token f;
    assert_true(phone_token(world->w[0], &a.flow, BYTES("sip:alice@ims.test"), token));
    world->gw.started++;
    assert_int_equal(flow_token_open(world->w[0], bytes_str(token), &f), FLOW_TOKEN_OLD);
    world_destroy(world);
}

static void a_request_is_sorted_by_the_token_of_its_first_route(void **state)
{
    struct world *world = world_create();
    struct fake_phone a = phone_at(world, "alice", "secret-a", 1, 1);
    char token[TOKEN_TEXT_MAX], text[1024];
    assert_true(phone_token(world->w[0], &a.flow, BYTES("sip:alice@ims.test"), token));
    int n = snprintf(text, sizeof(text),
                     "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP core\r\nRoute-Thing: <sip:x@y>\r\n"
                     "Record-Route: <sip:x@y>\r\nroute : <sip:%s@gw.ims.test;lr;ob>\r\n\r\n",
                     token);
    assert_int_equal(pcscf_entity.sort(world->w[0], NULL, bytes_of(text, (size_t)n)), 1);
    assert_int_equal(pcscf_entity.sort(world->w[1], NULL, bytes_of(text, (size_t)n)), 1);
    /* Every cut of it, and no Route at all: it stays where it came up. */
    for (int cut = 0; cut < n - 4; cut++)
        assert_int_equal(pcscf_entity.sort(world->w[0], NULL, bytes_of(text, (size_t)cut)),
                         cut >= n - 4 ? 1 : 0);
    snprintf(text, sizeof(text),
             "BYE sip:a@b SIP/2.0\r\nROUTE\t:\r\n \"sip:x@y\" <SIP:%s@gw.ims.test;lr>\r\n ,<sip:x@y>\r\n\r\n",
             token);
    assert_int_equal(pcscf_entity.sort(world->w[0], NULL, bytes_str(text)), 1);
    assert_int_equal(pcscf_entity.sort(world->w[0], NULL, BYTES("INVITE sip:a@b SIP/2.0\r\n\r\n")), 0);
    assert_int_equal(pcscf_entity.sort(world->w[0], NULL, BYTES_NONE), 0);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_of_one_token_is_ours),
        cmocka_unit_test(the_pair_of_the_other_phone_is_left_for_the_next_round),
        cmocka_unit_test(a_route_of_somebody_else_is_not_ours),
        cmocka_unit_test(of_our_address_only_our_ports_are_ours),
        cmocka_unit_test(a_name_without_a_port_is_ours),
        cmocka_unit_test(a_broken_route_is_said),
        cmocka_unit_test(a_token_opens_to_its_flow_on_every_worker),
        cmocka_unit_test(a_changed_token_is_foreign),
        cmocka_unit_test(a_token_from_before_a_restart_is_old),
        cmocka_unit_test(a_request_is_sorted_by_the_token_of_its_first_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
