/* dns_answer: what a name server said of one question (RFC 1035 4.1, RFC 2782 SRV, RFC 3403 NAPTR).
 *
 * Floor 3. Pure: from bytes to values, bounded. Only records of the type that was asked for are kept; a CNAME
 * in front of them was followed by the server, and counts with its TTL. */
#pragma once
#include "modules/pcscf/core/core_uri.h"

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28, DNS_SRV = 33, DNS_NAPTR = 35 };

#define DNS_RECORDS_MAX 16 /* further ones are left out */

struct dns_record {
    struct addr addr;                /* A, AAAA */
    uint16_t priority, weight, port; /* SRV; of a NAPTR its order and preference in the first two */
    char service[16];                /* NAPTR: "SIP+D2U"; "" when it is too long to be one of ours */
    char flags[4];                   /* NAPTR */
    char target[CORE_NAME_MAX];      /* SRV target, NAPTR replacement; "" for the root */
};

enum dns_verdict {
    DNS_OK,
    DNS_EMPTY, /* there is no such name, or nothing of that type */
    DNS_FAILED /* nobody could say */
};

struct dns_answer {
    enum dns_verdict verdict;
    const char *why; /* of a failure; static text */
    uint32_t ttl;    /* s: the shortest of those that count; 0 when nothing says */
    unsigned n;
    struct dns_record records[DNS_RECORDS_MAX];
};

/* A whole response message. Malformed: DNS_FAILED. */
void dns_answer_parse(struct bytes message, enum dns_type type, struct dns_answer *out);
