/* policy: rules are read, or refused with the place of the mistake; the first that is met decides; no pattern
 * can stall anybody. */
#include "modules/pcscf/policy/policy.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* last */
#include <cmocka.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

static const struct settings *const tables[] = {&policy_settings, NULL};

static struct config *load(const char *text)
{
    struct config_problem *problems = NULL;
    struct config *c = config_load_text(text, "rules.conf", tables, &problems);
    if (problems)
        print_error("%d: %s\n", problems->line, problems->text);
    assert_null(problems);
    return c;
}

static struct policy *policy_of(const struct config *c)
{
    return ((const struct policy_config *)config_of(c, &policy_settings))->policy;
}

static void refused(const char *text, int line, const char *part)
{
    struct config_problem *problems = NULL;
    assert_null(config_load_text(text, "rules.conf", tables, &problems));
    assert_non_null(problems);
    assert_int_equal(problems->line, line);
    if (!strstr(problems->text, part))
        fail_msg("no \"%s\" in \"%s\"", part, problems->text);
    config_problems_free(problems);
}

#define RULES(text) "policy { rules = { '" text "' } }"

/* ---- reading */

static void mistakes_are_named_with_their_place(void **state)
{
    refused("policy {\n rules = {\n 'a: any -> allow',\n 'b: ruri ~ /a(b/ -> drop'\n }\n}", 4,
            "policy.rules: column 15: character 4 of /a(b/: missing closing parenthesis");
    refused(RULES("a: ruri ~ /a/q -> drop"), 1, "column 14: character 3 of /a/: no such flag");
    refused(RULES("a ruri ~ /a/ -> drop"), 1, "begins with no name");
    refused(RULES(": any -> drop"), 1, "begins with no name");
    refused(RULES("a: url ~ /a/ -> drop"), 1, "column 4: no such condition");
    refused(RULES("a: ruri /a/ -> drop"), 1, "column 9: expected ~ /pattern/ or");
    refused(RULES("a: ruri ~ a -> drop"), 1, "column 11: expected /pattern/");
    refused(RULES("a: ruri ~ /a -> drop"), 1, "column 11: this pattern never ends");
    refused(RULES("a: ruri ~ // -> drop"), 1, "this pattern is empty");
    refused(RULES("a: ruri = \"x -> drop"), 1, "column 11: this text never ends");
    refused(RULES("a: method = -> drop"), 1, "column");
    refused(RULES("a: method = A|B -> drop"), 1, "one method");
    refused(RULES("a: source in 10.0.0.1/8 -> drop"), 1, "column 14: \"10.0.0.1/8\" is no network");
    refused(RULES("a: transport = sctp -> drop"), 1, "column 16: expected one of tls, tcp, udp");
    refused(RULES("a: direction = up -> drop"), 1, "expected one of core, phone");
    refused(RULES("a: header a:b ~ /x/ -> drop"), 1, "expected the name of a header field");
    refused(RULES("a: any drop"), 1, "column 8: expected \"and\", or \"->\"");
    refused(RULES("a: any -> refuse"), 1, "column 11: expected allow, drop");
    refused(RULES("a: any -> reject 302"), 1, "column 18: expected a status code from 400 to 699");
    refused(RULES("a: any -> reject 403 \"x"), 1, "this text never ends");
    refused(
        RULES("a: any -> reject 403 \"01234567890123456789012345678901234567890123456789012345678901234\""),
        1, "shorter than 64");
    refused(RULES("a: any -> route nowhere"), 1, "is no place");
    refused(RULES("a: any -> limit 0/s by user"), 1, "expected a number and a time");
    refused(RULES(""), 1, "begins with no name");
    refused(RULES("a:"), 1, "column 3: no such condition");
    refused(RULES("a: any ->"), 1, "column 10: expected allow, drop");
    refused(RULES("a: any -> limit"), 1, "column 16: expected a number and a time");
    refused(RULES("a: any -> reject"), 1, "column 17: expected a status code");
    refused(RULES("a: any -> route"), 1, "column 16: something is missing");
    refused(RULES("a: any -> tag"), 1, "column 14: tags are");
    refused(RULES("a: any -> limit 5 by user"), 1, "expected a number and a time");
    refused(RULES("a: any -> limit 5/m"), 1, "expected by address, by user or by rule");
    refused(RULES("a: any -> limit 5/m by moon"), 1, "expected one of rule, address, user");
    refused(RULES("a: any -> limit 5/m by user else allow"), 1, "expected drop or reject CODE");
    refused(RULES("a: any -> tag mine"), 1, "tags are scanner");
    refused(RULES("a: any -> allow tag watch now"), 1, "column 27: nothing was expected here");
    refused("policy { rules = { 'a: any -> allow', 'a: any -> drop' } }", 1, "has this name");
    refused(RULES("a: in-dialog and in-dialog and in-dialog and in-dialog and in-dialog and in-dialog and "
                  "in-dialog and "
                  "in-dialog and in-dialog and in-dialog and in-dialog and in-dialog and in-dialog -> drop"),
            1, "more than 12 conditions");
}

