/* Messages that nobody here wrote: $SALLYPORT_CORPORA/sip-*. Each parses or is refused with a reason; what is
 * accepted goes through unchanged, and its header fields can be read. MANIFEST.tsv says which of them were
 * fine for their peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "modules/sip/digest.h"
#include "modules/sip/edit.h"
#include "modules/sip/frame.h"
#include "sip_text.h"
#include <dirent.h>

static struct sip_msg m;
static const char *corpora;
static unsigned failures;

static bool has_dir(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", corpora, name);
    DIR *d = opendir(path);
    if (d)
        closedir(d);
    return d != NULL;
}

static void identity_edit(const char *name)
{
    static struct sip_edit e;
    struct buf out;
    buf_init(&out);
    sip_edit_init(&e, &m);
    if (sip_edit_apply(&e, &out) < 0 || !bytes_eq(buf_bytes(&out), m.raw))
        fail_msg("%s: an edit of nothing changed it", name);
    buf_fini(&out);
}

/* A pushed Via and a popped one must give back what was there. */
static void push_and_pop(const char *name)
{
    static struct sip_edit e;
    static struct sip_msg pushed;
    struct sip_fault fault;
    struct buf out, back;
    buf_init(&out);
    buf_init(&back);
    sip_edit_init(&e, &m);
    sip_edit_push(&e, SIP_H_VIA, BYTES("SIP/2.0/TLS me.example;branch=z9hG4bKx"));
    assert_int_equal(sip_edit_apply(&e, &out), 0);
    struct bytes text = exact(buf_bytes(&out));
    if (sip_msg_parse(&pushed, text, SIP_DATAGRAM, &fault) < 0)
        fail_msg("%s: not readable with one more Via: %s", name, fault.reason);
    assert_bytes(pushed.via.by.text, "me.example");
    sip_edit_init(&e, &pushed);
    sip_edit_pop(&e, SIP_H_VIA, 1);
    if (sip_edit_apply(&e, &back) < 0 || !bytes_eq(buf_bytes(&back), m.raw))
        fail_msg("%s: pushed and popped, it is another", name);
    drop(text);
    buf_fini(&out);
    buf_fini(&back);
}

/* All the parsers over all there is: no crash, no read past the end. */
static void read_all(void)
{
    struct sip_nameaddr na;
    struct sip_contact contact;
    struct sip_via via;
    struct digest_credentials cred;
    struct digest_challenge challenge;
    struct sip_worded w;
    char aor[SIP_AOR_MAX];
    for (int id = 1; id < SIP_H_COUNT; id++) {
        struct bytes item;
        struct sip_values it = sip_values(&m, (enum sip_header_id)id);
        while (sip_values_next(&it, &item)) {
            if (sip_nameaddr_parse(item, &na))
                sip_aor(&na.uri, aor, sizeof(aor));
            sip_contact_parse(item, &contact);
            sip_via_parse(item, &via);
            sip_worded_parse(item, &w);
        }
        digest_credentials_parse(sip_msg_value(&m, (enum sip_header_id)id), &cred);
        digest_challenge_parse(sip_msg_value(&m, (enum sip_header_id)id), &challenge);
    }
}

/* What the peers took in a real network, or an RFC prints as an example, has to be readable in the parts we
 * would use. NULL, or the name of the field that is not. */
static const char *unreadable(void)
{
    static const enum sip_header_id ids[] = {
        SIP_H_ROUTE,         SIP_H_RECORD_ROUTE,     SIP_H_PATH,
        SIP_H_SERVICE_ROUTE, SIP_H_P_ASSOCIATED_URI, SIP_H_P_ASSERTED_IDENTITY};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct bytes item;
        struct sip_nameaddr na;
        struct sip_values it = sip_values(&m, ids[i]);
        while (sip_values_next(&it, &item))
            if (!sip_nameaddr_parse(item, &na))
                return sip_header_name(ids[i]);
        if (it.bad)
            return sip_header_name(ids[i]);
    }
    return NULL;
}

