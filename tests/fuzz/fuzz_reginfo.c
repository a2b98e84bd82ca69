#include "modules/pcscf/reginfo.h"
#include <stdlib.h>

/* Registration information as it comes in a NOTIFY: every view lies within the text, nothing leaks. */

static void inside(const struct reginfo *doc, struct bytes b)
{
    if (b.n && (b.p < doc->text || b.p + b.n > doc->text + doc->used))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *problem;
    struct reginfo *doc = reginfo_parse(bytes_of(data, size), &problem);
    if (!doc != (problem != NULL))
        abort();
    for (unsigned i = 0; doc && i < doc->n_registrations; i++) {
        const struct reginfo_registration *reg = &doc->registrations[i];
        inside(doc, reg->aor);
        if (reg->first + reg->n > doc->n_contacts)
            abort();
    }
    for (unsigned i = 0; doc && i < doc->n_contacts; i++) {
        inside(doc, doc->contacts[i].uri);
        inside(doc, doc->contacts[i].instance);
        if (doc->contacts[i].state == REGINFO_INIT || !reginfo_event_name(doc->contacts[i].event))
            abort();
    }
    free(doc);
    return 0;
}
