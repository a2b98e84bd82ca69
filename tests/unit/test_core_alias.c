/* Connections that the core has opened and that our requests take too (RFC 5923 8.2, 9.2): by TCP whoever has
 * the address, by TLS only who has proved to be the one that is meant; on the worker that has it. */
#include "tls_pair.h"
#include "tls_phone.h"
/* last: they use what cmocka redefines */
#include "modules/pcscf/core/core_stats.h"

#define NAME "ims.core.test"

/* Worker 0's view of a core at 10.0.0.99:5060 (or 5061), and a connection from there to either worker. */
struct scene {
    struct world *world;
    struct pcscf *p[WORLD_WORKERS];
    struct fake_phone core;
    SSL_CTX *clients, *servers;
    struct authority ca;
    struct identity own;
};

static struct next_hop *hop_of(const struct scene *s, unsigned worker)
{
    return s->p[worker]->core.hops[0];
}

static struct scene scene_create(uint8_t transport)
{
    struct scene s = {.world = world_create()};
    s.core = phone_at(s.world, "core", "", 0, 99);
    world_core(s.world, &s.core);
    for (unsigned i = 0; i < WORLD_WORKERS; i++) {
        s.p[i] = pcscf_of(s.world->w[i]);
        struct next_hop *h = hop_of(&s, i);
        h->transport = transport;
        h->addr.port = transport == TRANSPORT_TLS ? 5061 : 5060;
        strcpy(h->name, NAME);
        hop_health_bad(&h->health, true, 0); /* nobody gets through to it */
    }
    s.ca = pair_authority("ca");
    s.own = pair_identity(&s.ca, "gw", &(struct wish){.names = "DNS:gw.ims.test"});
    s.clients = SSL_CTX_new(TLS_client_method());
    s.servers = SSL_CTX_new(TLS_server_method());
    SSL_CTX_load_verify_file(s.servers, s.ca.file);
    SSL_CTX_use_cert_and_key(s.servers, s.own.cert, s.own.key, NULL, 1);
    return s;
}

static void scene_destroy(struct scene *s)
{
    tls_world_destroy(s->world);
    SSL_CTX_free(s->clients);
    SSL_CTX_free(s->servers);
    pair_identity_free(&s->own);
    pair_authority_free(&s->ca);
}

static struct entry *connects(struct scene *s, unsigned worker, uint8_t transport)
{
    s->core.flow.peer.port = 40000;
    tls_connect(&s->core, (uint16_t)worker, 40000);
    struct entry *e = tls_entry(&s->core);
    e->conn.transport = s->core.flow.transport = transport;
    e->conn.side = s->core.flow.side = SIDE_CORE;
    return e;
}

