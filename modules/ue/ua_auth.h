/* ua_auth: what a UE knows of the server's last Digest challenge, and how it answers it.
 *
 * Room modules/ue, floor 3; owned by sip_ua. RFC 7616, RFC 8760 (the first challenge that we can do is the
 * one the server likes best, but a server that lists them otherwise is not followed below SHA-256), RFC
 * 3261 22. */
#pragma once
#include "modules/sip/digest.h"
#include "modules/sip/msg.h"

struct ua_auth {
    bool have;
    bool proxy;      /* 407: answered by Proxy-Authorization */
    struct buf text; /* the challenge; `challenge` is views of it */
    struct digest_challenge challenge;
    struct user_key key; /* for its realm */
    uint32_t nc;
};

void ua_auth_init(struct ua_auth *a);
void ua_auth_fini(struct ua_auth *a); /* wipes the key */

/* Takes the strongest challenge out of a 401 or 407: 0; -EACCES: it refuses what was just answered, so the
 * password is wrong (a new nonce with stale=true, or to one used before, is not that); -EPROTONOSUPPORT: none that we can do;
 * -EINVAL, -ENOMEM. answered: the request carried credentials. */
int ua_auth_take(struct ua_auth *a, const struct sip_msg *m, bool answered, const char *user,
                 const char *password);
/* Appends the whole header line: 0 or -errno. */
int ua_auth_write(struct ua_auth *a, const char *user, struct bytes method, struct bytes uri,
                  struct buf *out);
