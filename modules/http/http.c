/* http: the landing page, for browsers and for proxies that probe whether a real web server answers on 443.
 *
 * Floor 3. HTTP/1.1 by RFC 9110 and 9112, as little of it as is correct: GET and HEAD of any path get the
 * page, other methods 405. State: one small struct a connection, on its worker. Management never answers
 * here. */
#include "modules/http/http.h"
#include "modules/http/head.h"
#include "mux/conn.h"
#include "mux/sniff.h"
#include "web/web.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define HEAD_TIME_MS 10000 /* for a whole head, from when the last answer was given */
#define KEEP_TIME_MS 30000 /* silence between two requests */
#define HEAD_ROOM    512   /* of an answer's head */

struct visit {
    struct conn *c;
    struct timer head_late;
    bool held; /* the answers so far fill the out-batch: no more requests until it has left */
};

struct answer {
    int code;
    const char *reason;
    const char *fields; /* further header lines, each with its CRLF */
    struct bytes body;
    bool head_only; /* HEAD: the length, not the body */
    bool close;
};

/* RFC 9110 5.6.7; an origin server with a clock says what time it is (6.6.1). */
static void write_date(int64_t wall, char dst[static 32])
{
    time_t t = (time_t)wall;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || strftime(dst, 32, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
        dst[0] = '\0';
}

/* As conn_send: 0, -EAGAIN (taken, but hold back), -ENOBUFS, -ENOTCONN. */
static int send_answer(struct conn *c, const struct answer *a)
{
    char date[32], head[HEAD_ROOM];
    write_date(c->w->wall, date);
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Length: %zu\r\nConnection: %s\r\n%s\r\n", a->code,
                     a->reason, date, a->body.n, a->close ? "close" : "keep-alive", a->fields);
    if (n < 0 || (size_t)n >= sizeof head)
        return -ENOBUFS;
    int rc = conn_send(c, bytes_of(head, (size_t)n));
    if ((rc == 0 || rc == -EAGAIN) && a->body.n && !a->head_only)
        rc = conn_send(c, a->body);
    return rc;
}

static void refuse(struct conn *c, int code, const char *reason)
{
    struct answer a = {.code = code, .reason = reason, .fields = "", .close = true};
    send_answer(c, &a);
    conn_close(c, CLOSE_PROTOCOL);
}

static struct answer answer_to(const struct http_head *h)
{
    bool get = bytes_eq(h->method, BYTES("GET")), head = bytes_eq(h->method, BYTES("HEAD"));
    struct answer a = {.code = 200, .reason = "OK", .body = landing_page, .head_only = head};
    a.fields = "Content-Type: text/html; charset=utf-8\r\n";
    a.close = !h->keep_alive || h->has_body; /* a body is not read, so what follows it cannot be found */
    if (!get && !head) {
        a = (struct answer){.code = 405, .reason = "Method Not Allowed", .close = a.close};
        a.fields = "Allow: GET, HEAD\r\n"; /* RFC 9110 15.5.6 */
    }
    return a;
}

static void serve(struct conn *c, const struct http_head *h)
{
    struct visit *v = c->state;
    struct answer a = answer_to(h);
    int rc = send_answer(c, &a);
    if (a.close || (rc < 0 && rc != -EAGAIN)) {
        conn_close(c, CLOSE_MODULE);
        return;
    }
    v->held = rc == -EAGAIN;
    if (v->held)
        conn_pause(c); /* a client that asks without reading waits for itself */
}

static void watch_head(struct visit *v, bool waits)
{
    struct worker *w = v->c->w;
    if (!waits)
        timer_stop(&w->timers, &v->head_late);
    else if (!timer_armed(&v->head_late))
        timer_set(&w->timers, &v->head_late, w->now + HEAD_TIME_MS);
}

static void on_head_late(struct worker *w, struct timer *t)
{
    struct visit *v = container_of(t, struct visit, head_late);
    refuse(v->c, 408, "Request Timeout");
}

static void opened(struct conn *c)
{
    struct visit *v = calloc(1, sizeof *v);
    if (!v) {
        conn_close(c, CLOSE_MEMORY);
        return;
    }
    v->c = c;
    v->head_late.fire = on_head_late;
    c->state = v;
    conn_idle_timeout(c, KEEP_TIME_MS);
    /* Looser than our own, so that a slow or long head gets its 408 or 431 and not a bare close. */
    conn_frame_limits(c, 2 * HEAD_TIME_MS, 2 * HTTP_HEAD_MAX + 65536);
}

static void closed(struct conn *c)
{
    struct visit *v = c->state;
    if (!v)
        return;
    timer_stop(&c->w->timers, &v->head_late);
    free(v);
    c->state = NULL;
}

/* One request. Returns what it was long, 0 when it is not whole or was refused. */
static size_t take_request(struct conn *c, struct bytes in)
{
    struct http_head h;
    int code = http_head_parse(in, &h);
    if (code == HTTP_HEAD_MORE)
        return 0;
    if (code == 431)
        refuse(c, 431, "Request Header Fields Too Large");
    else if (code == 505)
        refuse(c, 505, "HTTP Version Not Supported");
    else if (code != HTTP_HEAD_WHOLE)
        refuse(c, 400, "Bad Request");
    else
        serve(c, &h);
    return code == HTTP_HEAD_WHOLE ? h.length : 0;
}

static size_t data(struct conn *c, struct bytes in)
{
    struct visit *v = c->state;
    size_t eaten = 0, n;
    if (!v)
        return in.n;
    do {
        n = take_request(c, bytes_skip(in, eaten));
        eaten += n;
    } while (n > 0 && eaten < in.n && !v->held);
    if (eaten > 0)
        watch_head(v, false);
    watch_head(v, eaten < in.n && !v->held);
    return eaten;
}

static void drained(struct conn *c)
{
    struct visit *v = c->state;
    v->held = false;
    conn_resume(c);
}

static enum sniff sniff(struct bytes first)
{
    return sniff_text(first, SNIFF_HTTP);
}

static const char *const alpn[] = {"http/1.1", NULL};

const struct module http_module = {
    .name = "http",
    .alpn = alpn,
    .sniff = sniff,
    .opened = opened,
    .data = data,
    .closed = closed,
    .drained = drained,
};
