/* sip_world: edge and home network of one process in memory, with phones that are flows without a socket.
 *
 * For tests: workers that are turned by hand, virtual time, and every message that would leave by a flow
 * caught in a list. Phones stand on UDP flows, which are alive without a door. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/token.h"
#include "appliance/core/directory.h"
#include "modules/pcscf/core/core_place.h"
#include "modules/pcscf/registration/phone.h"
#include "modules/pcscf/room.h"
#include "modules/registrar/network.h"
#include "modules/sip/digest.h"
#include "modules/sip/msg.h"
#include <cmocka.h>

#define WORLD_WORKERS 2
#define WORLD_SENT    16384

struct world_sent {
    struct flow to;
    char *text;
    size_t n;
};

struct world {
    struct gateway gw;
    struct config *config;
    struct worker *w[WORLD_WORKERS];
    struct world_sent sent[WORLD_SENT];
    size_t n_sent;
    uint64_t now;
    struct flow broken; /* sending there says -ENOTCONN, as on a connection that has closed */
};

static int64_t world_wall = 1700000000; /* when a world begins */
static struct world *the_world;         /* the hook of sip_send has no argument of its own */

static const struct settings *const world_tables[] = {&abuse_settings,
                                                      &pcscf_settings,
                                                      &emergency_settings,
                                                      &policy_settings,
                                                      &registrar_settings,
                                                      &sip_settings,
                                                      NULL};
static const struct stat_table *const world_stats[] = {
    &abuse_stats, &core_stats, &pcscf_stats, &policy_stats, &registrar_stats, &sip_stats, NULL};

static inline int world_send(struct worker *w, const struct sip_entity *self, const struct sip_hop *to,
                             struct bytes msg)
{
    struct world *world = the_world;
    if (to->kind == HOP_LOCAL)
        return sip_hop_send(w, self, to, msg);
    if (world->broken.transport && flow_eq(&world->broken, &to->flow))
        return -107; /* -ENOTCONN */
    assert_true(world->n_sent < WORLD_SENT);
    struct world_sent *s = &world->sent[world->n_sent++];
    s->to = to->flow;
    s->n = msg.n;
#ifdef FAILING_MALLOC /* the wire has memory enough */
    int kept = countdown;
    countdown = -1;
#endif
    s->text = malloc(msg.n + 1);
#ifdef FAILING_MALLOC
    countdown = kept;
#endif
    assert_non_null(s->text);
    memcpy(s->text, msg.p, msg.n);
    s->text[msg.n] = '\0';
    return 0;
}

static inline void world_user(struct world *world, const char *name, const char *password)
{
    struct user_key key;
    assert_int_equal(user_key_derive(BYTES("ims.test"), bytes_str(name), bytes_str(password), &key), 0);
    key.enabled = true;
    assert_int_equal(directory_put(world->gw.directory, NULL, BYTES("ims.test"), bytes_str(name), &key, 1),
                     0);
}

static inline struct worker *world_worker(struct world *world, uint16_t id)
{
    static const struct token_key key = {.id = 1, .key = {7}};
    struct worker *w = worker_create(&world->gw, id);
    assert_non_null(w);
    w->config = config_hold(world->config);
    w->tokens = token_box_create(&key, NULL);
    w->wall = world_wall;
    w->log.level = LOG_ERROR;
    assert_non_null(pcscf_create(w, world_send));
    assert_non_null(registrar_create(w, world_send));
    return w;
}

static inline struct world *world_create_stored(const char *settings, struct store *store)
{
    struct world *world = calloc(1, sizeof(*world));
    struct config_problem *problems = NULL;
    assert_non_null(world);
    the_world = world;
    world->config = config_load_text(settings, "test", world_tables, &problems);
    if (problems)
        print_error("%s\n", problems->text);
    assert_non_null(world->config);
    config_problems_free(problems);
    world->gw.n_workers = WORLD_WORKERS;
    world->gw.started = 1699999999;
    world->gw.store = store;
    world->gw.directory = directory_create();
    world->gw.stats = stats_create(world_stats, WORLD_WORKERS + 1);
    world_user(world, "alice", "secret-a");
    world_user(world, "bob", "secret-b");
    world_user(world, "carol", "secret-c");
    for (uint16_t i = 0; i < WORLD_WORKERS; i++)
        world->w[i] = world_worker(world, i);
    return world;
}

