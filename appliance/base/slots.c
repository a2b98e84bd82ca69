#include "appliance/base/slots.h"
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* A sanitized build catches whoever touches an item after it was given back. */
#if defined(__SANITIZE_ADDRESS__)
#define SLOTS_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOTS_POISON 1
#endif
#endif
#ifdef SLOTS_POISON
#include <sanitizer/asan_interface.h>
#define poison(p, n)   ASAN_POISON_MEMORY_REGION((p), (n))
#define unpoison(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define poison(p, n)   ((void)(p), (void)(n))
#define unpoison(p, n) ((void)(p), (void)(n))
#endif

#define NONE UINT32_MAX

/* Stands in front of every item. */
struct head {
    alignas(max_align_t) uint32_t slot;
    uint32_t gen;
    bool live;
};

static inline struct head *head_at(const struct slots *s, uint32_t slot)
{
    uint8_t *chunk = s->chunks[slot / SLOTS_PER_CHUNK].mem;
    return (struct head *)(void *)(chunk + (slot % SLOTS_PER_CHUNK) * s->item_size);
}

static inline struct head *head_of(const void *item)
{
    return (struct head *)item - 1;
}

static inline size_t payload(const struct slots *s)
{
    return s->item_size - sizeof(struct head);
}

int slots_init(struct slots *s, size_t item_size, uint32_t max, uint16_t worker)
{
    *s = (struct slots){.max = max < NONE ? max : NONE - 1, .spare = NONE, .worker = worker};
    const size_t align = alignof(max_align_t);
    if (item_size > SIZE_MAX / SLOTS_PER_CHUNK - sizeof(struct head) - align)
        return -EINVAL;
    s->item_size = (sizeof(struct head) + item_size + align - 1) / align * align;
    s->n_chunks = (uint32_t)(((uint64_t)s->max + SLOTS_PER_CHUNK - 1) / SLOTS_PER_CHUNK);
    s->chunks = calloc(s->n_chunks > 0 ? s->n_chunks : 1, sizeof(*s->chunks));
    return s->chunks ? 0 : -ENOMEM;
}

static void chunk_free(struct slots *s, struct slots_chunk *c)
{
    if (c->mem)
        unpoison(c->mem, SLOTS_PER_CHUNK * s->item_size);
    free(c->mem);
    c->mem = NULL;
}

void slots_fini(struct slots *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->top; i++)
        chunk_free(s, &s->chunks[i]);
    free(s->chunks);
    *s = (struct slots){.spare = NONE};
}

/* How many slots of the chunk there may be: fewer in the last one. */
static uint64_t all_of(const struct slots *s, uint32_t chunk)
{
    uint32_t left = s->max - chunk * SLOTS_PER_CHUNK;
    return left >= SLOTS_PER_CHUNK ? UINT64_MAX : (1ull << left) - 1;
}

static bool chunk_make(struct slots *s, uint32_t chunk)
{
    struct slots_chunk *c = &s->chunks[chunk];
    c->mem = malloc(SLOTS_PER_CHUNK * s->item_size);
    if (!c->mem)
        return false;
    c->free = all_of(s, chunk);
    for (uint32_t i = 0; i < SLOTS_PER_CHUNK; i++) {
        struct head *h = head_at(s, chunk * SLOTS_PER_CHUNK + i);
        *h = (struct head){.slot = chunk * SLOTS_PER_CHUNK + i, .gen = c->gen + 1 ? c->gen + 1 : 1};
        poison(h + 1, payload(s));
    }
    s->top = chunk < s->top ? s->top : chunk + 1;
    return true;
}

static bool is_full(const struct slots_chunk *c)
{
    return c->mem && !c->free;
}

void *slots_take(struct slots *s)
{
    if (s->used >= s->max)
        return NULL;
    while (is_full(&s->chunks[s->roomy]))
        s->roomy++;
    struct slots_chunk *c = &s->chunks[s->roomy];
    if (!c->mem && !chunk_make(s, s->roomy))
        return NULL;
    if (s->spare == s->roomy)
        s->spare = NONE;
    struct head *h = head_at(s, s->roomy * SLOTS_PER_CHUNK + (uint32_t)__builtin_ctzll(c->free));
    c->free &= c->free - 1;
    h->live = true;
    s->used++;
    unpoison(h + 1, payload(s));
    return memset(h + 1, 0, payload(s));
}

static void chunk_give_back(struct slots *s, uint32_t chunk)
{
    struct slots_chunk *c = &s->chunks[chunk];
    for (uint32_t i = 0; i < SLOTS_PER_CHUNK; i++) {
        uint32_t gen = head_at(s, chunk * SLOTS_PER_CHUNK + i)->gen;
        c->gen = gen > c->gen ? gen : c->gen;
    }
    chunk_free(s, c);
}

/* One that is empty stays, or a number of items that moves up and down by one would make and free a chunk
 * each time. Of two the lower. */
static void chunk_emptied(struct slots *s, uint32_t chunk)
{
    uint32_t stays = chunk, goes = s->spare;
    if (goes != NONE && goes < stays) {
        stays = s->spare;
        goes = chunk;
    }
    if (goes != NONE)
        chunk_give_back(s, goes);
    s->spare = stays;
}

void slots_give(struct slots *s, void *item)
{
    if (!item)
        return;
    struct head *h = head_of(item);
    if (!h->live)
        return;
    uint32_t chunk = h->slot / SLOTS_PER_CHUNK;
    struct slots_chunk *c = &s->chunks[chunk];
    h->live = false;
    if (++h->gen == 0) /* 0 is REF_NONE */
        h->gen = 1;
    c->free |= 1ull << h->slot % SLOTS_PER_CHUNK;
    s->used--;
    s->roomy = chunk < s->roomy ? chunk : s->roomy;
    poison(item, payload(s));
    if (c->free == all_of(s, chunk))
        chunk_emptied(s, chunk);
}

struct ref slots_ref(const struct slots *s, const void *item)
{
    if (!item)
        return REF_NONE;
    const struct head *h = head_of(item);
    return (struct ref){s->worker, h->gen, h->slot};
}

void *slots_get(const struct slots *s, struct ref r)
{
    if (r.slot / SLOTS_PER_CHUNK >= s->top || !s->chunks[r.slot / SLOTS_PER_CHUNK].mem)
        return NULL;
    struct head *h = head_at(s, r.slot);
    return h->live && h->gen == r.gen ? h + 1 : NULL;
}

void *slots_next(const struct slots *s, uint32_t *cursor)
{
    while (*cursor / SLOTS_PER_CHUNK < s->top) {
        const struct slots_chunk *c = &s->chunks[*cursor / SLOTS_PER_CHUNK];
        uint32_t slot = *cursor;
        *cursor += c->mem ? 1 : SLOTS_PER_CHUNK - slot % SLOTS_PER_CHUNK;
        if (c->mem && head_at(s, slot)->live)
            return head_at(s, slot) + 1;
    }
    return NULL;
}
