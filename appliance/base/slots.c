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

#define FREE_END UINT32_MAX

/* Stands in front of every item. */
struct head {
    alignas(max_align_t) uint32_t slot;
    uint32_t gen;
    uint32_t next_free; /* FREE_END at the end */
    bool live;
};

static inline struct head *head_at(const struct slots *s, uint32_t slot)
{
    uint8_t *chunk = s->chunks[slot / SLOTS_PER_CHUNK];
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
    *s = (struct slots){.max = max < FREE_END ? max : FREE_END - 1, .free_head = FREE_END, .worker = worker};
    const size_t align = alignof(max_align_t);
    if (item_size > SIZE_MAX / SLOTS_PER_CHUNK - sizeof(struct head) - align)
        return -EINVAL;
    s->item_size = (sizeof(struct head) + item_size + align - 1) / align * align;
    size_t chunks = ((size_t)s->max + SLOTS_PER_CHUNK - 1) / SLOTS_PER_CHUNK;
    s->chunks = calloc(chunks > 0 ? chunks : 1, sizeof(void *));
    return s->chunks ? 0 : -ENOMEM;
}

void slots_fini(struct slots *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->n_chunks; i++) {
        unpoison(s->chunks[i], SLOTS_PER_CHUNK * s->item_size);
        free(s->chunks[i]);
    }
    free(s->chunks);
    *s = (struct slots){.free_head = FREE_END};
}

/* A slot that nobody had yet, in a new chunk if need be. */
static struct head *make_head(struct slots *s)
{
    if (s->made >= s->max)
        return NULL;
    if (s->made == s->n_chunks * SLOTS_PER_CHUNK) {
        void *chunk = malloc(SLOTS_PER_CHUNK * s->item_size);
        if (!chunk)
            return NULL;
        s->chunks[s->n_chunks++] = chunk;
    }
    struct head *h = head_at(s, s->made);
    *h = (struct head){.slot = s->made++, .gen = 1};
    return h;
}

static struct head *reuse_head(struct slots *s)
{
    struct head *h = head_at(s, s->free_head);
    s->free_head = h->next_free;
    return h;
}

void *slots_take(struct slots *s)
{
    struct head *h = s->free_head != FREE_END ? reuse_head(s) : make_head(s);
    if (!h)
        return NULL;
    h->live = true;
    s->used++;
    unpoison(h + 1, payload(s));
    return memset(h + 1, 0, payload(s));
}

void slots_give(struct slots *s, void *item)
{
    if (!item)
        return;
    struct head *h = head_of(item);
    if (!h->live)
        return;
    h->live = false;
    if (++h->gen == 0) /* 0 is REF_NONE */
        h->gen = 1;
    h->next_free = s->free_head;
    s->free_head = h->slot;
    s->used--;
    poison(item, payload(s));
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
    if (r.slot >= s->made)
        return NULL;
    struct head *h = head_at(s, r.slot);
    return h->live && h->gen == r.gen ? h + 1 : NULL;
}

void *slots_next(const struct slots *s, uint32_t *cursor)
{
    while (*cursor < s->made) {
        struct head *h = head_at(s, (*cursor)++);
        if (h->live)
            return h + 1;
    }
    return NULL;
}