static inline struct world *world_create(void)
{
    return world_create_stored("pcscf { host = \"gw.ims.test\" }\nregistrar { domains = {\"ims.test\"} }\n",
                               NULL);
}

static inline void world_forget(struct world *world)
{
    for (size_t i = 0; i < world->n_sent; i++)
        free(world->sent[i].text);
    world->n_sent = 0;
}

static inline void world_destroy(struct world *world)
{
    for (unsigned i = 0; i < WORLD_WORKERS; i++) {
        pcscf_destroy(pcscf_of(world->w[i]));
        registrar_destroy(registrar_of(world->w[i]));
        worker_destroy(world->w[i]);
    }
    assert_null(atomic_load(&world->gw.location));
    world_forget(world);
    stats_destroy(world->gw.stats);
    directory_destroy(world->gw.directory);
    config_drop(world->config);
    free(world);
}

/* Until nothing moves any more: a letter opened in one turn may be answered by another in the next. */
static inline void world_run(struct world *world)
{
    for (int round = 0; round < 24; round++) {
        for (unsigned i = 0; i < WORLD_WORKERS; i++)
            worker_turn(world->w[i]);
    }
}

static inline void world_wait(struct world *world, uint64_t ms)
{
    while (ms) {
        uint64_t step = ms > 500 ? 500 : ms;
        ms -= step;
        world->now += step;
        for (unsigned i = 0; i < WORLD_WORKERS; i++) {
            world->w[i]->now = world->now;
            world->w[i]->wall = world_wall + (int64_t)(world->now / 1000);
        }
        world_run(world);
    }
}

static inline uint64_t world_count(struct world *world, enum pcscf_stat what)
{
    return stats_sum(world->gw.stats, &pcscf_stats, what);
}

/* ---- phones ---- */

struct fake_phone {
    struct world *world;
    const char *name, *password;
    struct flow flow;
    char contact[128];
    const char *contact_params;
    const char *extra; /* header lines of REGISTER */
    unsigned cseq;
    unsigned call; /* Call-ID of REGISTER */
};

static inline struct fake_phone phone_at(struct world *world, const char *name, const char *password,
                                         uint16_t worker, uint8_t host)
{
    struct fake_phone ph = {
        .world = world, .name = name, .password = password, .contact_params = "", .extra = ""};
    ph.flow = (struct flow){.transport = TRANSPORT_UDP,
                            .conn = {.worker = worker},
                            .peer = {.family = ADDR_V4, .port = 5060, .ip = {10, 0, 0, host}}};
    snprintf(ph.contact, sizeof(ph.contact), "sip:%s@192.168.7.%u:5060", name, host);
    ph.call = host;
    return ph;
}

/* A token for that flow, as a Path has it. */
static inline bool phone_token(struct worker *w, const struct flow *f, struct bytes aor,
                               char dst[static TOKEN_TEXT_MAX])
{
    const struct flow_token t = {.flow = *f, .owner = flow_owner(aor)};
    return flow_token_seal(w, &t, dst);
}

static inline void phone_send(struct fake_phone *ph, const char *fmt, ...)
{
    char text[8192];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    assert_true(n > 0 && (size_t)n < sizeof(text));
    struct sip_hop from = sip_hop_flow(&ph->flow);
    pcscf_take(pcscf_of(ph->world->w[ph->flow.conn.worker]), &from, bytes_of(text, (size_t)n));
    world_run(ph->world);
}

/* A next hop of every worker that is left alone by probes; its datagrams come to worker 1's socket. */
static inline struct next_hop *world_hop(struct pcscf *p, unsigned index, const struct flow *flow)
{
    struct next_hop *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    h->p = p;
    h->index = index;
    h->transport = TRANSPORT_UDP;
    h->addr = flow->peer;
    h->flow = *flow;
    h->flow.conn.worker = 1;
    p->core.hops[index] = h;
    p->core.n_hops = index + 1;
    return h;
}

