/* sip_torture: one message of the RFCs' torture tests at a time, read as a datagram, exactly as long as it
 * is. */
#pragma once
#include "sip_text.h"

static struct sip_msg m;
static struct sip_fault fault;
static struct bytes file;

/* Folder and ending of the file below the test data. What sip_msg_parse says. */
static inline int load_file(const char *folder, const char *name, const char *ending)
{
    char whole[512];
    snprintf(whole, sizeof(whole), "%s/%s/%s.%s", TEST_DATA, folder, name, ending);
    struct bytes raw = read_file(whole);
    if (!raw.p)
        fail_msg("cannot read %s", whole);
    file = exact(raw);
    drop(raw);
    return sip_msg_parse(&m, file, SIP_DATAGRAM, &fault);
}

static inline int unload(void **state)
{
    drop(file);
    file = BYTES_NONE;
    return 0;
}
