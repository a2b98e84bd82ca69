/* policy_pattern: one compiled regular expression of a policy rule (PCRE2), and the limits it is held to.
 *
 * Floor 3; private to the policy files. Compiled once a configuration, read by all workers; what a match
 * needs of its own is in the scratch of each. Compiled to machine code where the system allows that (not
 * under systemd's MemoryDenyWriteExecute); else it is interpreted, with the same result. A match that would
 * take too long or too deep is no match, and is counted. A pattern that is nothing but alternatives of plain
 * text, as lists of names are, is looked for by their first letters before PCRE2 is asked at all. */
#pragma once
#include "appliance/base/bytes.h"
#include <stdatomic.h>

struct policy_pattern;

/* What a worker needs to match. */
struct policy_scratch;
struct policy_scratch *policy_scratch_create(void); /* NULL: out of memory */
void policy_scratch_destroy(struct policy_scratch *s);

struct pattern_fault {
    size_t at;      /* offset in the text */
    char text[128]; /* what is wrong */
};

/* flags: letters of "i" (case does not matter) and "s" (a dot takes line feeds). NULL with *fault. */
struct policy_pattern *policy_pattern_create(struct bytes text, struct bytes flags, bool jit,
                                             struct pattern_fault *fault);
void policy_pattern_destroy(struct policy_pattern *p);
bool policy_pattern_is_jit(const struct policy_pattern *p);

enum pattern_verdict { PATTERN_NO, PATTERN_YES, PATTERN_LIMIT };
/* The first POLICY_SUBJECT_MAX bytes are looked at. */
#define POLICY_SUBJECT_MAX 2048u
enum pattern_verdict policy_pattern_match(const struct policy_pattern *p, struct policy_scratch *s,
                                          struct bytes subject);