/* From now on `core` is the core behind the edge of every worker; more than once: further next hops of it. */
static inline void world_core(struct world *world, const struct fake_phone *core)
{
    for (uint16_t i = 0; i < WORLD_WORKERS; i++) {
        struct pcscf *p = pcscf_of(world->w[i]);
        struct core_link *l = &p->core;
        if (!l->home) {
            l->home = core_place_create(p, "");
            list_push_back(&l->places, &l->home->link);
        }
        struct core_place *home = l->home;
        unsigned n = home->n_choices++;
        home->choices[n] = (struct place_choice){.hop = world_hop(p, n, &core->flow), .rank = n};
        home->choices[n].hop->places = 1;
        l->embedded = false;
        l->reach = (struct addr){.family = ADDR_V4, .port = 5060, .ip = {10, 9, 9, 9}};
        snprintf(l->host, sizeof(l->host), "10.9.9.9:5060");
    }
}

/* The oldest message that was sent to that phone and not looked at yet; the caller frees. NULL: none. */
static inline char *phone_get(struct fake_phone *ph)
{
    struct world *world = ph->world;
    for (size_t i = 0; i < world->n_sent; i++) {
        if (!flow_eq(&world->sent[i].to, &ph->flow))
            continue;
        char *text = world->sent[i].text;
        memmove(&world->sent[i], &world->sent[i + 1], (world->n_sent - i - 1) * sizeof(world->sent[0]));
        world->n_sent--;
        return text;
    }
    return NULL;
}

/* The next one that starts so; what comes before it is thrown away. */
static inline char *phone_expect(struct fake_phone *ph, const char *start)
{
    char *text;
    while ((text = phone_get(ph))) {
        if (strncmp(text, start, strlen(start)) == 0)
            return text;
        if (strncmp(text, "SIP/2.0 100", 11) != 0)
            print_message("passed over: %.60s\n", text);
        free(text);
    }
    fail_msg("%s never got \"%s\"", ph->name, start);
    return NULL;
}

static inline void phone_drop(struct fake_phone *ph, const char *start)
{
    free(phone_expect(ph, start));
}

static inline void phone_expect_none(struct fake_phone *ph)
{
    char *text = phone_get(ph);
    if (text)
        fail_msg("%s got: %s", ph->name, text);
}

/* The nth line of that header, as a static copy; "" when there is none. */
static inline const char *header_of(const char *text, const char *name, unsigned nth)
{
    static char copies[8][1024];
    static unsigned next;
    char *copy = copies[next++ % 8];
    size_t n = strlen(name);
    copy[0] = '\0';
    for (const char *at = strstr(text, "\r\n"); at && at[2] != '\r'; at = strstr(at + 2, "\r\n")) {
        if (strncasecmp(at + 2, name, n) != 0 || at[2 + n] != ':')
            continue;
        if (nth--)
            continue;
        const char *value = at + 3 + n;
        while (*value == ' ')
            value++;
        snprintf(copy, sizeof(copies[0]), "%.*s", (int)strcspn(value, "\r"), value);
        return copy;
    }
    return copy;
}

/* All lines of that header, each with CRLF, under another name; static. reverse: last one first. */
static inline const char *headers_as(const char *text, const char *name, const char *as, bool reverse)
{
    static char out[8192];
    unsigned n = 0;
    out[0] = '\0';
    while (header_of(text, name, n)[0])
        n++;
    for (unsigned i = 0; i < n; i++) {
        char line[1200];
        snprintf(line, sizeof(line), "%s: %s\r\n", as, header_of(text, name, reverse ? n - 1 - i : i));
        strncat(out, line, sizeof(out) - strlen(out) - 1);
    }
    return out;
}

/* ---- registering ---- */

static inline void phone_register_once(struct fake_phone *ph, const char *contact, const char *expires,
                                       const char *authorization)
{
    ph->cseq++;
    phone_send(ph,
               "REGISTER sip:ims.test SIP/2.0\r\n"
               "Via: SIP/2.0/UDP 192.168.7.%u:5060;branch=z9hG4bKreg%u.%u;rport\r\n"
               "Max-Forwards: 70\r\n"
               "From: <sip:%s@ims.test>;tag=r%u\r\n"
               "To: <sip:%s@ims.test>\r\n"
               "Call-ID: reg-%u\r\n"
               "CSeq: %u REGISTER\r\n"
               "%s%s%s%s%s"
               "Content-Length: 0\r\n\r\n",
               ph->flow.peer.ip[3], ph->call, ph->cseq, ph->name, ph->call, ph->name, ph->call, ph->cseq,
               contact, expires, authorization, ph->extra, "");
}

