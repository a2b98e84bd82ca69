/* store_rows: what the store knows of allocations, permissions and channels (tables in core/schema.c).
 *
 * Floor 3. What changes is gathered for 50 ms and then posted and forgotten: a burst of requests is one row
 * each, and what is gone again by then (a client that tries all its servers and keeps one) is never written.
 * A refresh is written only when the store's expiry has fallen behind by a slack: a client that refreshes
 * every second costs a write a minute, and what would be read back after a crash ends at most that much too
 * early. Without a store nothing is done. */
#pragma once

struct turn;
struct allocation;
struct permission;
struct channel;

void rows_init(struct turn *t);
void rows_fini(struct turn *t); /* what is not written yet is not: for an end without its allocations */
/* The allocation, one of its permissions or of its channels is new, has moved or has been refreshed. */
void rows_changed(struct allocation *a);
void row_allocation_gone(const struct allocation *a); /* with all its permissions and channels */
void row_permission_gone(const struct allocation *a, struct permission *p);
void row_channel_gone(const struct allocation *a, struct channel *c);
