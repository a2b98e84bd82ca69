/* slots: items of one size at addresses that never move, found again by number and generation.
 *
 * Floor 0, one thread. What others keep of an item is a `struct ref`: worker, slot, generation. A ref to
 * an item that is gone finds NULL, which is a normal case, never an error. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where something lives: worker : generation : slot. All zero is "none" (generations start at 1). */
struct ref {
    uint16_t worker;
    uint32_t gen;
    uint32_t slot;
};

#define REF_NONE ((struct ref){0, 0, 0})
static inline bool ref_is_none(struct ref r)
{
    return r.gen == 0;
}
static inline bool ref_eq(struct ref a, struct ref b)
{
    return a.worker == b.worker && a.gen == b.gen && a.slot == b.slot;
}

struct slots {
    size_t item_size; /* as stored, with its header */
    uint32_t max;     /* items at most */
    uint32_t used, made;
    uint32_t free_head;
    void **chunks; /* each of SLOTS_PER_CHUNK items */
    uint32_t n_chunks;
    uint16_t worker; /* written into the refs */
};

#define SLOTS_PER_CHUNK 64u

int slots_init(struct slots *s, size_t item_size, uint32_t max, uint16_t worker);
void slots_fini(struct slots *s); /* frees the memory of all items, live ones too */

void *slots_take(struct slots *s);            /* zeroed item, or NULL: full or out of memory */
void slots_give(struct slots *s, void *item); /* its refs find NULL from now on; NULL is fine */
struct ref slots_ref(const struct slots *s, const void *item);
void *slots_get(const struct slots *s,
                struct ref r); /* NULL when dead or never was; worker is not looked at */
/* Live items in slot order, NULL after the last; *cursor starts at 0. The item may be given back before the
 * next call. */
void *slots_next(const struct slots *s, uint32_t *cursor);
