#include "appliance/core/letter.h"
#include <stddef.h>

void inbox_init(struct inbox *box)
{
    atomic_init(&box->top, NULL);
}

bool inbox_put(struct inbox *box, struct letter *l)
{
    struct letter *top = atomic_load_explicit(&box->top, memory_order_relaxed);
    do {
        l->next = top;
        /* Sequentially consistent, for worker_post asks afterwards whether the reader is awake. */
    } while (!atomic_compare_exchange_weak(&box->top, &top, l));
    return top == NULL;
}

/* The box is a stack; its reverse is the order of arrival. Taking all at once leaves no ABA problem. */
struct letter *inbox_take(struct inbox *box)
{
    struct letter *l = atomic_exchange(&box->top, NULL);
    struct letter *first = NULL;
    while (l) {
        struct letter *next = l->next;
        l->next = first;
        first = l;
        l = next;
    }
    return first;
}
