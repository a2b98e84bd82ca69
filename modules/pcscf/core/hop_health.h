/* hop_health: is a next hop up? What answers and silence make of it, and when to ask again.
 *
 * Floor 3. Pure; time is an argument. Unknown counts as usable: nothing has said otherwise yet. Down after
 * HOP_FALL silences in a row, or at once when there can be no doubt (connection refused, wrong certificate);
 * up again after HOP_RISE answers in a row, so that one that flaps is left alone: but with the first where
 * there is no other. And where all are down, one request in HOP_TRIAL ms is sent to the least bad of them, so
 * that service is back with the first that is answered, and who waits for nothing are few. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define HOP_FALL  2
#define HOP_RISE  2
#define HOP_TRIAL 1000 /* ms */

enum hop_state { HOP_UNKNOWN, HOP_UP, HOP_DOWN };
const char *hop_state_name(enum hop_state s); /* "unknown", "up", "down" */

struct hop_health {
    enum hop_state state;
    uint64_t since; /* ms: of the state */
    uint64_t rests; /* it asked to be left alone until then (503 with Retry-After) */
    unsigned strikes, answers;
    unsigned tries; /* probes since it is down: they come more and more seldom */
    bool refused;   /* it is down without a doubt */
    uint64_t trial; /* ms: not before then is a request to try it again */
};

/* It answered, whatever it said. alone: no other can be used. True: the state has changed. */
bool hop_health_good(struct hop_health *h, bool alone, uint64_t now);
/* It did not, or cannot be reached (certain). True: the state has changed. */
bool hop_health_bad(struct hop_health *h, bool certain, uint64_t now);
/* Nothing can be said any more. */
void hop_health_forget(struct hop_health *h, uint64_t now);
bool hop_health_usable(const struct hop_health *h);                /* not down */
bool hop_health_willing(const struct hop_health *h, uint64_t now); /* and does not rest */
/* It is down, and a request may try it: once in HOP_TRIAL ms. True counts as the one. */
bool hop_health_may_try(struct hop_health *h, uint64_t now);
/* ms until the next probe: `interval` while it is up; soon, then with back-off, while it is down. Counts. */
uint64_t hop_health_next(struct hop_health *h, uint64_t interval);
