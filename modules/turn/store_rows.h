/* store_rows: what the store knows of allocations, permissions and channels (tables in core/schema.c).
 *
 * Floor 3. Written as they change, posted and forgotten. A refresh is written only when the store's expiry
 * has fallen behind by a slack: a client that refreshes every second costs a write a minute, and what would
 * be read back after a crash ends at most that much too early. Without a store nothing is done. */
#pragma once

struct allocation;
struct permission;
struct channel;

void row_allocation(struct allocation *a);            /* new, or its expiry moved */
void row_allocation_gone(const struct allocation *a); /* with all its permissions and channels */
void row_permission(const struct allocation *a, struct permission *p);
void row_permission_gone(const struct allocation *a, struct permission *p);
void row_channel(const struct allocation *a, struct channel *c);
void row_channel_gone(const struct allocation *a, struct channel *c);
