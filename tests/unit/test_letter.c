/* letter: many writers, one reader. */
#include "appliance/core/letter.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants those first. */
#include <cmocka.h>

#define WRITERS 4
#define EACH    5000

struct numbered {
    struct letter letter;
    unsigned writer, number;
};

static struct inbox box;
static struct numbered letters[WRITERS][EACH];
static _Atomic unsigned rings;

static void first_put_finds_it_empty(void **state)
{
    struct letter a, b;
    inbox_init(&box);
    assert_true(inbox_put(&box, &a));
    assert_false(inbox_put(&box, &b));
    inbox_take(&box);
    assert_true(inbox_put(&box, &a));
}

static void taken_in_order_of_arrival(void **state)
{
    struct letter l[3];
    inbox_init(&box);
    assert_null(inbox_take(&box));
    for (size_t i = 0; i < 3; i++)
        inbox_put(&box, &l[i]);
    assert_ptr_equal(inbox_take(&box), &l[0]);
    assert_ptr_equal(l[0].next, &l[1]);
    assert_ptr_equal(l[1].next, &l[2]);
    assert_null(l[2].next);
    assert_null(inbox_take(&box));
}

static void *write_all(void *arg)
{
    unsigned writer = (unsigned)(uintptr_t)arg;
    for (unsigned i = 0; i < EACH; i++) {
        letters[writer][i].writer = writer;
        letters[writer][i].number = i;
        if (inbox_put(&box, &letters[writer][i].letter))
            atomic_fetch_add(&rings, 1);
    }
    return NULL;
}

static void every_writer_keeps_its_order_and_each_full_box_rings_once(void **state)
{
    pthread_t threads[WRITERS];
    unsigned next[WRITERS] = {0}, total = 0, full = 0;
    inbox_init(&box);
    atomic_store(&rings, 0);
    for (uintptr_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_all, (void *)i), 0);
    while (total < WRITERS * EACH) {
        struct letter *l = inbox_take(&box);
        full += l != NULL;
        for (; l; l = l->next, total++) {
            const struct numbered *n = (const struct numbered *)l;
            assert_int_equal(n->number, next[n->writer]++);
        }
    }
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&rings), full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_put_finds_it_empty),
        cmocka_unit_test(taken_in_order_of_arrival),
        cmocka_unit_test(every_writer_keeps_its_order_and_each_full_box_rings_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
