/* worker: turns, letters between threads, timers on real time (a few milliseconds), rooms. */
#include "appliance/core/worker.h"
#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants those first. */
#include <cmocka.h>

static char trace[64];

static void trace_add(char c)
{
    size_t n = strlen(trace);
    if (n + 1 < sizeof trace)
        trace[n] = c;
}

static int clear(void **state)
{
    memset(trace, 0, sizeof trace);
    return 0;
}

/* Without a loop. */

static void timer_mark(struct worker *w, struct timer *t)
{
    trace_add('t');
}
static void letter_mark(struct worker *w, struct letter *l)
{
    trace_add('l');
}
static void hook_mark(struct worker *w, struct turn_hook *h)
{
    trace_add('1');
}
static void hook_mark_and_leave(struct worker *w, struct turn_hook *h)
{
    trace_add('2');
    list_remove(&h->link);
}

static void a_turn_runs_timers_letters_hooks(void **state)
{
    struct worker *w = worker_create(NULL, 0);
    struct timer t = {.fire = timer_mark};
    struct letter l = {.open = letter_mark};
    struct turn_hook one = {.at_end = hook_mark}, two = {.at_end = hook_mark_and_leave};
    assert_non_null(w);
    worker_hook_turn(w, &two);
    worker_hook_turn(w, &one);
    worker_post(w, &l);
    timer_set(&w->timers, &t, 10);
    w->now = 10;
    worker_turn(w);
    assert_string_equal(trace, "tl21");
    worker_turn(w);
    assert_string_equal(trace, "tl211");
    worker_destroy(w);
}

static void rooms_are_found_replaced_removed_and_bounded(void **state)
{
    static const char keys[WORKER_ROOMS + 1];
    int a, b;
    struct worker *w = worker_create(NULL, 0);
    assert_non_null(w);
    assert_null(worker_room(w, &keys[0]));
    assert_int_equal(worker_set_room(w, &keys[0], NULL), 0);
    for (size_t i = 0; i < WORKER_ROOMS; i++)
        assert_int_equal(worker_set_room(w, &keys[i], &a), 0);
    assert_int_equal(worker_set_room(w, &keys[WORKER_ROOMS], &a), -ENOSPC);
    assert_int_equal(worker_set_room(w, &keys[3], &b), 0);
    assert_ptr_equal(worker_room(w, &keys[3]), &b);
    assert_int_equal(worker_set_room(w, &keys[3], NULL), 0);
    assert_null(worker_room(w, &keys[3]));
    assert_int_equal(worker_set_room(w, &keys[WORKER_ROOMS], &a), 0);
    worker_destroy(w);
}

static void the_worker_after_the_last_is_management(void **state)
{
    struct gateway gw = {.n_workers = 1};
    struct worker *traffic = worker_create(&gw, 0), *manager = worker_create(&gw, 1);
    assert_ptr_equal(gw.workers[0], traffic);
    assert_false(traffic->management);
    assert_true(manager->management);
    worker_destroy(manager);
    worker_destroy(traffic);
    assert_null(gw.workers[0]);
    assert_null(worker_create(&gw, WORKER_MAX + 1));
    worker_destroy(NULL);
}

struct parcel {
    struct letter letter;
    bool *ended;
};

static void free_parcel(struct worker *w, struct letter *l)
{
    struct parcel *p = (struct parcel *)l;
    *p->ended = w->ended;
    free(p);
}

static void letters_left_over_are_opened_by_destroy(void **state)
{
    bool ended = false;
    struct worker *w = worker_create(NULL, 0);
    struct parcel *p = calloc(1, sizeof *p);
    assert_non_null(w);
    assert_non_null(p);
    *p = (struct parcel){.letter.open = free_parcel, .ended = &ended};
    worker_post(w, &p->letter);
    worker_destroy(w);
    assert_true(ended);
}

/* With a thread. */

