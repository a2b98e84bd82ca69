/* slots: items of one size at addresses that never move, found again by number and generation.
 *
 * Floor 0, one thread. What others keep of an item is a `struct ref`: worker, slot, generation. A ref to
 * an item that is gone finds NULL, which is a normal case, never an error. Memory comes and goes in chunks:
 * the lowest slot that is free is taken, so that what a rush has made empties and goes back to the heap; the
 * generations of its slots are remembered. */
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

#define SLOTS_PER_CHUNK 64u

struct slots_chunk {
    void *mem;     /* NULL: given back, or not made yet */
    uint64_t free; /* a bit for each slot */
    uint32_t gen;  /* without mem: no slot of it had a higher one */
};

struct slots {
    size_t item_size; /* as stored, with its header */
    uint32_t max;     /* items at most */
    uint32_t used;
    struct slots_chunk *chunks;
    uint32_t n_chunks; /* as many as max may need */
    uint32_t top;      /* those from here on were never made */
    uint32_t roomy;    /* all below are full */
    uint32_t spare;    /* one that is empty and stays, UINT32_MAX: none */
    uint16_t worker;   /* written into the refs */
};

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
