/* weighted_order: the order in which servers of one priority are tried (RFC 2782, "Weight"). Floor 3; pure.
 */
#pragma once
#include <stdint.h>

typedef uint32_t weighted_random(void *arg, uint32_t limit); /* uniform in [0, limit), limit > 0 */

/* Writes the places 0..n-1 into order[], heavier ones more often in front; n <= 64. */
void weighted_order(const uint16_t *weights, unsigned n, weighted_random *random, void *arg, uint8_t *order);
