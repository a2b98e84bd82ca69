/* scripted_dns: a resolver whose answers the test writes, and whose questions it can look at. */
#pragma once
#include "modules/pcscf/core/resolver.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scripted_line {
    enum dns_type type;
    const char *name;
    uint32_t ttl;
    /* "10.0.0.1 10.0.0.2" for A; "priority weight port target, ..." for SRV; "order preference flags service
     * replacement, ..." for NAPTR; NULL: nobody answers */
    const char *text;
};

struct scripted_dns {
    struct resolver pub;
    const struct scripted_line *lines; /* ends with a name NULL; what is not there is DNS_EMPTY */
    char asked[1024];                  /* "NAPTR core.test|SRV _sip._udp.core.test|" */
    struct dns_question *question;     /* waits for scripted_answer() */
    char name[CORE_NAME_MAX];
    enum dns_type type;
    bool refuses; /* `ask` says no */
};

static inline const char *scripted_type(enum dns_type t)
{
    return t == DNS_A ? "A" : t == DNS_AAAA ? "AAAA" : t == DNS_SRV ? "SRV" : "NAPTR";
}

static inline int scripted_ask(struct resolver *r, const char *name, enum dns_type type,
                               struct dns_question *q)
{
    struct scripted_dns *s = (struct scripted_dns *)(void *)r;
    size_t n = strlen(s->asked);
    if (s->refuses)
        return -EAGAIN;
    snprintf(s->asked + n, sizeof(s->asked) - n, "%s %s|", scripted_type(type), name);
    snprintf(s->name, sizeof(s->name), "%s", name);
    s->type = type;
    s->question = q;
    q->asked = s;
    return 0;
}

static inline void scripted_drop(struct resolver *r, struct dns_question *q)
{
    struct scripted_dns *s = (struct scripted_dns *)(void *)r;
    s->question = s->question == q ? NULL : s->question;
    q->asked = NULL;
}

static inline void scripted_destroy(struct resolver *r)
{
    (void)r;
}

static inline struct scripted_dns scripted_dns(const struct scripted_line *lines)
{
    return (struct scripted_dns){
        .pub = {.ask = scripted_ask, .drop = scripted_drop, .destroy = scripted_destroy}, .lines = lines};
}

static inline void scripted_record(enum dns_type type, const char *text, struct dns_record *r)
{
    unsigned a = 0, b = 0, c = 0;
    if (type == DNS_A || type == DNS_AAAA)
        addr_parse(bytes_str(text), 0, &r->addr);
    else if (type == DNS_SRV)
        sscanf(text, "%u %u %u %253s", &a, &b, &c, r->target);
    else
        sscanf(text, "%u %u %3s %15s %253s", &a, &b, r->flags, r->service, r->target);
    r->priority = (uint16_t)a;
    r->weight = (uint16_t)b;
    r->port = (uint16_t)c;
    if (strcmp(r->target, ".") == 0)
        r->target[0] = '\0';
}

static inline struct dns_answer scripted_find(const struct scripted_dns *s)
{
    const struct scripted_line *l = s->lines;
    struct dns_answer a = {.verdict = DNS_EMPTY};
    for (; l->name && (l->type != s->type || strcmp(l->name, s->name) != 0); l++) {
    }
    if (!l->name)
        return a;
    if (!l->text)
        return (struct dns_answer){.verdict = DNS_FAILED, .why = "no DNS server answered"};
    char copy[1024], *at, *word;
    snprintf(copy, sizeof(copy), "%s", l->text);
    for (at = copy; (word = strtok_r(at, ",", &at));)
        scripted_record(s->type, word + strspn(word, " "), &a.records[a.n++]);
    a.verdict = DNS_OK;
    a.ttl = l->ttl;
    return a;
}

/* One answer. False: nothing was asked. */
static inline bool scripted_answer(struct scripted_dns *s)
{
    struct dns_question *q = s->question;
    struct dns_answer a = scripted_find(s);
    if (!q)
        return false;
    s->question = NULL;
    q->asked = NULL;
    q->answered(q, &a);
    return true;
}