static void all_mistakes_are_told_at_once(void **state)
{
    struct config_problem *problems = NULL;
    assert_null(
        config_load_text("policy { rules = {\n'a: x -> drop',\n'b: any -> allow',\n'c: y -> drop' } }", "f",
                         tables, &problems));
    assert_int_equal(problems->line, 2);
    assert_int_equal(problems->next->line, 4);
    assert_null(problems->next->next);
    config_problems_free(problems);
}

static void too_many_rules_are_refused(void **state)
{
    struct buf text;
    buf_init(&text);
    buf_str(&text, "policy { rules = { 'r: any -> allow'");
    for (unsigned i = 0; i < POLICY_RULES_MAX; i++)
        buf_printf(&text, ", 'r%u: any -> allow'", i);
    buf_append(&text, BYTES("} }\0"));
    refused((const char *)buf_bytes(&text).p, 1, "more than 256 rules");
    buf_fini(&text);
}

/* ---- matching */

struct question {
    const char *method, *uri, *from, *extra, *source, *identity;
    bool core, registered, dialog;
    uint8_t transport;
};

static struct sip_msg parsed(const struct question *q, char *text, size_t cap)
{
    struct sip_msg m;
    struct sip_fault fault;
    const char *method = q->method ? q->method : "INVITE";
    int n = snprintf(
        text, cap,
        "%s %s SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bKx\r\nMax-Forwards: 70\r\nFrom: %s;tag=1\r\n"
        "To: <sip:bob@ims.test>%s\r\nCall-ID: c\r\nCSeq: 1 %s\r\n%sContent-Length: 0\r\n\r\n",
        method, q->uri ? q->uri : "sip:bob@ims.test", q->from ? q->from : "<sip:alice@ims.test>",
        q->dialog ? ";tag=2" : "", method, q->extra ? q->extra : "");
    assert_true(n > 0 && (size_t)n < cap);
    if (sip_msg_parse(&m, bytes_of(text, (size_t)n), SIP_DATAGRAM, &fault))
        fail_msg("%s", fault.reason);
    return m;
}

static struct policy_verdict ask_at(struct policy *p, const struct question *q, uint64_t now)
{
    char text[8192];
    struct sip_msg m = parsed(q, text, sizeof(text));
    struct addr source;
    assert_true(addr_parse(bytes_str(q->source ? q->source : "198.51.100.1"), 5060, &source));
    struct policy_request rq = {.msg = &m,
                                .source = &source,
                                .transport = q->transport ? q->transport : TRANSPORT_TLS,
                                .from_phone = !q->core,
                                .registered = q->registered,
                                .identity = bytes_str(q->identity)};
    struct policy_scratch *s = policy_scratch_create();
    struct policy_verdict v = policy_decide(p, s, &rq, now);
    policy_scratch_destroy(s);
    return v;
}

static struct policy_verdict ask(struct policy *p, struct question q)
{
    return ask_at(p, &q, 1000);
}

static bool meets(const char *rules, struct question q)
{
    struct config *c = load(rules);
    bool met = ask(policy_of(c), q).rule != NULL;
    config_drop(c);
    return met;
}

