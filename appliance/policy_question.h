/* policy_question: what would the rules do with this message? Asked of the running gateway, or of a file.
 *
 * Floor 4; the daemon's control socket and sallyportctl both ask here, so that they never differ. Any thread.
 */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/base/buf.h"

struct config;

struct policy_question {
    struct bytes message; /* a whole SIP request */
    const char *source;   /* address */
    const char *direction;
    const char *transport;
    const char *identity; /* as whom; "": nobody. Of a phone: it is registered */
    bool registered;
};

/* The preset of each text is its first choice. */
#define POLICY_QUESTION                                                                                      \
    ((struct policy_question){                                                                               \
        .source = "192.0.2.1", .direction = "phone", .transport = "tls", .identity = ""})

enum policy_answer { POLICY_PASSES, POLICY_REFUSED, POLICY_NONSENSE };
/* Each rule up to the one that is met, condition by condition, into `out`; of nonsense, what is wrong with
 * the question. */
enum policy_answer policy_ask(const struct config *c, const struct policy_question *q, struct buf *out);
