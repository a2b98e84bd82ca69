/* http: request heads (RFC 9112) and the answers of the landing page, through a door. */
#include "door_rig.h"
#include "modules/http/head.h"
#include "modules/modules.h"
#include "web/web.h"

static int parse(const char *text, struct http_head *h)
{
    size_t n = strlen(text);
    char *copy = malloc(n ? n : 1);
    memcpy(copy, text, n);
    int code = http_head_parse(bytes_of(copy, n), h);
    free(copy);
    return code;
}

static void assert_whole(const char *text)
{
    struct http_head h;
    char part[512];
    assert_true(strlen(text) < sizeof part);
    for (size_t n = 0; n < strlen(text); n++) {
        memcpy(part, text, n);
        part[n] = '\0';
        assert_int_equal(parse(part, &h), HTTP_HEAD_MORE);
    }
    assert_int_equal(parse(text, &h), HTTP_HEAD_WHOLE);
    assert_int_equal(h.length, strlen(text));
}

static void whole_heads(void **state)
{
    assert_whole("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    assert_whole("GET / HTTP/1.0\r\n\r\n");
    assert_whole("\r\nGET / HTTP/1.1\r\nHost:\r\nX-Empty:\r\nAccept:\t*/* \r\n\r\n");
    assert_whole("HEAD /a?b=c HTTP/1.1\nhost: x\n\n");
}

static void bad_heads(void **state)
{
    static const char *const bad[] = {
        "GET /\r\n\r\n",                                            /* HTTP/0.9 */
        "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",                       /* 3: single SP */
        "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",                       /* 3 */
        "G(T / HTTP/1.1\r\nHost: x\r\n\r\n",                        /* a method is a token */
        "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",                    /* 3.2 */
        "GET / HTTP/1.1\r\n\r\n",                                   /* 3.2: no Host */
        "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",             /* 3.2: two */
        "GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n",             /* 3.2 */
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",                       /* 5.1 */
        "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",             /* 5.2 */
        "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",            /* 5 */
        "GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",                 /* 5 */
        "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",                     /* 2.2: bare CR */
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", /* 6.3 */
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n", /* 6.3 */
        "GET / HTTP/x.1\r\nHost: x\r\n\r\n",
        "GET / http/1.1\r\nHost: x\r\n\r\n", /* 2.3: case-sensitive */
    };
    struct http_head h;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(parse(bad[i], &h), 400);
    assert_int_equal(parse("GET / HTTP/2.0\r\nHost: x\r\n\r\n", &h), 505);
}

static void too_large_a_head(void **state)
{
    static char head[HTTP_HEAD_MAX + 64];
    struct http_head h;
    memset(head, 'a', sizeof head - 1);
    memcpy(head, "GET /", 5);
    assert_int_equal(parse(head, &h), 431);
    head[HTTP_HEAD_MAX - 1] = '\0';
    assert_int_equal(parse(head, &h), HTTP_HEAD_MORE);
}

static void who_closes(void **state)
{
    struct http_head h;
    parse("GET / HTTP/1.1\r\nHost: x\r\n\r\n", &h);
    assert_true(h.keep_alive && !h.has_body);
    parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n", &h);
    assert_false(h.keep_alive);
    parse("GET / HTTP/1.0\r\n\r\n", &h);
    assert_false(h.keep_alive);
    parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", &h);
    assert_true(h.keep_alive);
    parse("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", &h);
    assert_false(h.has_body);
    parse("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", &h);
    assert_true(h.has_body);
    parse("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", &h);
    assert_true(h.has_body);
}

static const struct module *const modules[] = {&http_module, NULL};
static struct rig rig;
static char answer[1 << 20];

static struct rig *open_rig(void)
{
    rig_prepare(&rig, modules);
    rig_open(&rig, "");
    return &rig;
}

/* Everything until the server closes, as text. */
static size_t read_to_end(struct client *c)
{
    size_t n = 0;
    int k = 0;
    for (int i = 0; i < 3000 && k >= 0; i++) {
        k = client_read(c, answer + n, sizeof answer - 1 - n);
        n += k > 0 ? (size_t)k : 0;
        if (k == 0)
            rig_turn(c->r);
    }
    answer[n] = '\0';
    assert_int_equal(k, -1); /* close_notify */
    return n;
}

static void ask(struct client *c, const char *text)
{
    client_send(c, text, strlen(text));
}

static void assert_answer(struct rig *r, const char *request, const char *status)
{
    struct client c = client_open(r);
    ask(&c, request);
    read_to_end(&c);
    assert_memory_equal(answer, "HTTP/1.1 ", 9);
    assert_memory_equal(answer + 9, status, strlen(status));
    assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
    assert_null(strstr(answer, "Server:"));
    client_close(&c);
}

static void the_page(void **state)
{
    struct rig *r = open_rig();
    char length[64];
    assert_answer(r, "GET /any/path?x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200 OK\r\n");
    snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", landing_page.n);
    assert_non_null(strstr(answer, length));
    assert_non_null(strstr(answer, "\r\nContent-Type: text/html; charset=utf-8\r\n"));
    assert_non_null(strstr(answer, "\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n")); /* 1700000000 */
    const char *body = strstr(answer, "\r\n\r\n") + 4;
    assert_int_equal(strlen(body), landing_page.n);
    assert_memory_equal(body, landing_page.p, landing_page.n);
    assert_answer(r, "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200 OK\r\n");
    assert_non_null(strstr(answer, length));
    assert_int_equal(strlen(strstr(answer, "\r\n\r\n")), 4);
    rig_close(r);
}

static void refusals(void **state)
{
    struct rig *r = open_rig();
    assert_answer(r, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "405 ");
    assert_non_null(strstr(answer, "\r\nAllow: GET, HEAD\r\n"));
    assert_answer(r, "GET / HTTP/1.1\r\nHost x\r\n\r\n", "400 ");
    static char large[HTTP_HEAD_MAX + 200];
    memset(large, 'a', sizeof large - 1);
    memcpy(large, "GET / HTTP/1.1\r\nA: ", 19);
    assert_answer(r, large, "431 ");
    rig_close(r);
}

static void a_slow_head(void **state)
{
    struct rig *r = open_rig();
    struct client c = client_open(r);
    ask(&c, "GET / HTTP/1.1\r\nHost");
    for (int i = 0; i < 9; i++) {
        rig_pass(r, 1000);
        ask(&c, "x");
    }
    assert_int_equal(client_read(&c, answer, 1), 0);
    rig_pass(r, 1100);
    read_to_end(&c);
    assert_memory_equal(answer, "HTTP/1.1 408 ", 13);
    client_close(&c);
    rig_close(r);
}

static void kept_alive(void **state)
{
    struct rig *r = open_rig();
    struct client c = client_open(r);
    for (int i = 0; i < 3; i++) {
        ask(&c, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
        int n = client_read(&c, answer, sizeof answer - 1);
        assert_true(n > 0);
        answer[n] = '\0';
        assert_non_null(strstr(answer, "\r\nConnection: keep-alive\r\n"));
    }
    rig_pass(r, 29000);
    assert_int_equal(rig_closes(r, CLOSE_IDLE), 0);
    rig_pass(r, 2000);
    assert_int_equal(rig_closes(r, CLOSE_IDLE), 1);
    client_close(&c);
    rig_close(r);
}

/* A thousand requests at once are answered in order, without the answers piling up in memory. */
static void pipelined(void **state)
{
    struct rig *r = open_rig();
    struct client c = client_open(r);
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    static char many[1000 * (sizeof request - 1) + 1];
    for (int i = 0; i < 1000; i++)
        memcpy(many + (size_t)i * (sizeof request - 1), request, sizeof request);
    size_t sent = 0, got = 0;
    int answers = 0;
    for (int i = 0; i < 20000 && answers < 1000; i++) {
        size_t k = 0;
        ERR_clear_error();
        if (sent < sizeof many - 1 && SSL_write_ex(c.ssl, many + sent, sizeof many - 1 - sent, &k) == 1)
            sent += k;
        rig_turn(r);
        int n = client_read(&c, answer + got, sizeof answer - 1 - got);
        got += n > 0 ? (size_t)n : 0;
        answer[got] = '\0';
        for (char *p; (p = strstr(answer, "</html>"));) {
            size_t used = (size_t)(p + 7 - answer);
            answers++;
            memmove(answer, answer + used, got - used + 1);
            got -= used;
        }
    }
    assert_int_equal(answers, 1000);
    client_close(&c);
    rig_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_heads), cmocka_unit_test(bad_heads),  cmocka_unit_test(too_large_a_head),
        cmocka_unit_test(who_closes),  cmocka_unit_test(the_page),   cmocka_unit_test(refusals),
        cmocka_unit_test(a_slow_head), cmocka_unit_test(kept_alive), cmocka_unit_test(pipelined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
