#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/map.h"
#include <stdlib.h>

struct item {
    int key;
    struct map_node node;
};

#define MANY 1000

static struct item *item_of(struct map_node *n)
{
    return (struct item *)(void *)((char *)n - offsetof(struct item, node));
}

static struct item *find(const struct map *m, uint64_t hash, int key)
{
    for (struct map_node *n = map_find(m, hash); n; n = map_next(n)) {
        if (item_of(n)->key == key)
            return item_of(n);
    }
    return NULL;
}

static void grows_and_still_finds_everything(void **state)
{
    struct map m;
    struct item *items = calloc(MANY, sizeof *items);
    assert_non_null(items);
    assert_int_equal(map_init(&m, 0), 0);
    size_t first_rows = m.mask + 1;
    for (int i = 0; i < MANY; i++) {
        items[i].key = i;
        map_insert(&m, &items[i].node, (uint64_t)i * 0x9e3779b97f4a7c15u);
    }
    assert_int_equal(m.count, MANY);
    assert_true(m.mask + 1 > first_rows);
    assert_true(m.mask + 1 >= MANY); /* the load does not pass 1 */
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(find(&m, (uint64_t)i * 0x9e3779b97f4a7c15u, i), &items[i]);
    assert_null(map_find(&m, 0x1234567));
    map_fini(&m);
    free(items);
}

/* Same row is not same hash; same hash is not same key. */
static void collisions_are_told_apart(void **state)
{
    struct map m;
    struct item a = {.key = 1}, b = {.key = 2}, c = {.key = 3};
    assert_int_equal(map_init(&m, 8), 0);
    map_insert(&m, &a.node, 0x10);
    map_insert(&m, &b.node, 0x10);
    map_insert(&m, &c.node, 0x1000000010);
    assert_ptr_equal(find(&m, 0x10, 1), &a);
    assert_ptr_equal(find(&m, 0x10, 2), &b);
    assert_null(find(&m, 0x10, 3));
    assert_ptr_equal(find(&m, 0x1000000010, 3), &c);
    map_remove(&m, &b.node);
    assert_null(find(&m, 0x10, 2));
    assert_ptr_equal(find(&m, 0x10, 1), &a);
    assert_int_equal(m.count, 2);
    map_fini(&m);
}

struct walk {
    struct map *m;
    int seen, removed;
};

static void remove_odd(struct map_node *n, void *arg)
{
    struct walk *w = arg;
    w->seen++;
    if (item_of(n)->key % 2 == 0)
        return;
    map_remove(w->m, n);
    w->removed++;
}

static void walk_may_remove_what_it_is_given(void **state)
{
    struct map m;
    struct item items[100];
    struct walk w = {&m, 0, 0};
    assert_int_equal(map_init(&m, 4), 0);
    for (int i = 0; i < 100; i++) {
        items[i].key = i;
        map_insert(&m, &items[i].node, (uint64_t)(i / 10)); /* long rows */
    }
    map_walk(&m, remove_odd, &w);
    assert_int_equal(w.seen, 100);
    assert_int_equal(w.removed, 50);
    assert_int_equal(m.count, 50);
    assert_null(find(&m, 1, 11));
    assert_non_null(find(&m, 1, 12));
    map_fini(&m);
}

static void hint_is_the_size_from_the_start(void **state)
{
    struct map m;
    assert_int_equal(map_init(&m, 1000), 0);
    assert_int_equal(m.mask + 1, 1024);
    map_fini(&m);
    map_fini(&m);
    map_fini(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_still_finds_everything),
        cmocka_unit_test(collisions_are_told_apart),
        cmocka_unit_test(walk_may_remove_what_it_is_given),
        cmocka_unit_test(hint_is_the_size_from_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
