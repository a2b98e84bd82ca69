/* list: doubly linked, links inside the items, owns nothing. Floor 0; one thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}
/* A link that was list_init'ed or removed is "off"; anything else hangs in some list. */
static inline bool list_linked(const struct list *l)
{
    return l->next != NULL && l->next != l;
}

static inline void list_insert_after(struct list *where, struct list *item)
{
    item->prev = where;
    item->next = where->next;
    where->next->prev = item;
    where->next = item;
}
static inline void list_push_front(struct list *l, struct list *item)
{
    list_insert_after(l, item);
}
static inline void list_push_back(struct list *l, struct list *item)
{
    list_insert_after(l->prev, item);
}

/* Safe on a link that is off; leaves it off. */
static inline void list_remove(struct list *item)
{
    if (!item->next)
        return;
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

static inline struct list *list_pop_front(struct list *l)
{
    struct list *item = l->next;
    if (item == l)
        return NULL;
    list_remove(item);
    return item;
}

#define list_each(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)
/* The body may remove `it`. */
#define list_each_safe(it, head)                                                                             \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                                \
         it = it##_next, it##_next = it->next)