/* The client has shown a certificate of those names (NULL: none). */
static void shakes_hands(struct scene *s, struct entry *e, const char *names)
{
    struct identity id = pair_identity(&s->ca, "client", &(struct wish){.names = names});
    SSL *client = SSL_new(s->clients);
    e->ssl = SSL_new(s->servers);
    SSL_set_verify(e->ssl, names ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    pair_show(client, &id);
    assert_true(pair_shake(client, e->ssl));
    e->shaken = true;
    SSL_free(client);
    pair_identity_free(&id);
}

static void asks(struct scene *s, const char *transport, const char *sent_by, const char *params)
{
    phone_send(&s->core,
               "OPTIONS sip:10.9.9.9:5060 SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bKx%d%s\r\n"
               "Max-Forwards: 70\r\nFrom: <sip:core>;tag=1\r\nTo: <sip:10.9.9.9:5060>\r\nCall-ID: ping\r\n"
               "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
               transport, sent_by, rand(), params);
    phone_drop(&s->core, "SIP/2.0 200");
}

static bool is_reused(const struct scene *s, unsigned worker)
{
    struct next_hop *h = hop_of(s, worker);
    if (ref_is_none(h->alias))
        return false;
    struct sip_hop way = next_hop_way(h);
    return ref_eq(way.flow.conn, s->core.flow.conn) && next_hop_is(h, &way) && way.flow.side == SIDE_CORE;
}

static uint64_t aliases(const struct scene *s)
{
    return stats_sum(s->world->gw.stats, &core_stats, CORE_ALIASES);
}

static void by_tcp_who_has_the_address_may_say_so(void **state)
{
    static const struct {
        const char *sent_by, *params;
        bool reused;
    } cases[] = {
        {"10.0.0.99:5060", ";alias", true},   {"core.test", ";alias", true}, /* 5060 is the default */
        {"core.test:5060", ";alias", true},                                  /* the address is the sender's */
        {"10.0.0.99:5060", "", false},        {"10.0.0.99:5070", ";alias", false},
        {"10.0.0.99:40000", ";alias", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene s = scene_create(TRANSPORT_TCP);
        connects(&s, 0, TRANSPORT_TCP);
        asks(&s, "TCP", cases[i].sent_by, cases[i].params);
        assert_int_equal(is_reused(&s, 0), cases[i].reused);
        assert_int_equal(aliases(&s), cases[i].reused);
        assert_int_equal(hop_health_usable(&hop_of(&s, 0)->health), cases[i].reused);
        assert_false(is_reused(&s, 1));
        asks(&s, "TCP", cases[i].sent_by, cases[i].params);
        assert_int_equal(aliases(&s), cases[i].reused); /* once */
        scene_destroy(&s);
    }
}

static void a_phone_is_no_alias(void **state)
{
    struct scene s = scene_create(TRANSPORT_TCP);
    struct entry *e = connects(&s, 0, TRANSPORT_TCP);
    e->conn.side = s.core.flow.side = SIDE_PHONE;
    phone_send(&s.core,
               "OPTIONS sip:10.9.9.9:5060 SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.99;branch=z9hG4bKx;alias\r\n"
               "Max-Forwards: 70\r\nFrom: <sip:core>;tag=1\r\nTo: <sip:x>\r\nCall-ID: ping\r\n"
               "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
    phone_drop(&s.core, "SIP/2.0 403");
    assert_false(is_reused(&s, 0));
    scene_destroy(&s);
}

static void by_tls_who_has_proved_to_be_it(void **state)
{
    static const struct {
        const char *names;
        bool reused;
    } cases[] = {
        {"URI:sip:" NAME, true},    {"DNS:x.test,DNS:" NAME, true}, {"DNS:x.test", false},
        {"DNS:*.core.test", false}, {"IP:10.0.0.99", false},        {NULL, false}, /* RFC 5923 9.2 */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene s = scene_create(TRANSPORT_TLS);
        struct entry *e = connects(&s, 0, TRANSPORT_TLS);
        shakes_hands(&s, e, cases[i].names);
        asks(&s, "TLS", NAME, ";alias"); /* 5061 is the default */
        assert_int_equal(is_reused(&s, 0), cases[i].reused);
        SSL_free(e->ssl);
        scene_destroy(&s);
    }
}

static void one_transport_is_not_the_other(void **state)
{
    struct scene s = scene_create(TRANSPORT_TLS);
    connects(&s, 0, TRANSPORT_TCP);
    asks(&s, "TCP", "10.0.0.99:5061", ";alias");
    assert_false(is_reused(&s, 0));
    scene_destroy(&s);
}

/* The phone's worker carries the request out, the connection's takes note. */
static void the_worker_that_has_it_is_told(void **state)
{
    struct scene s = scene_create(TRANSPORT_TCP);
    struct fake_phone alice = phone_at(s.world, "alice", "", 0, 1);
    struct sip_hop from;
    char token[TOKEN_TEXT_MAX], text[1024];
    connects(&s, 1, TRANSPORT_TCP);
    from = sip_hop_flow(&s.core.flow);
    assert_true(phone_token(s.world->w[1], &alice.flow, BYTES("sip:alice@ims.test"), token));
    for (int i = 0; i < 2; i++) {
        int n = snprintf(text, sizeof(text),
                         "MESSAGE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP "
                         "10.0.0.99;branch=z9hG4bKm%d;alias\r\nRoute: <sip:%s@10.9.9.9:5060;lr>\r\n"
                         "Max-Forwards: 70\r\nFrom: <sip:core>;tag=1\r\nTo: <sip:x>\r\nCall-ID: m%d\r\n"
                         "CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
                         i, token, i);
        sip_entity_deliver(s.world->w[1], &pcscf_entity, &from, bytes_of(text, (size_t)n));
        world_run(s.world);
        assert_true(is_reused(&s, 1));
        assert_true(ref_is_none(hop_of(&s, 0)->alias));
        assert_true(ref_eq(hop_of(&s, 0)->told, s.core.flow.conn));
        assert_int_equal(aliases(&s), 1);
    }
    scene_destroy(&s);
}

static void when_it_is_gone_nobody_sends_there(void **state)
{
    struct scene s = scene_create(TRANSPORT_TCP);
    struct next_hop *h = hop_of(&s, 0);
    connects(&s, 0, TRANSPORT_TCP);
    asks(&s, "TCP", "10.0.0.99", ";alias");
    assert_true(is_reused(&s, 0));
    tls_close(&s.core);
    assert_true(ref_is_none(h->alias));
    assert_false(timer_armed(&h->timer)); /* this world's hops are left alone, */
    connects(&s, 0, TRANSPORT_TCP);
    asks(&s, "TCP", "10.0.0.99", ";alias");
    h->probed = true;
    tls_close(&s.core);
    assert_true(timer_armed(&h->timer)); /* others are dialled */
    hop_probe_stop(h);
    scene_destroy(&s);
}

/* A connection that was opened to us says nothing of it when its other end loses its power. */
static void a_silent_one_is_given_up(void **state)
{
    struct scene s = scene_create(TRANSPORT_TCP);
    struct next_hop *h = hop_of(&s, 0);
    connects(&s, 0, TRANSPORT_TCP);
    asks(&s, "TCP", "10.0.0.99", ";alias");
    next_hop_failed(h, false, "test");
    assert_true(is_reused(&s, 0));
    next_hop_failed(h, false, "test");
    assert_true(ref_is_none(h->alias));
    asks(&s, "TCP", "10.0.0.99", ";alias"); /* not so silent */
    assert_true(is_reused(&s, 0));
    assert_true(hop_health_usable(&h->health));
    scene_destroy(&s);
}

/* What we opened ourselves comes first, and its end alone does not take the hop down. */
static void ours_comes_first(void **state)
{
    struct scene s = scene_create(TRANSPORT_TCP);
    struct next_hop *h = hop_of(&s, 0);
    hop_health_good(&h->health, false, 0);
    hop_health_good(&h->health, false, 0);
    connects(&s, 0, TRANSPORT_TCP);
    asks(&s, "TCP", "10.0.0.99", ";alias");
    struct fake_phone theirs = s.core;
    struct entry *ours = connects(&s, 0, TRANSPORT_TCP);
    h->conn = s.core.flow.conn;
    ours->conn.state = h;
    struct sip_hop way = next_hop_way(h);
    assert_true(ref_eq(way.flow.conn, h->conn));
    core_module.closed(&ours->conn);
    way = next_hop_way(h);
    assert_true(ref_eq(way.flow.conn, theirs.flow.conn));
    assert_true(hop_health_usable(&h->health));
    scene_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_tcp_who_has_the_address_may_say_so),
        cmocka_unit_test(a_phone_is_no_alias),
        cmocka_unit_test(by_tls_who_has_proved_to_be_it),
        cmocka_unit_test(one_transport_is_not_the_other),
        cmocka_unit_test(the_worker_that_has_it_is_told),
        cmocka_unit_test(when_it_is_gone_nobody_sends_there),
        cmocka_unit_test(a_silent_one_is_given_up),
        cmocka_unit_test(ours_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