/* NULL when taken and readable; what is wrong otherwise. */
static const char *take(const char *rel)
{
    char path[768];
    struct sip_fault fault;
    snprintf(path, sizeof(path), "%s/%s", corpora, rel);
    struct bytes raw = read_file(path);
    if (!raw.p)
        fail_msg("cannot read %s", path);
    struct bytes text = exact(raw);
    drop(raw);
    int rc = sip_msg_parse(&m, text, SIP_DATAGRAM, &fault);
    read_all();
    if (rc == 0) {
        identity_edit(rel);
        push_and_pop(rel);
    } else if (fault.status < 400 || !fault.reason) {
        fail_msg("%s: refused without a reason", rel);
    }
    const char *wrong = rc == 0 ? unreadable() : fault.reason;
    drop(text);
    return wrong;
}

/* Meant to be fine, and they are not: what is wrong in the capture, or in the RFC's own text. */
static const struct exception {
    const char *name, *wrong;
} exceptions[] = {
    /* a display name of \"arik\", the escapes outside of quotes */
    {"sip-captures/suricata-sip-compact-form__d01__m000-INVITE.sip", "Malformed From header"},
    {"sip-captures/suricata-sip-sdp__d01__m000-INVITE.sip", "Malformed From header"},
    {"sip-captures/suricata-sip-sdp__d01__m001-200INVITE.sip", "Malformed From header"},
    /* two To header fields; a Content-Length of "bad" */
    {"sip-captures/suricata-sip-header-multi-value__d01__m000-INVITE.sip", "Duplicate To header"},
    {"sip-captures/zeek-invalid-content-length__d01__m000-INVITE.sip", "Malformed Content-Length header"},
    {"sip-captures/zeek-invalid-content-length__d01__m001-200INVITE.sip", "Malformed Content-Length header"},
    /* RFC 3261 24.2, RFC 3428 10: "(Alice's SDP not shown)" */
    {"sip-rfcflows/rfc3261-000__m000.sip", "Content-Length beyond the message"},
    {"sip-rfcflows/rfc3261-000__m001.sip", "Content-Length beyond the message"},
    {"sip-rfcflows/rfc3428-000__m000.sip", "Content-Length beyond the message"},
    /* RFC 3327 5.5: a Request-URI without its scheme */
    {"sip-rfcflows/rfc3327-002__m008.sip", "Malformed Request-URI"},
    {"sip-rfcflows/rfc3327-002__m009.sip", "Malformed Request-URI"},
    {"sip-rfcflows/rfc3327-002__m010.sip", "Malformed Request-URI"},
    {"sip-rfcflows/rfc3327-002__m011.sip", "Malformed Request-URI"},
    /* RFC 3428 10: ";;tag="; RFC 3666 2: a '>' too many, a length one too long, a Route without scheme */
    {"sip-rfcflows/rfc3428-000__m002.sip", "Malformed From header"},
    {"sip-rfcflows/rfc3666-001__m006.sip", "Content-Length beyond the message"},
    {"sip-rfcflows/rfc3666-006__m026.sip", "Malformed To header"},
    {"sip-rfcflows/rfc3666-008__m032.sip", "Route"},
    {"sip-rfcflows/rfc3666-008__m034.sip", "Route"},
    /* a core that prints a null pointer: <sip:0498765432100@<null>>; the message passes, the identity is none
     */
    {"sip-ims/open5gs-ipsec-to-ipsec-call__d01__m008-INVITE.sip", "P-Asserted-Identity"},
    {"sip-ims/open5gs-ipsec-to-ipsec-call__d01__m010-INVITE.sip", "P-Asserted-Identity"},
    {"sip-ims/open5gs-ipsec-to-ipsec-call__d01__m012-INVITE.sip", "P-Asserted-Identity"},
    {"sip-ims/open5gs-ipsec-to-ipsec-call__d01__m014-INVITE.sip", "P-Asserted-Identity"},
    {"sip-ims/open5gs-volte__d03__m018-INVITE.sip", "P-Asserted-Identity"},
    {"sip-ims/open5gs-volte__d03__m020-INVITE.sip", "P-Asserted-Identity"},
    {"sip-ims/open5gs-volte__d03__m022-INVITE.sip", "P-Asserted-Identity"},
    {"sip-ims/open5gs-volte__d03__m024-INVITE.sip", "P-Asserted-Identity"},
    /* a line of one space in front of the body; a fold between a name and its colon; a response with three
       headers */
    {"sip-samples/jain-013.sip", "Malformed header line"},
    {"sip-samples/jain-017.sip", "Malformed header line"},
    {"sip-samples/jain-024.sip", "Missing Call-ID header"},
    /* a fold within a URI, which RFC 3261's grammar does not let in */
    {"sip-samples/jain-144.sip", "Record-Route"},
    {"sip-samples/jain-146.sip", "Record-Route"},
    {"sip-samples/jain-148.sip", "Record-Route"},
    {"sip-samples/jain-152.sip", "Record-Route"},
    {"sip-samples/jain-155.sip", "Route"},
    {"sip-samples/jain-229.sip", "Route"},
    {"sip-samples/jain-336.sip", "Record-Route"},
    {"sip-samples/jain-343.sip", "Record-Route"},
    {"sip-samples/jain-344.sip", "Record-Route"},
    /* RFC 4475 3.3.8 once more; a line of log in front of the start line */
    {"sip-samples/jain-391.sip", "Duplicate CSeq header"},
    {"sip-samples/sip2json-NOTIFY-single-2.sip", "Malformed Request-Line"},
};

