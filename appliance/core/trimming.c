#include "appliance/core/trimming.h"
#include <malloc.h>

#define LOOK_EVERY 5000       /* ms */
#define WORTH      (1u << 20) /* bytes */
#define PART       16         /* of what is in use: less is not worth it either */
#define STILL      64         /* a change by less than this part is none */

bool trimming_due(struct trimming *t, size_t used)
{
    bool falls = used + used / STILL < t->last;
    t->last = used;
    t->highest = used > t->highest ? used : t->highest;
    if (falls || t->highest - used < WORTH || t->highest - used < used / PART)
        return false;
    t->highest = used;
    return true;
}

static void on_time(struct worker *w, struct timer *timer)
{
    struct trimming *t = container_of(timer, struct trimming, timer);
    struct mallinfo2 m = mallinfo2();
    if (trimming_due(t, m.uordblks)) {
        malloc_trim(0);
        log_debug(&w->log, "memory.trimmed", F_UINT("bytes_in_use", m.uordblks));
    }
    timer_set(&w->timers, timer, w->now + LOOK_EVERY);
}

void trimming_start(struct trimming *t, struct worker *management)
{
    *t = (struct trimming){.w = management, .timer.fire = on_time};
    timer_set(&management->timers, &t->timer, management->now + LOOK_EVERY);
}

void trimming_stop(struct trimming *t)
{
    if (t->w)
        timer_stop(&t->w->timers, &t->timer);
}
