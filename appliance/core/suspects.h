/* suspects: how often somebody has failed lately, and how long he is to wait.
 *
 * Floor 1; part of abuse.h. A name or an address is a keyed hash; what is kept is a score that drains with
 * time, in a table of fixed size: under attack the lowest score of a row gives way. Asked when somebody
 * registers or has failed, never on a packet: one lock is cheap enough, and while nobody has failed it is not
 * taken. Any thread. Time is worker ms. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct suspects;

struct suspects *suspects_create(void); /* NULL: out of memory */
void suspects_destroy(struct suspects *s);

/* So many failures more; a failure drains in drain_ms. How many there are now. */
uint32_t suspects_add(struct suspects *s, uint64_t key, uint32_t n, uint64_t drain_ms, uint64_t now);
/* He has done well: half of it is forgotten, and he need not wait. */
void suspects_forgive(struct suspects *s, uint64_t key);
void suspects_forget(struct suspects *s, uint64_t key);
void suspects_hold(struct suspects *s, uint64_t key, uint64_t until);
uint64_t suspects_held(struct suspects *s, uint64_t key, uint64_t now); /* ms that are left; 0: none */