struct scene {
    sem_t done;
    struct letter letter, second;
    struct timer timer;
    struct turn_hook hook;
    struct worker *other;
    unsigned count;
    uint64_t fired_at, due;
    bool began, ended, blocked;
    ev_io io;
    int fds[2];
};

static struct scene scene;

static void wait_for(sem_t *s)
{
    while (sem_wait(s) < 0 && errno == EINTR)
        ;
}

static int new_scene(void **state)
{
    clear(state);
    memset(&scene, 0, sizeof scene);
    return sem_init(&scene.done, 0, 0);
}

static int begin_scene(struct worker *w)
{
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    scene.blocked = sigismember(&now, SIGTERM) && sigismember(&now, SIGPIPE);
    scene.began = pthread_equal(w->thread, pthread_self()) != 0;
    return 0;
}

static void end_scene(struct worker *w)
{
    scene.ended = true;
}

static void begin_and_end_run_on_the_thread_with_signals_blocked(void **state)
{
    struct worker *w = worker_create(NULL, 0);
    assert_non_null(w);
    assert_int_equal(worker_start(w, begin_scene, end_scene), 0);
    assert_true(w->running);
    worker_stop(w);
    assert_true(scene.blocked);
    assert_true(scene.ended);
    assert_false(w->running);
    worker_stop(w);
    worker_destroy(w);
}

static int refuse(struct worker *w)
{
    return -EADDRINUSE;
}

static void a_begin_that_fails_fails_the_start(void **state)
{
    struct worker *w = worker_create(NULL, 0);
    assert_non_null(w);
    assert_int_equal(worker_start(w, refuse, end_scene), -EADDRINUSE);
    assert_false(w->running);
    assert_false(scene.ended);
    assert_int_equal(worker_start(w, begin_scene, NULL), 0);
    worker_stop(w);
    worker_destroy(w);
}

static void say_done(struct worker *w, struct letter *l)
{
    sem_post(&scene.done);
}

static void a_letter_posted_before_the_start_is_opened(void **state)
{
    struct worker *w = worker_create(NULL, 0);
    assert_non_null(w);
    scene.letter.open = say_done;
    worker_post(w, &scene.letter);
    assert_int_equal(worker_start(w, NULL, NULL), 0);
    wait_for(&scene.done);
    worker_stop(w);
    worker_destroy(w);
}

static void post_second(struct worker *w, struct letter *l)
{
    scene.second.open = say_done;
    worker_post(w, &scene.second);
}

static void a_letter_to_oneself_is_opened_without_another_wake(void **state)
{
    struct worker *w = worker_create(NULL, 0);
    assert_non_null(w);
    assert_int_equal(worker_start(w, NULL, NULL), 0);
    scene.letter.open = post_second;
    worker_post(w, &scene.letter);
    wait_for(&scene.done); /* would hang: nothing else wakes this loop */
    worker_stop(w);
    worker_destroy(w);
}

static void post_from_hook(struct worker *w, struct turn_hook *h)
{
    if (scene.count++ == 0) {
        scene.letter.open = say_done;
        worker_post(w, &scene.letter);
    }
}

static int begin_hook(struct worker *w)
{
    scene.hook.at_end = post_from_hook;
    worker_hook_turn(w, &scene.hook);
    return 0;
}

static void a_letter_posted_by_a_hook_is_opened(void **state)
{
    struct worker *w = worker_create(NULL, 0);
    assert_non_null(w);
    assert_int_equal(worker_start(w, begin_hook, NULL), 0);
    wait_for(&scene.done);
    worker_stop(w);
    worker_destroy(w);
}

#define ROUNDS 2000

static void ping(struct worker *w, struct letter *l)
{
    if (++scene.count == ROUNDS)
        sem_post(&scene.done);
    else
        worker_post(scene.other == w ? w->gw->workers[0] : scene.other, l);
}

