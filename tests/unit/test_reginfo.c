#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "modules/pcscf/registration/reginfo.h"

#define XMLNS "xmlns=\"urn:ietf:params:xml:ns:reginfo\""

static struct reginfo *good(const char *text)
{
    const char *problem;
    struct reginfo *doc = reginfo_parse(bytes_str(text), &problem);
    if (!doc)
        fail_msg("%s: %s", problem, text);
    assert_null(problem);
    return doc;
}

static void bad(const char *text, const char *why)
{
    const char *problem;
    assert_null(reginfo_parse(bytes_str(text), &problem));
    assert_string_equal(problem, why);
}

#define assert_text(b, want) assert_true(bytes_eq(b, bytes_str(want)))

/* The one of RFC 3680 5.3. */
static void the_example_of_the_standard(void **state)
{
    struct reginfo *doc = good("<?xml version=\"1.0\"?>\n"
                               "    <reginfo " XMLNS "\n"
                               "        xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"\n"
                               "                 version=\"0\" state=\"full\">\n"
                               "      <registration aor=\"sip:user@example.com\" id=\"as9\"\n"
                               "                    state=\"active\">\n"
                               "        <contact id=\"76\" state=\"active\" event=\"registered\"\n"
                               "                 duration-registered=\"7322\"\n"
                               "                 q=\"0.8\">\n"
                               "                 <uri>sip:user@pc887.example.com</uri>\n"
                               "        </contact>\n"
                               "        <contact id=\"77\" state=\"terminated\" event=\"expired\"\n"
                               "                 duration-registered=\"3600\"\n"
                               "                 q=\"0.5\">\n"
                               "                 <uri>sip:user@university.edu</uri>\n"
                               "        </contact>\n"
                               "      </registration>\n"
                               "    </reginfo>\n");
    assert_int_equal(doc->version, 0);
    assert_true(doc->full);
    assert_int_equal(doc->n_registrations, 1);
    assert_text(doc->registrations[0].aor, "sip:user@example.com");
    assert_int_equal(doc->registrations[0].state, REGINFO_ACTIVE);
    assert_int_equal(doc->registrations[0].n, 2);
    assert_text(doc->contacts[0].uri, "sip:user@pc887.example.com");
    assert_int_equal(doc->contacts[0].event, REGINFO_REGISTERED);
    assert_false(doc->contacts[0].has_expires);
    assert_int_equal(doc->contacts[1].state, REGINFO_TERMINATED);
    assert_int_equal(doc->contacts[1].event, REGINFO_EXPIRED);
    free(doc);
}

/* Prefixes, elements and attributes of others, references, white space, what a phone added to its Contact. */
static void what_extends_it_is_passed_over(void **state)
{
    struct reginfo *doc = good(
        "<r:reginfo xmlns:r=\"urn:ietf:params:xml:ns:reginfo\" xmlns:x=\"urn:x\" version=\" 4294967295 \" "
        "state=\"partial\" x:version=\"7\"><contact/><x:registration/><!-- note --><?pi?>"
        "<r:registration aor=\"sip:a&amp;b@example.com\" id=\"1\" state=\"terminated\">"
        "<x:contact><r:contact state=\"active\" "
        "event=\"created\"><r:uri>sip:hidden</r:uri></r:contact></x:contact>"
        "<r:contact id=\"1\" state=\"active\" event=\"shortened\" expires=\"99999999999\" x:gruu=\"?\">"
        "<r:uri> sip:a&#64;10.0.0.1;x=<![CDATA[<&>]]> <x:uri>no</x:uri></r:uri>"
        "<r:display-name xml:lang=\"en\">A</r:display-name>"
        "<r:unknown-param name=\"+SIP.instance\">\"&lt;urn:uuid:1&gt;\"</r:unknown-param>"
        "<r:unknown-param name=\"reg-id\"> 2 </r:unknown-param>"
        "<r:unknown-param name=\"audio\"/></r:contact>"
        "<r:contact id=\"2\" state=\"terminated\" event=\"else\"/></r:registration></r:reginfo>");
    assert_int_equal(doc->version, 4294967295u);
    assert_false(doc->full);
    assert_int_equal(doc->n_registrations, 1);
    assert_int_equal(doc->n_contacts, 2);
    assert_text(doc->registrations[0].aor, "sip:a&b@example.com");
    const struct reginfo_contact *c = doc->contacts;
    assert_text(c->uri, "sip:a@10.0.0.1;x=<&>");
    assert_text(c->instance, "<urn:uuid:1>");
    assert_int_equal(c->reg_id, 2);
    assert_int_equal(c->event, REGINFO_SHORTENED);
    assert_true(c->has_expires);
    assert_int_equal(c->expires, UINT32_MAX);
    assert_int_equal(c[1].event, REGINFO_EVENTS);
    assert_int_equal(c[1].uri.n, 0);
    free(doc);
}

