/* map: a hash table whose links are inside the items; it owns only its rows.
 *
 * Floor 0, one thread. Hash keys that strangers choose with bytes_hash() and a random key. Rows double
 * when the load passes 1; a failed doubling only makes rows longer. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_node {
    struct map_node *next;
    uint64_t hash;
};

struct map {
    struct map_node **rows;
    size_t mask;
    size_t count;
};

int map_init(struct map *m, size_t rows_hint); /* 0 or -ENOMEM */
void map_fini(struct map *m);                  /* the items are yours */

void map_insert(struct map *m, struct map_node *node, uint64_t hash);
void map_remove(struct map *m, struct map_node *node); /* must be in m */

/* First node of that hash, then the next ones: the caller compares keys.
 *     for (n = map_find(m, h); n; n = map_next(n)) if (same(n)) ... */
struct map_node *map_find(const struct map *m, uint64_t hash);
struct map_node *map_next(const struct map_node *node); /* next node of the same hash, or NULL */

/* Every node, in no order; the callback may remove (only) the node it is given. */
void map_walk(struct map *m, void (*each)(struct map_node *node, void *arg), void *arg);