static void two_workers_pass_a_letter_to_and_fro(void **state)
{
    struct gateway gw = {.n_workers = 2};
    struct worker *a = worker_create(&gw, 0), *b = worker_create(&gw, 1);
    assert_non_null(a);
    assert_non_null(b);
    scene.other = b;
    scene.letter.open = ping;
    assert_int_equal(worker_start(a, NULL, NULL), 0);
    assert_int_equal(worker_start(b, NULL, NULL), 0);
    worker_post(a, &scene.letter);
    wait_for(&scene.done);
    worker_stop(a);
    worker_stop(b);
    assert_int_equal(scene.count, ROUNDS);
    worker_destroy(a);
    worker_destroy(b);
}

static void timer_done(struct worker *w, struct timer *t)
{
    scene.fired_at = w->now;
    sem_post(&scene.done);
}

static int begin_timer(struct worker *w)
{
    scene.due = w->now + 15;
    scene.timer.fire = timer_done;
    timer_set(&w->timers, &scene.timer, scene.due);
    return 0;
}

static void a_timer_fires_by_the_clock_and_never_early(void **state)
{
    struct worker *w = worker_create(NULL, 0);
    assert_non_null(w);
    assert_int_equal(worker_start(w, begin_timer, NULL), 0);
    wait_for(&scene.done);
    worker_stop(w);
    assert_true(scene.fired_at >= scene.due);
    worker_destroy(w);
}

/* A timer that is set by a letter must wake a loop that sleeps without any. */
static void set_timer(struct worker *w, struct letter *l)
{
    begin_timer(w);
}

static void a_timer_set_by_a_letter_fires(void **state)
{
    struct worker *w = worker_create(NULL, 0);
    assert_non_null(w);
    assert_int_equal(worker_start(w, NULL, NULL), 0);
    scene.letter.open = set_timer;
    worker_post(w, &scene.letter);
    wait_for(&scene.done);
    worker_stop(w);
    worker_destroy(w);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    char c;
    if (read(io->fd, &c, 1) == 1)
        trace_add(c);
}

static void flush_hook(struct worker *w, struct turn_hook *h)
{
    if (strlen(trace) == 0 || trace[strlen(trace) - 1] != 'x')
        return;
    trace_add('e');
    sem_post(&scene.done);
}

static int begin_io(struct worker *w)
{
    scene.hook.at_end = flush_hook;
    worker_hook_turn(w, &scene.hook);
    ev_io_init(&scene.io, on_readable, scene.fds[0], EV_READ);
    ev_io_start(w->loop, &scene.io);
    return 0;
}

static void the_end_of_a_turn_follows_its_callbacks(void **state)
{
    struct worker *w = worker_create(NULL, 0);
    assert_non_null(w);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, scene.fds), 0);
    assert_int_equal(worker_start(w, begin_io, NULL), 0);
    assert_int_equal(write(scene.fds[1], "x", 1), 1);
    wait_for(&scene.done);
    worker_stop(w);
    assert_string_equal(trace, "xe");
    close(scene.fds[0]);
    close(scene.fds[1]);
    worker_destroy(w);
}

static int end_scene_sem(void **state)
{
    return sem_destroy(&scene.done);
}

#define TEST(f)   cmocka_unit_test_setup(f, clear)
#define THREAD(f) cmocka_unit_test_setup_teardown(f, new_scene, end_scene_sem)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_turn_runs_timers_letters_hooks),
        TEST(rooms_are_found_replaced_removed_and_bounded),
        TEST(the_worker_after_the_last_is_management),
        TEST(letters_left_over_are_opened_by_destroy),
        THREAD(begin_and_end_run_on_the_thread_with_signals_blocked),
        THREAD(a_begin_that_fails_fails_the_start),
        THREAD(a_letter_posted_before_the_start_is_opened),
        THREAD(a_letter_to_oneself_is_opened_without_another_wake),
        THREAD(a_letter_posted_by_a_hook_is_opened),
        THREAD(two_workers_pass_a_letter_to_and_fro),
        THREAD(a_timer_fires_by_the_clock_and_never_early),
        THREAD(a_timer_set_by_a_letter_fires),
        THREAD(the_end_of_a_turn_follows_its_callbacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
