/* The connection to a core over TCP: framing both ways, pings, loss and return (RFC 3261 18.3, RFC
 * 5626 4.4.1). The far end is a socket of the test on loopback; time is virtual. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/core/worker.h"
#include "modules/pcscf/core_tcp.h"
#include <cmocka.h>

#define OPTIONS                                                                                              \
    "OPTIONS sip:edge SIP/2.0\r\nVia: SIP/2.0/TCP core;branch=z9hG4bK1\r\nContent-Length: 4\r\n\r\nbody"

struct rig {
    struct gateway gw;
    struct worker *w;
    struct core_tcp *core;
    int listener, fd;
    struct addr addr;
};

static char heard[4][512];
static unsigned n_heard;

static void hear(struct worker *w, const struct sip_hop *from, struct bytes msg)
{
    assert_ptr_equal(from->entity, &core_tcp_entity);
    assert_true(n_heard < 4 && bytes_to_str(msg, heard[n_heard], sizeof(heard[0])));
    n_heard++;
}

static const struct sip_entity listener_entity = {.name = "edge", .receive = hear};

static void turn(struct rig *r)
{
    for (int i = 0; i < 20; i++) {
        ev_run(r->w->loop, EVRUN_NOWAIT);
        worker_turn(r->w);
        usleep(500);
    }
}

static void take_connection(struct rig *r)
{
    turn(r);
    r->fd = accept(r->listener, NULL, NULL);
    assert_true(r->fd >= 0);
    turn(r);
    assert_true(core_tcp_up(r->core));
}

static void open_listener(struct rig *r, const struct sockaddr *sa, socklen_t n)
{
    int on = 1;
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind(r->listener, sa, n), 0);
    assert_int_equal(listen(r->listener, 4), 0);
}

static struct rig *rig_create(void)
{
    struct rig *r = calloc(1, sizeof(*r));
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(sa);
    n_heard = 0;
    open_listener(r, (struct sockaddr *)&sa, n);
    assert_int_equal(getsockname(r->listener, (struct sockaddr *)&sa, &n), 0);
    r->addr = addr_from_sockaddr((struct sockaddr *)&sa);
    r->gw.n_workers = 1;
    r->w = worker_create(&r->gw, 0);
    r->w->loop = ev_loop_new(0);
    r->w->log.level = LOG_ERROR;
    r->core = core_tcp_create(r->w, &listener_entity, &r->addr, 4096);
    assert_non_null(r->core);
    return r;
}

static void rig_destroy(struct rig *r)
{
    core_tcp_destroy(r->core);
    worker_destroy(r->w);
    close(r->listener);
    close(r->fd);
    free(r);
}

static void say(struct rig *r, const char *text, size_t n)
{
    assert_int_equal(send(r->fd, text, n, 0), (ssize_t)n);
    turn(r);
}

static void messages_are_cut_from_the_stream(void **state)
{
    struct rig *r = rig_create();
    take_connection(r);
    size_t n = strlen(OPTIONS);
    for (size_t i = 0; i < n; i += 30) /* in pieces */
        say(r, &OPTIONS[i], i + 30 > n ? n - i : 30);
    assert_int_equal(n_heard, 1);
    assert_string_equal(heard[0], OPTIONS);
    say(r, OPTIONS OPTIONS, 2 * n); /* and two at once */
    assert_int_equal(n_heard, 3);
    assert_string_equal(heard[2], OPTIONS);
    rig_destroy(r);
}

static void what_the_edge_sends_goes_out_as_it_is(void **state)
{
    struct rig *r = rig_create();
    take_connection(r);
    const struct sip_hop to = sip_hop_local(&core_tcp_entity);
    assert_int_equal(sip_hop_send(r->w, &listener_entity, &to, BYTES(OPTIONS)), 0);
    turn(r);
    char got[512];
    ssize_t n = recv(r->fd, got, sizeof(got), MSG_DONTWAIT);
    assert_int_equal(n, strlen(OPTIONS));
    assert_memory_equal(got, OPTIONS, strlen(OPTIONS));
    rig_destroy(r);
}

static void a_ping_gets_its_pong(void **state)
{
    struct rig *r = rig_create();
    take_connection(r);
    say(r, "\r\n\r\n", 4);
    char got[8];
    assert_int_equal(recv(r->fd, got, sizeof(got), MSG_DONTWAIT), 2);
    assert_memory_equal(got, "\r\n", 2);
    rig_destroy(r);
}

static void a_lost_connection_comes_back(void **state)
{
    struct rig *r = rig_create();
    take_connection(r);
    close(r->fd);
    turn(r);
    assert_false(core_tcp_up(r->core));
    /* What is sent meanwhile is lost, like a datagram, and does no harm. */
    const struct sip_hop to = sip_hop_local(&core_tcp_entity);
    sip_hop_send(r->w, &listener_entity, &to, BYTES(OPTIONS));
    turn(r);
    r->w->now += 1000;
    take_connection(r);
    rig_destroy(r);
}

static void a_stream_that_cannot_be_cut_is_given_up(void **state)
{
    struct rig *r = rig_create();
    take_connection(r);
    static const char text[] =
        "OPTIONS sip:edge SIP/2.0\r\nVia: SIP/2.0/TCP core\r\nContent-Length: 99999999\r\n\r\n";
    say(r, text, sizeof(text) - 1);
    assert_false(core_tcp_up(r->core));
    assert_int_equal(n_heard, 0);
    rig_destroy(r);
}

static void nobody_listens_and_it_tries_again(void **state)
{
    struct rig *r = rig_create();
    take_connection(r);
    close(r->fd);
    close(r->listener);
    turn(r);
    for (int i = 0; i < 6; i++) {
        r->w->now += 40000;
        turn(r);
        assert_false(core_tcp_up(r->core));
    }
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(&r->addr, &sa);
    open_listener(r, (struct sockaddr *)&sa, n);
    r->w->now += 40000;
    take_connection(r);
    rig_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_cut_from_the_stream),
        cmocka_unit_test(what_the_edge_sends_goes_out_as_it_is),
        cmocka_unit_test(a_ping_gets_its_pong),
        cmocka_unit_test(a_lost_connection_comes_back),
        cmocka_unit_test(a_stream_that_cannot_be_cut_is_given_up),
        cmocka_unit_test(nobody_listens_and_it_tries_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
