/* alternate: sends clients to another server (300, RFC 8489 10; RFC 8656 7.2 step 11).
 *
 * Floor 3. Only Allocate is redirected, after it has been authenticated, so that nobody can be sent away by
 * a false answer; what stands here stays. */
#pragma once
#include <stdbool.h>

struct request;

enum alternate_when { ALTERNATE_FULL, ALTERNATE_ALWAYS };

/* True: it has been answered. False: not to be redirected now, or there is no server of the client's family.
 */
bool alternate_redirects(struct request *rq, enum alternate_when why);
bool alternate_check(const char *text, const char **why);
