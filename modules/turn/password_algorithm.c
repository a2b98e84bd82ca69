#include "modules/turn/password_algorithm.h"

/* Number and length of parameters (none) of each, the preferred one first. */
static const uint8_t offered[] = {0, PASSWORD_SHA256, 0, 0, 0, PASSWORD_MD5, 0, 0};
#define ENTRY 4u

void password_algorithms_put(struct stun_writer *w)
{
    stun_put(w, STUN_A_PASSWORD_ALGORITHMS, bytes_of(offered, sizeof(offered)));
}

static bool is_offered(struct bytes one, enum password_algorithm *out)
{
    for (size_t at = 0; at < sizeof(offered); at += ENTRY) {
        if (!bytes_eq(one, bytes_of(offered + at, ENTRY)))
            continue;
        *out = offered[at + 1] == PASSWORD_SHA256 ? PASSWORD_SHA256 : PASSWORD_MD5;
        return true;
    }
    return false;
}

/* RFC 8489 9.2.4: neither attribute, and it is MD5; else both, the list as it was sent, and one of it. */
bool password_algorithm_read(const struct stun_message *m, enum password_algorithm *out, bool *chosen)
{
    struct bytes list, one;
    bool has_list = stun_find(m, STUN_A_PASSWORD_ALGORITHMS, &list);
    bool has_one = stun_find(m, STUN_A_PASSWORD_ALGORITHM, &one);
    *out = PASSWORD_MD5;
    *chosen = has_list || has_one;
    if (!*chosen)
        return true;
    return has_list && has_one && bytes_eq(list, bytes_of(offered, sizeof(offered))) && is_offered(one, out);
}