static void each_condition_is_met_or_not(void **state)
{
    assert_true(meets(RULES("a: -> drop"), (struct question){0}));
    assert_true(meets(RULES("a: method = REGISTER|INVITE -> drop"), (struct question){0}));
    assert_false(meets(RULES("a: method = REGISTER -> drop"), (struct question){0}));
    assert_true(meets(RULES("a: method = PING -> drop"), (struct question){.method = "PING"}));
    assert_false(meets(RULES("a: method = PING -> drop"), (struct question){.method = "PONG"}));
    assert_true(meets(RULES("a: ruri ~ /^sip:\\+?900/ -> drop"), (struct question){.uri = "sip:+900123@x"}));
    assert_false(meets(RULES("a: ruri ~ /^sip:\\+?900/ -> drop"), (struct question){.uri = "sip:+9100@x"}));
    assert_true(meets(RULES("a: ruri = \"SIP:Bob@ims.test\" -> drop"), (struct question){0}));
    assert_true(
        meets(RULES("a: from ~ /^sip:alice@/ -> drop"), (struct question){.from = "\"x\" <sip:alice@a>"}));
    assert_true(meets(RULES("a: to ~ /bob/ -> drop"), (struct question){0}));
    assert_true(
        meets(RULES("a: contact ~ /evil/ -> drop"), (struct question){.extra = "m: <sip:evil@h>\r\n"}));
    assert_false(meets(RULES("a: contact ~ /evil/ -> drop"), (struct question){0}));
    assert_true(meets(RULES("a: header From ~ /\"nobody\"/ -> drop"),
                      (struct question){.from = "\"nobody\" <sip:a@b>"}));
    assert_true(meets(RULES("a: header X-Odd ~ /^y/ -> drop"), (struct question){.extra = "x-odd: yes\r\n"}));
    assert_false(
        meets(RULES("a: header X-Odd ~ /^y/ -> drop"), (struct question){.extra = "x-even: yes\r\n"}));
    assert_true(meets(RULES("a: source in 10.0.0.0/8,198.51.100.0/24 -> drop"), (struct question){0}));
    assert_false(meets(RULES("a: source in 10.0.0.0/8 -> drop"), (struct question){0}));
    assert_true(meets(RULES("a: transport = tls -> drop"), (struct question){0}));
    assert_false(meets(RULES("a: transport = udp -> drop"), (struct question){0}));
    assert_true(meets(RULES("a: direction = core -> drop"), (struct question){.core = true}));
    assert_false(meets(RULES("a: direction = core -> drop"), (struct question){0}));
    assert_true(meets(RULES("a: registered -> drop"), (struct question){.registered = true}));
    assert_true(meets(RULES("a: not registered -> drop"), (struct question){0}));
    assert_true(meets(RULES("a: in-dialog -> drop"), (struct question){.dialog = true}));
    assert_false(meets(RULES("a: in-dialog -> drop"), (struct question){0}));
    assert_true(meets(RULES("a: identity ~ /alice/ -> drop"), (struct question){.identity = "sip:alice@x"}));
    assert_false(meets(RULES("a: identity ~ /^/ -> drop"), (struct question){0})); /* nobody knows */
    assert_true(meets(RULES("a: not identity ~ /^/ -> drop"), (struct question){0}));
}

static void all_conditions_of_a_rule_must_hold(void **state)
{
    const char *rules = RULES("a: method = INVITE and ruri ~ /bob/i and not registered -> drop");
    assert_true(meets(rules, (struct question){0}));
    assert_false(meets(rules, (struct question){.registered = true}));
    assert_false(meets(rules, (struct question){.uri = "sip:carol@x"}));
}

static void the_first_rule_that_is_met_decides(void **state)
{
    struct config *c =
        load("policy { rules = { 'a: ruri ~ /carol/ -> drop', 'b: method = INVITE -> allow tag watch',"
             "'c: any -> reject 403 \"Go away\" tag test' } }");
    struct policy *p = policy_of(c);
    struct policy_verdict v = ask(p, (struct question){0});
    assert_string_equal(v.rule->name, "b");
    assert_null(v.deed);
    assert_int_equal(v.rule->tag, POLICY_TAG_WATCH);
    v = ask(p, (struct question){.uri = "sip:carol@x"});
    assert_int_equal(v.deed->action, POLICY_DROP);
    v = ask(p, (struct question){.method = "MESSAGE"});
    assert_int_equal(v.deed->action, POLICY_REJECT);
    assert_int_equal(v.deed->code, 403);
    assert_string_equal(v.deed->phrase, "Go away");
    assert_int_equal(p->rules[0].hits, 1);
    assert_int_equal(p->rules[1].hits, 1);
    assert_int_equal(p->rules[2].hits, 1);
    config_drop(c);
}

