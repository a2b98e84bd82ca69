#include "appliance/base/map.h"
#include <errno.h>
#include <stdlib.h>

#define MAP_ROWS_MIN 8u
#define MAP_ROWS_MAX ((size_t)1 << 30)

int map_init(struct map *m, size_t rows_hint)
{
    size_t rows = MAP_ROWS_MIN;
    while (rows < rows_hint && rows < MAP_ROWS_MAX)
        rows *= 2;
    *m = (struct map){.rows = calloc(rows, sizeof(struct map_node *)), .mask = rows - 1};
    return m->rows ? 0 : -ENOMEM;
}

void map_fini(struct map *m)
{
    if (!m)
        return;
    free(m->rows);
    *m = (struct map){0};
}

static void link_node(struct map *m, struct map_node *node)
{
    struct map_node **row = &m->rows[node->hash & m->mask];
    node->next = *row;
    *row = node;
}

static void double_rows(struct map *m)
{
    size_t old = m->mask + 1;
    if (old >= MAP_ROWS_MAX)
        return;
    struct map bigger = {calloc(old * 2, sizeof(struct map_node *)), old * 2 - 1, m->count};
    if (!bigger.rows)
        return; /* rows get longer, nothing else; the next insertion tries again */
    for (size_t i = 0; i < old; i++) {
        for (struct map_node *n = m->rows[i], *next; n; n = next) {
            next = n->next;
            link_node(&bigger, n);
        }
    }
    free(m->rows);
    *m = bigger;
}

void map_insert(struct map *m, struct map_node *node, uint64_t hash)
{
    if (m->count > m->mask)
        double_rows(m);
    node->hash = hash;
    link_node(m, node);
    m->count++;
}

void map_remove(struct map *m, struct map_node *node)
{
    struct map_node **at = &m->rows[node->hash & m->mask];
    while (*at && *at != node)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = node->next;
    node->next = NULL;
    m->count--;
}

static struct map_node *same_hash(struct map_node *n, uint64_t hash)
{
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

struct map_node *map_find(const struct map *m, uint64_t hash)
{
    return same_hash(m->rows[hash & m->mask], hash);
}

struct map_node *map_next(const struct map_node *node)
{
    return same_hash(node->next, node->hash);
}

void map_walk(struct map *m, void (*each)(struct map_node *node, void *arg), void *arg)
{
    for (size_t i = 0; m->rows && i <= m->mask; i++) {
        for (struct map_node *n = m->rows[i], *next; n; n = next) {
            next = n->next;
            each(n, arg);
        }
    }
}
