/* random: from OpenSSL's CSPRNG only; a machine without randomness is aborted. Floor 0; any thread. A process
 * that forks must not draw in both halves. */
#pragma once
#include "appliance/base/bytes.h"

void random_fill(void *dst, size_t n);
uint32_t random_u32(void);
uint32_t random_below(uint32_t limit); /* uniform in [0, limit), limit > 0 */
struct hash_key random_hash_key(void);
/* n random characters of [a-z0-9] and a NUL; cap >= n + 1. */
void random_text(char *dst, size_t n);
