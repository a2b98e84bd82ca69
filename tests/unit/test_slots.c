#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/base/slots.h"
#include <string.h>

struct item {
    uint64_t a;
    char text[21];
};

static void refs_find_live_items_only(void **state)
{
    struct slots s;
    assert_int_equal(slots_init(&s, sizeof(struct item), 10, 3), 0);
    struct item *it = slots_take(&s);
    struct ref r = slots_ref(&s, it);
    assert_int_equal(r.worker, 3);
    assert_int_equal(r.gen, 1);
    assert_false(ref_is_none(r));
    assert_ptr_equal(slots_get(&s, r), it);
    slots_give(&s, it);
    assert_null(slots_get(&s, r));
    slots_fini(&s);
}

static void a_slot_used_again_has_a_new_generation(void **state)
{
    struct slots s;
    assert_int_equal(slots_init(&s, sizeof(struct item), 1, 0), 0);
    struct item *it = slots_take(&s);
    struct ref old = slots_ref(&s, it);
    memset(it, 0xee, sizeof *it);
    slots_give(&s, it);
    struct item *again = slots_take(&s);
    static const struct item zero;
    assert_ptr_equal(again, it);
    assert_memory_equal(again, &zero, sizeof zero);
    struct ref new = slots_ref(&s, again);
    assert_int_equal(new.slot, old.slot);
    assert_int_not_equal(new.gen, old.gen);
    assert_null(slots_get(&s, old));
    assert_ptr_equal(slots_get(&s, new), again);
    slots_fini(&s);
}

/* After 2^32 - 1 lives the generation starts again at 1: 0 would be REF_NONE. */
static void generation_wrap_skips_zero(void **state)
{
    struct slots s;
    assert_int_equal(slots_init(&s, sizeof(struct item), 1, 0), 0);
    struct item *it = slots_take(&s);
    uint32_t *head = (uint32_t *)s.chunks[0].mem; /* slot, generation: there is no quick public way there */
    assert_int_equal(head[1], 1);
    head[1] = UINT32_MAX;
    struct ref last = slots_ref(&s, it);
    assert_true(last.gen == UINT32_MAX);
    slots_give(&s, it);
    it = slots_take(&s);
    assert_int_equal(slots_ref(&s, it).gen, 1);
    assert_null(slots_get(&s, last));
    slots_fini(&s);
}

static void foreign_refs_find_nothing(void **state)
{
    struct slots s;
    assert_int_equal(slots_init(&s, sizeof(struct item), 100, 0), 0);
    assert_null(slots_get(&s, REF_NONE));
    assert_null(slots_get(&s, (struct ref){0, 1, 0}));
    struct item *it = slots_take(&s);
    assert_null(slots_get(&s, REF_NONE));
    assert_null(slots_get(&s, (struct ref){0, 2, 0}));
    assert_null(slots_get(&s, (struct ref){0, 1, 1}));
    assert_null(slots_get(&s, (struct ref){0, 1, UINT32_MAX}));
    assert_ptr_equal(slots_get(&s, (struct ref){9, 1, 0}), it); /* the worker is not looked at */
    slots_give(&s, it);
    assert_null(slots_get(&s, (struct ref){0, 2, 0})); /* right generation, but free */
    assert_true(ref_is_none(slots_ref(&s, NULL)));
    slots_give(&s, NULL);
    slots_fini(&s);
}

static void full_means_max_items(void **state)
{
    enum { MAX = SLOTS_PER_CHUNK + 3 };
    struct slots s;
    struct item *items[MAX];
    assert_int_equal(slots_init(&s, sizeof(struct item), MAX, 0), 0);
    for (int i = 0; i < MAX; i++) {
        items[i] = slots_take(&s);
        assert_non_null(items[i]);
        assert_int_equal((uintptr_t)items[i] % 16, 0);
        items[i]->a = (uint64_t)i;
    }
    assert_null(slots_take(&s));
    assert_int_equal(s.used, MAX);
    for (int i = 0; i < MAX; i++)
        assert_int_equal(items[i]->a, i); /* nobody lies over another, nobody moved */
    slots_give(&s, items[5]);
    assert_ptr_equal(slots_take(&s), items[5]);
    slots_fini(&s);
    slots_fini(&s);
    slots_fini(NULL);
}