static void other_deeds(void **state)
{
    struct config *c =
        load("policy { rules = { 'a: ruri ~ /a@/ -> route udp:192.0.2.1:5080', 'b: any -> ban' } }");
    struct policy_verdict v = ask(policy_of(c), (struct question){.uri = "sip:a@b"});
    assert_int_equal(v.deed->action, POLICY_ROUTE);
    assert_string_equal(v.rule->route, "udp:192.0.2.1:5080");
    v = ask(policy_of(c), (struct question){.uri = "sip:c@d"});
    assert_int_equal(v.deed->action, POLICY_BAN);
    config_drop(c);
}

/* ---- limits */

static unsigned passing(struct policy *p, struct question q, uint64_t now, unsigned tries)
{
    unsigned n = 0;
    for (unsigned i = 0; i < tries; i++)
        n += ask_at(p, &q, now).deed == NULL;
    return n;
}

static void limits_count_by_rule_address_or_user(void **state)
{
    struct config *c = load("policy { rules = { 'r: method = OPTIONS -> limit 5/10s by rule else drop',"
                            "'a: method = MESSAGE -> limit 3/s by address else reject 480',"
                            "'u: any -> limit 2/1m by user' } }");
    struct policy *p = policy_of(c);
    assert_true(p->asks_who);
    assert_int_equal(passing(p, (struct question){.method = "OPTIONS"}, 1000, 20), 5);
    assert_int_equal(passing(p, (struct question){.method = "OPTIONS", .source = "192.0.2.9"}, 1000, 20), 0);
    assert_int_equal(passing(p, (struct question){.method = "OPTIONS"}, 3000, 20), 1);
    assert_int_equal(passing(p, (struct question){.method = "MESSAGE"}, 1000, 20), 3);
    assert_int_equal(passing(p, (struct question){.method = "MESSAGE", .source = "192.0.2.9"}, 1000, 20), 3);
    assert_int_equal(passing(p, (struct question){.identity = "sip:a@b"}, 1000, 20), 2);
    assert_int_equal(passing(p, (struct question){.identity = "sip:b@b", .source = "192.0.2.9"}, 1000, 20),
                     2);
    assert_int_equal(passing(p, (struct question){.identity = "sip:a@b"}, 31000, 20), 1);
    struct question q = {.method = "MESSAGE"};
    struct policy_verdict v = ask_at(p, &q, 1000);
    assert_int_equal(v.deed->code, 480);
    q.method = "OPTIONS";
    assert_int_equal(ask_at(p, &q, 3000).deed->action, POLICY_DROP);
    q.method = "INFO";
    ask_at(p, &q, 1000);
    ask_at(p, &q, 1000);
    assert_int_equal(ask_at(p, &q, 1000).deed->code, 503); /* what is not said otherwise */
    assert_int_equal(p->rules[0].limited, 15 + 20 + 19 + 1);
    config_drop(c);
}

/* ---- the patterns themselves */

static enum pattern_verdict match(const char *pattern, const char *flags, const char *subject, bool jit)
{
    struct pattern_fault fault;
    struct policy_pattern *p = policy_pattern_create(bytes_str(pattern), bytes_str(flags), jit, &fault);
    struct policy_scratch *s = policy_scratch_create();
    assert_non_null(p);
    enum pattern_verdict v = policy_pattern_match(p, s, bytes_str(subject));
    policy_pattern_destroy(p);
    policy_scratch_destroy(s);
    return v;
}

