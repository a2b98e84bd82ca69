#include "appliance/core/timer.h"

/* A timer stands on the level of the highest digit (base 64) in which its due time differs from the wheel's
 * position. So all timers of one tick are always in one row, in the order in which they were set, and when
 * the position enters a row, that row is dealt out to the levels below it, which are empty then. */
#define ROW_MASK ((1u << WHEEL_BITS) - 1)
#define HORIZON  (WHEEL_LEVELS * WHEEL_BITS)

static unsigned level_of(uint64_t position, uint64_t due)
{
    uint64_t differ = (position ^ due) | ROW_MASK;
    return (unsigned)(63 - __builtin_clzll(differ)) / WHEEL_BITS;
}

static unsigned digit(uint64_t time, unsigned level)
{
    return (time >> (level * WHEEL_BITS)) & ROW_MASK;
}

static void place(struct timers *ts, struct timer *t)
{
    unsigned level = level_of(ts->position, t->due);
    if (level >= WHEEL_LEVELS) {
        list_push_back(&ts->far, &t->link);
        return;
    }
    unsigned row = digit(t->due, level);
    list_push_back(&ts->rows[level][row], &t->link);
    ts->busy[level] |= 1ull << row;
}

void timers_init(struct timers *ts, uint64_t now_ms)
{
    *ts = (struct timers){.now = now_ms, .position = now_ms};
    list_init(&ts->late);
    list_init(&ts->far);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++)
        for (unsigned row = 0; row <= ROW_MASK; row++)
            list_init(&ts->rows[level][row]);
}

void timer_set(struct timers *ts, struct timer *t, uint64_t due_ms)
{
    timer_stop(ts, t);
    t->due = due_ms;
    ts->count++;
    if (due_ms <= ts->now)
        list_push_back(&ts->late, &t->link);
    else
        place(ts, t);
}

/* The last timer of a row is linked to nothing but the row. */
static void clear_if_last(struct timers *ts, const struct timer *t)
{
    if (t->link.next != t->link.prev)
        return;
    uintptr_t offset = (uintptr_t)t->link.next - (uintptr_t)ts->rows;
    if (offset >= sizeof ts->rows)
        return; /* in a list of its own: late, far or about to fire */
    size_t index = offset / sizeof(struct list);
    ts->busy[index >> WHEEL_BITS] &= ~(1ull << (index & ROW_MASK));
}

void timer_stop(struct timers *ts, struct timer *t)
{
    if (!timer_armed(t))
        return;
    clear_if_last(ts, t);
    list_remove(&t->link);
    ts->count--;
}

static void list_move(struct list *from, struct list *to)
{
    list_init(to);
    if (list_empty(from))
        return;
    *to = *from;
    to->next->prev = to->prev->next = to;
    list_init(from);
}

/* Where the first busy row after the position begins; UINT64_MAX when the wheel is empty. Rows of a lower
 * level come before those of a higher one. */
static uint64_t next_row(const struct timers *ts)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        if (!ts->busy[level])
            continue;
        unsigned shift = level * WHEEL_BITS;
        unsigned row = (unsigned)__builtin_ctzll(ts->busy[level]);
        uint64_t above = ts->position >> (shift + WHEEL_BITS) << WHEEL_BITS;
        return (above | row) << shift;
    }
    return UINT64_MAX;
}

/* Where the wheel must stand for the first far timer to fit on it. */
static uint64_t next_far(const struct timers *ts)
{
    uint64_t first = UINT64_MAX;
    list_each (it, &ts->far) {
        const struct timer *t = container_of(it, struct timer, link);
        first = t->due < first ? t->due : first;
    }
    return first >> HORIZON << HORIZON;
}

static uint64_t next_horizon(const struct timers *ts)
{
    uint64_t window = ts->position >> HORIZON;
    return window == UINT64_MAX >> HORIZON ? UINT64_MAX : (window + 1) << HORIZON;
}

static void deal_out(struct timers *ts, struct list *row)
{
    struct list all, *it;
    list_move(row, &all);
    while ((it = list_pop_front(&all)))
        place(ts, container_of(it, struct timer, link));
}

static void enter_rows(struct timers *ts)
{
    for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
        unsigned row = digit(ts->position, level);
        if (!(ts->busy[level] & 1ull << row))
            continue;
        ts->busy[level] &= ~(1ull << row);
        deal_out(ts, &ts->rows[level][row]);
    }
}

static void fire_all(struct timers *ts, struct worker *w, struct list *due)
{
    struct list all, *it;
    list_move(due, &all);
    while ((it = list_pop_front(&all))) {
        struct timer *t = container_of(it, struct timer, link);
        ts->count--;
        t->fire(w, t);
    }
}

static void fire_tick(struct timers *ts, struct worker *w)
{
    unsigned row = digit(ts->position, 0);
    ts->busy[0] &= ~(1ull << row);
    fire_all(ts, w, &ts->rows[0][row]);
}

/* Moves to the next place where something happens; false when that is after ts->now. */
static bool step(struct timers *ts)
{
    uint64_t next = next_row(ts);
    if (next == UINT64_MAX && !list_empty(&ts->far) && next_horizon(ts) <= ts->now) {
        next = next_far(ts);
        if (next > ts->now)
            return false;
        ts->position = next;
        deal_out(ts, &ts->far);
        return true;
    }
    if (next > ts->now)
        return false;
    ts->position = next;
    return true;
}

void timers_run(struct timers *ts, struct worker *w, uint64_t now_ms)
{
    /* What callbacks set for a time up to now_ms is late, that is, for the next run: no run is endless. */
    if (now_ms > ts->now)
        ts->now = now_ms;
    fire_all(ts, w, &ts->late);
    while (ts->count && step(ts)) {
        enter_rows(ts);
        fire_tick(ts, w);
    }
    ts->position = ts->now;
}

uint64_t timers_next(const struct timers *ts)
{
    if (!list_empty(&ts->late))
        return ts->now;
    uint64_t next = next_row(ts);
    return next == UINT64_MAX && !list_empty(&ts->far) ? next_horizon(ts) : next;
}