static bool is_excepted(const char *rel, const char *wrong)
{
    for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
        if (strcmp(exceptions[i].name, rel) == 0)
            return strcmp(exceptions[i].wrong, wrong) == 0;
    return false;
}

/* What the manifest says of messages that somebody took, or that stand in an RFC. */
static bool is_meant_well(const char *verdict)
{
    static const char *const words[] = {"valid", "illustrative", "as captured",
                                        "JAIN-SIP expects no parse error"};
    if (strncmp(verdict, "valid unless", 12) ==
        0) /* Kamailio's test messages: half of them are broken on purpose */
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strncmp(verdict, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

static void judge(const char *rel, const char *verdict, const char *note)
{
    const char *wrong = take(rel);
    if (wrong && is_meant_well(verdict) && !is_excepted(rel, wrong)) {
        print_message("%s: %s [%s; %s]\n", rel, wrong, verdict, note);
        failures++;
    }
}

/* Every row of MANIFEST.tsv of that corpus: name, corpus, source, license, expected_verdict, note, ... */
static size_t walk(const char *corpus)
{
    char path[512], line[2048];
    size_t n = 0;
    snprintf(path, sizeof(path), "%s/MANIFEST.tsv", corpora);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        char *cell[6], *rest = line;
        size_t i = 0;
        while (i < 6 && (cell[i] = strsep(&rest, "\t")) != NULL)
            i++;
        if (i < 6 || strcmp(cell[1], corpus) != 0)
            continue;
        judge(cell[0], cell[4], cell[5]);
        n++;
    }
    fclose(f);
    return n;
}

static void run(const char *corpus)
{
    if (!has_dir(corpus)) {
        print_message("skipped: no %s/%s\n", corpora, corpus);
        skip();
    }
    failures = 0;
    size_t n = walk(corpus);
    print_message("%s: %zu messages\n", corpus, n);
    assert_true(n > 0);
    assert_int_equal(failures, 0);
}

static void ims(void **state)
{
    run("sip-ims");
}
static void captures(void **state)
{
    run("sip-captures");
}
static void rfc_flows(void **state)
{
    run("sip-rfcflows");
}
static void samples(void **state)
{
    run("sip-samples");
}
static void fuzzed(void **state)
{
    run("sip-fuzz");
}

int main(void)
{
    corpora = getenv("SALLYPORT_CORPORA");
    if (!corpora || !*corpora) {
        printf("skipped: SALLYPORT_CORPORA is not set\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ims),     cmocka_unit_test(captures), cmocka_unit_test(rfc_flows),
        cmocka_unit_test(samples), cmocka_unit_test(fuzzed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