static void none_at_all(void **state)
{
    struct slots s;
    assert_int_equal(slots_init(&s, 8, 0, 0), 0);
    assert_null(slots_take(&s));
    slots_fini(&s);
    assert_int_not_equal(slots_init(&s, SIZE_MAX - 8, 1, 0), 0);
    slots_fini(&s);
}

static void next_visits_the_live_in_order(void **state)
{
    struct slots s;
    struct item *items[200];
    uint32_t cursor = 0;
    assert_int_equal(slots_init(&s, sizeof(struct item), 200, 0), 0);
    for (int i = 0; i < 200; i++)
        items[i] = slots_take(&s);
    for (int i = 0; i < 200; i += 2)
        slots_give(&s, items[i]);
    int at = 1;
    for (struct item *it; (it = slots_next(&s, &cursor)); at += 2) {
        assert_ptr_equal(it, items[at]);
        slots_give(&s, it);
    }
    assert_int_equal(at, 201);
    assert_int_equal(s.used, 0);
    slots_fini(&s);
}

static unsigned chunks_of(const struct slots *s)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < s->n_chunks; i++)
        n += s->chunks[i].mem != NULL;
    return n;
}

/* What a rush has made goes back to the heap, but for one chunk; its refs stay dead when others live there.
 */
static void empty_chunks_are_given_back(void **state)
{
    enum { MAX = 10 * SLOTS_PER_CHUNK };
    struct slots s;
    struct item *items[MAX];
    struct ref refs[MAX];
    assert_int_equal(slots_init(&s, sizeof(struct item), MAX, 0), 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MAX; i++) {
            assert_non_null(items[i] = slots_take(&s));
            struct ref r = slots_ref(&s, items[i]);
            assert_int_equal(r.slot, i); /* the lowest first */
            assert_true(round == 0 || r.gen > refs[i].gen);
            if (round)
                assert_null(slots_get(&s, refs[i]));
            refs[i] = r;
            assert_ptr_equal(slots_get(&s, r), items[i]);
        }
        assert_int_equal(chunks_of(&s), 10);
        for (int i = 0; i < MAX; i++)
            slots_give(&s, items[round % 2 ? i : MAX - 1 - i]);
        assert_int_equal(chunks_of(&s), 1);
        for (int i = 0; i < MAX; i++)
            assert_null(slots_get(&s, refs[i]));
        uint32_t cursor = 0;
        assert_null(slots_next(&s, &cursor));
    }
    slots_fini(&s);
}

/* A number of items that goes up and down by one makes and frees nothing. */
static void one_empty_chunk_stays(void **state)
{
    struct slots s;
    struct item *items[SLOTS_PER_CHUNK + 1];
    assert_int_equal(slots_init(&s, sizeof(struct item), 1000, 0), 0);
    for (unsigned i = 0; i <= SLOTS_PER_CHUNK; i++)
        items[i] = slots_take(&s);
    for (int i = 0; i < 3; i++) {
        slots_give(&s, items[SLOTS_PER_CHUNK]);
        assert_int_equal(chunks_of(&s), 2);
        assert_ptr_equal(slots_take(&s), items[SLOTS_PER_CHUNK]);
    }
    slots_give(&s, items[7]);
    assert_ptr_equal(slots_take(&s), items[7]); /* and a hole in a full one is filled first */
    slots_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refs_find_live_items_only),
        cmocka_unit_test(a_slot_used_again_has_a_new_generation),
        cmocka_unit_test(generation_wrap_skips_zero),
        cmocka_unit_test(foreign_refs_find_nothing),
        cmocka_unit_test(full_means_max_items),
        cmocka_unit_test(none_at_all),
        cmocka_unit_test(next_visits_the_live_in_order),
        cmocka_unit_test(empty_chunks_are_given_back),
        cmocka_unit_test(one_empty_chunk_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
