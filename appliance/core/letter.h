/* letter: how threads talk: a function and its data, put into the other one's box.
 *
 * Floor 1. The box is lock-free for many writers and one reader; order is kept per writer. Whoever posts
 * gives the letter away; `open` runs on the reader's thread and owns it (frees or reuses it).
 * Embed `struct letter` first in your own struct. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

struct worker;
struct letter;
typedef void letter_open(struct worker *w, struct letter *l);

struct letter {
    struct letter *next;
    letter_open *open;
};

struct inbox {
    _Atomic(struct letter *) top;
};

void inbox_init(struct inbox *box);
/* True when the box was empty, that is, when the reader must be woken. Any thread. */
bool inbox_put(struct inbox *box, struct letter *l);
/* All letters in order of arrival, linked by next; NULL when empty. Reader only. */
struct letter *inbox_take(struct inbox *box);