/* The Authorization line that answers the nth challenge of a 401; static. */
static inline const char *phone_answer(struct fake_phone *ph, const char *challenged, unsigned nth,
                                       unsigned nc)
{
    static char line[1024];
    struct digest_challenge ch;
    struct user_key key;
    struct buf out;
    const char *value = header_of(challenged, "WWW-Authenticate", nth);
    assert_int_equal(digest_challenge_parse(bytes_str(value), &ch), 0);
    assert_int_equal(user_key_derive(ch.realm, bytes_str(ph->name), bytes_str(ph->password), &key), 0);
    const struct digest_answer a = {.challenge = &ch,
                                    .username = bytes_str(ph->name),
                                    .method = BYTES("REGISTER"),
                                    .uri = BYTES("sip:ims.test"),
                                    .cnonce = BYTES("0a4f113b"),
                                    .nc = nc};
    buf_init(&out);
    assert_int_equal(digest_answer_write(&a, &key, &out), 0);
    snprintf(line, sizeof(line), "Authorization: %.*s\r\n", BYTES_FMT(buf_bytes(&out)));
    buf_fini(&out);
    return line;
}

/* Both rounds; gives the 200, which the caller frees. */
static inline char *phone_register_with(struct fake_phone *ph, const char *contact, const char *expires)
{
    phone_register_once(ph, contact, expires, "");
    char *challenged = phone_expect(ph, "SIP/2.0 401");
    const char *answer = phone_answer(ph, challenged, 0, 1);
    free(challenged);
    phone_register_once(ph, contact, expires, answer);
    return phone_expect(ph, "SIP/2.0 200");
}

static inline void phone_registers(struct fake_phone *ph)
{
    char contact[300];
    snprintf(contact, sizeof(contact), "Contact: <%s>%s\r\n", ph->contact, ph->contact_params);
    free(phone_register_with(ph, contact, "Expires: 600\r\n"));
}

/* ---- calls ---- */

#define SDP "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"

static inline void phone_requests(struct fake_phone *ph, const char *method, const char *uri, const char *to,
                                  const char *call, unsigned cseq, const char *headers)
{
    phone_send(ph,
               "%s %s SIP/2.0\r\n"
               "Via: SIP/2.0/UDP 192.168.7.%u:5060;branch=z9hG4bK%s.%s.%u;rport\r\n"
               "Max-Forwards: 70\r\n"
               "From: <sip:%s@ims.test>;tag=%s-%s\r\n"
               "To: %s\r\n"
               "Call-ID: %s\r\n"
               "CSeq: %u %s\r\n"
               "Contact: <%s>\r\n"
               "%sContent-Length: 0\r\n\r\n",
               method, uri, ph->flow.peer.ip[3], call, method, cseq, ph->name, ph->name, call, to, call, cseq,
               method, ph->contact, headers);
}

/* Takes back the INVITE that phone_requests() made of call c1. */
static inline void alice_cancels(struct fake_phone *alice)
{
    phone_send(alice,
               "CANCEL sip:bob@ims.test SIP/2.0\r\n"
               "Via: SIP/2.0/UDP 192.168.7.1:5060;branch=z9hG4bKc1.INVITE.1;rport\r\nMax-Forwards: 70\r\n"
               "From: <sip:alice@ims.test>;tag=alice-c1\r\nTo: <sip:bob@ims.test>\r\nCall-ID: c1\r\n"
               "CSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n");
}

/* Answers a request that this phone got, with its own Contact. */
static inline void phone_answers(struct fake_phone *ph, const char *request, const char *status)
{
    char vias[8192], records[8192], to[1024], tag[64] = "";
    snprintf(vias, sizeof(vias), "%s", headers_as(request, "Via", "Via", false));
    snprintf(records, sizeof(records), "%s", headers_as(request, "Record-Route", "Record-Route", false));
    snprintf(to, sizeof(to), "%s", header_of(request, "To", 0));
    if (!strstr(to, ";tag="))
        snprintf(tag, sizeof(tag), ";tag=%s-ua", ph->name);
    phone_send(ph,
               "SIP/2.0 %s\r\n%s%sFrom: %s\r\nTo: %s%s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: <%s>\r\n"
               "Content-Length: 0\r\n\r\n",
               status, vias, records, header_of(request, "From", 0), to, tag,
               header_of(request, "Call-ID", 0), header_of(request, "CSeq", 0), ph->contact);
}
