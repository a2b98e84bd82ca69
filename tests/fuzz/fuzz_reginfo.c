/* Registration information as it comes in a NOTIFY: every view lies within the text, what is told is whole,
 * nothing leaks. An input is the document itself, or one word of it for each byte: so that what is
 * well-formed is found. */
#include "appliance/base/buf.h"
#include "modules/pcscf/registration/reginfo.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const words[] = {
    "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"1\" state=\"full\">",
    "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"4294967295\" state=\"partial\">",
    "</reginfo>",
    "<registration aor=\"sip:a@b\" id=\"1\" state=\"active\">",
    "<registration aor=\"sip:&amp;@b\" id=\"2\" state=\"terminated\">",
    "<registration aor=\"\" state=\"init\"/>",
    "</registration>",
    "<contact id=\"1\" state=\"active\" event=\"registered\" expires=\"600\">",
    "<contact id=\"2\" state=\"terminated\" event=\"rejected\">",
    "<contact state=\"active\" event=\"shortened\" expires=\"18446744073709551615\"/>",
    "<contact state=\"init\"/>",
    "</contact>",
    "<uri>",
    "</uri>",
    "sip:a@10.0.0.1;transport=tls",
    "&lt;&#64;&quot;",
    "<![CDATA[<&>]]>",
    "<unknown-param name=\"+sip.instance\">",
    "<unknown-param name=\"reg-id\">",
    "</unknown-param>",
    "\"&lt;urn:uuid:1&gt;\"",
    " 2 ",
    "<x xmlns=\"urn:x\">",
    "</x>",
    "<!-- note -->",
    "<?pi?>",
    "<!DOCTYPE x>",
    "&entity;",
    "\n",
};

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void inside(const struct reginfo *doc, struct bytes b)
{
    require(!b.n || (b.p >= doc->text && b.p + b.n <= doc->text + doc->used));
}

static void look(const struct reginfo *doc)
{
    for (unsigned i = 0; i < doc->n_registrations; i++) {
        const struct reginfo_registration *reg = &doc->registrations[i];
        inside(doc, reg->aor);
        require(reg->aor.n && reg->first + reg->n <= doc->n_contacts);
    }
    for (unsigned i = 0; i < doc->n_contacts; i++) {
        const struct reginfo_contact *c = &doc->contacts[i];
        inside(doc, c->uri);
        inside(doc, c->instance);
        require(c->state != REGINFO_INIT && reginfo_event_name(c->event));
    }
}

static void read_it(struct bytes body)
{
    const char *problem;
    struct reginfo *doc = reginfo_parse(body, &problem);
    require(!doc == (problem != NULL));
    if (doc)
        look(doc);
    free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text;
    read_it(bytes_of(data, size));
    buf_init(&text);
    for (size_t i = 0; i < size && i < 1000; i++)
        buf_str(&text, words[data[i] % (sizeof(words) / sizeof(words[0]))]);
    read_it(buf_bytes(&text));
    buf_fini(&text);
    return 0;
}