static void plain_words_are_found_in_any_place_and_case(void **state)
{
    static const char words[] = "friendly-scanner|sipvicious|iWar|abcd";
    for (int jit = 0; jit < 2; jit++) {
        assert_int_equal(match(words, "i", "friendly-scanner", jit), PATTERN_YES);
        assert_int_equal(match(words, "i", "the FRIENDLY-Scanner 2", jit), PATTERN_YES);
        assert_int_equal(match(words, "i", "x IWAR", jit), PATTERN_YES);
        assert_int_equal(match(words, "", "x IWAR", jit), PATTERN_NO);
        assert_int_equal(match(words, "", "x iWar", jit), PATTERN_YES);
        assert_int_equal(match(words, "i", "xabCd", jit), PATTERN_YES);
        assert_int_equal(match(words, "i", "abc", jit), PATTERN_NO);
        assert_int_equal(match(words, "i", "", jit), PATTERN_NO);
        assert_int_equal(match(words, "i", "friendly fire, a bc", jit), PATTERN_NO);
        assert_int_equal(match("abc|", "", "zzz", jit), PATTERN_YES); /* an empty alternative */
        assert_int_equal(match("|abc", "", "zzz", jit), PATTERN_YES);
        assert_int_equal(match("ab|abc", "", "zabz", jit), PATTERN_YES);
        assert_int_equal(match("^abc", "", "xabc", jit), PATTERN_NO);
        assert_int_equal(match("a.c|xyz", "", "abc", jit), PATTERN_YES);
        assert_int_equal(match("a\\.c", "", "abc", jit), PATTERN_NO);
        assert_int_equal(match("a\\/c", "", "a/c", jit), PATTERN_YES);
        assert_int_equal(match("a.c", "s", "a\nc", jit), PATTERN_YES);
        assert_int_equal(match("a.c", "", "a\nc", jit), PATTERN_NO);
    }
}

static void no_pattern_takes_long(void **state)
{
    static const char *const terrible[] = {"(a+)+$",           "(a|aa)+$",
                                           "(.*)*(.*)*(.*)*x", "^(([a-z])+.)+[A-Z]([a-z])+$",
                                           "(a?){64}a{64}z",   "((a{1,50}){1,50}){1,50}z"};
    char subject[1500];
    memset(subject, 'a', sizeof(subject));
    strcpy(subject + sizeof(subject) - 2, "!");
    for (size_t i = 0; i < sizeof(terrible) / sizeof(terrible[0]); i++) {
        for (int jit = 0; jit < 2; jit++) {
            struct timespec from, to;
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
            assert_int_not_equal(match(terrible[i], "", subject, jit), PATTERN_YES);
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
            double ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
            if (ms > 200) /* under sanitizers; a few otherwise */
                fail_msg("%s took %f ms", terrible[i], ms);
        }
    }
}

static void an_overrun_is_no_match_and_told_once(void **state)
{
    struct config *c = load("policy { rules = { 'slow: user-agent ~ /(a+)+$/ -> drop',"
                            "'not: not user-agent ~ /(a+)+$/ -> drop', 'rest: any -> reject 403' } }");
    char extra[400] = "User-Agent: ";
    memset(extra + 12, 'a', 300);
    strcpy(extra + 312, "!\r\n");
    struct policy_verdict v = ask(policy_of(c), (struct question){.extra = extra});
    assert_string_equal(v.rule->name, "rest");
    assert_int_equal(v.overruns, 2);
    assert_non_null(v.first_overrun);
    v = ask(policy_of(c), (struct question){.extra = extra});
    assert_int_equal(v.overruns, 2);
    assert_null(v.first_overrun);
    assert_int_equal(policy_of(c)->rules[0].overruns, 2);
    config_drop(c);
}