static void an_empty_one_is_fine(void **state)
{
    struct reginfo *doc = good("<reginfo " XMLNS " version=\"3\" state=\"full\"/>");
    assert_int_equal(doc->n_registrations, 0);
    free(doc);
}

#define IN(inner)  "<reginfo " XMLNS " version=\"1\" state=\"full\">" inner "</reginfo>"
#define REG(inner) IN("<registration aor=\"sip:a@b\" id=\"1\" state=\"active\">" inner "</registration>")

static void what_is_none_is_refused_with_a_reason(void **state)
{
    static const char *const not_well_formed[] = {" ",
                                                  "x",
                                                  "<",
                                                  "<reginfo",
                                                  IN("</x>"),
                                                  IN("<registration"),
                                                  IN("&nbsp;"),
                                                  IN("\xff\xfe"),
                                                  IN("") "<reginfo/>",
                                                  "<reginfo " XMLNS
                                                  " version=\"1\" version=\"1\" state=\"full\"/>"};
    for (size_t i = 0; i < sizeof(not_well_formed) / sizeof(not_well_formed[0]); i++)
        bad(not_well_formed[i], "not well-formed XML");
    bad("", "empty");
    bad("<reginfo version=\"1\" state=\"full\"/>", "no reginfo"); /* of no namespace */
    bad("<presence " XMLNS "/>", "no reginfo");
    bad("<reginfo " XMLNS " state=\"full\"/>", "no version");
    bad("<reginfo " XMLNS " version=\"-1\" state=\"full\"/>", "no version");
    bad("<reginfo " XMLNS " version=\"4294967296\" state=\"full\"/>", "no version");
    bad("<reginfo " XMLNS " version=\"1\" state=\"some\"/>", "state of reginfo is neither full nor partial");
    bad(IN("<registration id=\"1\" state=\"active\"/>"), "a registration without aor or state");
    bad(IN("<registration aor=\"sip:a@b\" state=\"gone\"/>"), "a registration without aor or state");
    bad(REG("<contact event=\"expired\"/>"), "a contact without a state");
    bad(REG("<contact state=\"init\"/>"), "a contact without a state");
}

/* Nothing is expanded and nothing is fetched: whoever declares anything is not read on. */
static void a_document_type_is_refused(void **state)
{
    bad("<!DOCTYPE reginfo SYSTEM \"file:///etc/passwd\">" IN(""), "a document type declaration");
    bad("<!DOCTYPE reginfo [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>" IN("&b;"),
        "a document type declaration");
    bad("<!DOCTYPE reginfo [<!ENTITY % p SYSTEM \"http://192.0.2.1/x\"> %p;]>" IN(""),
        "a document type declaration");
}

static char *repeat(const char *before, const char *what, unsigned n, const char *after)
{
    size_t size = strlen(before) + strlen(what) * n + strlen(after) + 1;
    char *text = malloc(size), *at = text;
    assert_non_null(text);
    at += sprintf(at, "%s", before);
    for (unsigned i = 0; i < n; i++)
        at += sprintf(at, "%s", what);
    sprintf(at, "%s", after);
    return text;
}

static void bad_big(char *text, const char *why)
{
    bad(text, why);
    free(text);
}

#define OPEN     "<reginfo " XMLNS " version=\"1\" state=\"full\">"
#define OPEN_REG OPEN "<registration aor=\"sip:a@b\" state=\"active\">"
#define CONTACT  "<contact state=\"active\" event=\"created\"/>"

static void everything_has_a_bound(void **state)
{
    char *text = repeat(OPEN_REG, CONTACT, REGINFO_CONTACTS_MAX, "</registration></reginfo>");
    struct reginfo *doc = good(text);
    assert_int_equal(doc->n_contacts, REGINFO_CONTACTS_MAX);
    free(doc);
    free(text);
    bad_big(repeat(OPEN_REG, CONTACT, REGINFO_CONTACTS_MAX + 1, "</registration></reginfo>"),
            "too many contacts");
    bad_big(repeat(OPEN, "<registration aor=\"sip:a@b\" state=\"init\"/>", REGINFO_REGISTRATIONS_MAX + 1,
                   "</reginfo>"),
            "too many registrations");
    bad_big(repeat(OPEN, "<x>", REGINFO_DEPTH_MAX, ""), "nested too deeply");
    bad_big(repeat(OPEN, "          ", REGINFO_BYTES_MAX / 10, "</reginfo>"), "larger than we read");
    text = repeat(OPEN, "<x>", REGINFO_DEPTH_MAX - 1, "");
    text = realloc(text, strlen(text) + 100);
    for (unsigned i = 0; i < REGINFO_DEPTH_MAX - 1; i++)
        strcat(text, "</x>");
    free(good(strcat(text, "</reginfo>")));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_standard),
        cmocka_unit_test(what_extends_it_is_passed_over),
        cmocka_unit_test(an_empty_one_is_fine),
        cmocka_unit_test(what_is_none_is_refused_with_a_reason),
        cmocka_unit_test(a_document_type_is_refused),
        cmocka_unit_test(everything_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
