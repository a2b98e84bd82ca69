/* lifetime: what a LIFETIME attribute comes to (RFC 8656 7.2 and 8.2). Floor 3, pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct stun_message;
struct turn_config;

/* In ms; 0 only where the message asks for 0. False: the attribute has not four bytes (400). */
bool lifetime_wanted(const struct turn_config *c, const struct stun_message *m, uint64_t *out);
