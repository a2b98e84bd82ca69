#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/list.h"

struct item {
    int v;
    struct list link;
};

static void order_is_kept(void **state)
{
    struct list head;
    struct item a = {.v = 1}, b = {.v = 2}, c = {.v = 3};
    list_init(&head);
    assert_true(list_empty(&head));
    list_push_back(&head, &b.link);
    list_push_back(&head, &c.link);
    list_push_front(&head, &a.link);
    int want = 1;
    list_each (it, &head)
        assert_int_equal(container_of(it, struct item, link)->v, want++);
    assert_int_equal(want, 4);
}

static void remove_leaves_the_link_off(void **state)
{
    struct list head;
    struct item a = {.v = 1}, never = {.v = 2};
    list_init(&head);
    list_push_back(&head, &a.link);
    assert_true(list_linked(&a.link));
    list_remove(&a.link);
    assert_false(list_linked(&a.link));
    assert_true(list_empty(&head));
    list_remove(&a.link);     /* twice is fine */
    list_remove(&never.link); /* so is a zeroed one */
    assert_false(list_linked(&never.link));
}

static void pop_front_is_first_in_first_out(void **state)
{
    struct list head;
    struct item a = {.v = 1}, b = {.v = 2};
    list_init(&head);
    list_push_back(&head, &a.link);
    list_push_back(&head, &b.link);
    assert_ptr_equal(list_pop_front(&head), &a.link);
    assert_ptr_equal(list_pop_front(&head), &b.link);
    assert_null(list_pop_front(&head));
}

static void each_safe_allows_removal(void **state)
{
    struct list head;
    struct item items[5];
    int seen = 0;
    list_init(&head);
    for (int i = 0; i < 5; i++)
        list_push_back(&head, &items[i].link);
    list_each_safe (it, &head) {
        list_remove(it);
        seen++;
    }
    assert_int_equal(seen, 5);
    assert_true(list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_kept),
        cmocka_unit_test(remove_leaves_the_link_off),
        cmocka_unit_test(pop_front_is_first_in_first_out),
        cmocka_unit_test(each_safe_allows_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