/* systemd's MemoryDenyWriteExecute: no memory may become code. */
static void without_machine_code_the_rules_hold_too(void **state)
{
    pid_t child = fork();
    if (child == 0) {
        struct pattern_fault fault;
        if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0))
            _exit(77);
        struct policy_pattern *p = policy_pattern_create(BYTES("^sip:\\+?900"), BYTES("i"), true, &fault);
        struct policy_scratch *s = policy_scratch_create();
        bool good = p && !policy_pattern_is_jit(p) &&
                    policy_pattern_match(p, s, BYTES("SIP:+9001@x")) == PATTERN_YES &&
                    policy_pattern_match(p, s, BYTES("sip:8001@x")) == PATTERN_NO;
        policy_pattern_destroy(p);
        policy_scratch_destroy(s);
        _exit(good ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- what comes with it */

static void the_default_rules_know_scanners_and_let_phones_pass(void **state)
{
    static const char *const scanners[] = {"friendly-scanner",    "sipvicious",   "Sundayddr", "pplsip",
                                           "VaxSIPUserAgent/3.1", "sip-scan 0.1", "iWar",      "sipcli/v1.8"};
    static const char *const phones[] = {"baresip v1.0.0",
                                         "Linphone Desktop/5.0",
                                         "sipsak 0.9.8",
                                         "Jitsi2.10",
                                         "",
                                         "Yealink SIP-T46S 66.84.0.15",
                                         "friendly"};
    struct config *c = load("");
    struct policy *p = policy_of(c);
    char extra[200];
    for (size_t i = 0; i < sizeof(scanners) / sizeof(scanners[0]); i++) {
        snprintf(extra, sizeof(extra), "User-Agent: %s\r\n", scanners[i]);
        struct policy_verdict v = ask(p, (struct question){.extra = extra});
        assert_non_null(v.deed);
        assert_int_equal(v.deed->action, POLICY_DROP);
        assert_int_equal(v.rule->tag, POLICY_TAG_SCANNER);
        assert_null(ask(p, (struct question){.extra = extra, .core = true}).rule);
    }
    for (size_t i = 0; i < sizeof(phones) / sizeof(phones[0]); i++) {
        snprintf(extra, sizeof(extra), "User-Agent: %s\r\n", phones[i]);
        assert_null(ask(p, (struct question){.extra = extra}).rule);
    }
    assert_non_null(ask(p, (struct question){.from = "\"sipvicious\" <sip:100@1.1.1.1>"}).deed);
    assert_non_null(ask(p, (struct question){.extra = "User-Agent: a\r\nUser-Agent: sipvicious\r\n"}).deed);
    assert_false(p->asks_who);
    config_drop(c);
}

static void the_defaults_are_shown_and_read_back(void **state)
{
    struct config *c = load("");
    struct buf out, diff;
    buf_init(&out);
    buf_init(&diff);
    assert_true(config_write(c, &out, true));
    buf_append(&out, bytes_of("", 1));
    /* As somebody who wants to change them begins: the comment marks before settings go. */
    char *text = (char *)(uintptr_t)buf_bytes(&out).p;
    assert_non_null(strstr(text, "\n    #    \"scanner: direction = phone"));
    for (char *at = text; (at = strstr(at, "\n    #"));) {
        at += 5;
        if (strncmp(at, "# ", 2) != 0 || at[2] == ' ')
            *at = ' ';
    }
    struct config *again = load(text);
    assert_int_equal(config_diff(c, again, &diff), 0);
    config_drop(again);
    config_drop(c);
    buf_fini(&out);
    buf_fini(&diff);
}

static void an_explanation_says_why(void **state)
{
    struct config *c = load("policy { rules = { 'a: method = INVITE and ruri ~ /carol/ -> drop',"
                            "'b: method = INVITE -> reject 403' } }");
    char text[2048];
    struct question q = {0};
    struct sip_msg m = parsed(&q, text, sizeof(text));
    struct addr source = {.family = ADDR_V4, .ip = {192, 0, 2, 1}};
    struct policy_request rq = {.msg = &m, .source = &source, .from_phone = true};
    struct policy_scratch *s = policy_scratch_create();
    struct buf out;
    buf_init(&out);
    struct policy_verdict v = policy_explain(policy_of(c), s, &rq, &out);
    assert_string_equal(v.rule->name, "b");
    assert_true(bytes_eq(buf_bytes(&out), BYTES("a:\n    yes  method = INVITE\n    no   ruri ~ /carol/\n"
                                                "b:\n    yes  method = INVITE\n"
                                                "    => b: method = INVITE -> reject 403\n")));
    assert_int_equal(policy_of(c)->rules[1].hits, 0);
    policy_scratch_destroy(s);
    buf_fini(&out);
    config_drop(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            without_machine_code_the_rules_hold_too), /* first: PCRE2 keeps such memory for the next */
        cmocka_unit_test(mistakes_are_named_with_their_place),
        cmocka_unit_test(all_mistakes_are_told_at_once),
        cmocka_unit_test(too_many_rules_are_refused),
        cmocka_unit_test(each_condition_is_met_or_not),
        cmocka_unit_test(all_conditions_of_a_rule_must_hold),
        cmocka_unit_test(the_first_rule_that_is_met_decides),
        cmocka_unit_test(other_deeds),
        cmocka_unit_test(limits_count_by_rule_address_or_user),
        cmocka_unit_test(plain_words_are_found_in_any_place_and_case),
        cmocka_unit_test(no_pattern_takes_long),
        cmocka_unit_test(an_overrun_is_no_match_and_told_once),
        cmocka_unit_test(the_default_rules_know_scanners_and_let_phones_pass),
        cmocka_unit_test(the_defaults_are_shown_and_read_back),
        cmocka_unit_test(an_explanation_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
