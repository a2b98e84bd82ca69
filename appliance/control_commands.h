/* control_commands: what the operator can ask: a table of command, handler, and what it needs.
 *
 * Floor 4, management worker. A command answers at once with control_answer, or calls control_pend and
 * answers in a later turn, exactly once. */
#pragma once
#include "appliance/base/buf.h"
#include "appliance/core/worker.h"
#include <jansson.h>

struct control_client;
struct roof;

/* control.c */
void control_answer(struct control_client *cc, json_t *answer); /* steals answer; NULL says out of memory */
void control_pend(struct control_client *cc);
json_t *control_text(struct buf *b); /* what is no UTF-8 becomes '?' */
struct worker *control_worker(const struct control_client *cc);
struct roof *control_roof(const struct control_client *cc);

/* Carries out the question q (an object, borrowed). */
void control_command(struct control_client *cc, json_t *q);

/* control_connections.c, control_registrations.c, control_dialogs.c, control_allocations.c, control_core.c:
 * ask every worker. */
void control_connections(struct control_client *cc, json_t *q);
void control_registrations(struct control_client *cc, json_t *q);
void control_core(struct control_client *cc, json_t *q);
void control_dialogs(struct control_client *cc, json_t *q);
void control_allocations(struct control_client *cc, json_t *q);

/* control_bans.c */
void control_bans_list(struct control_client *cc, json_t *q);
void control_bans_add(struct control_client *cc, json_t *q);
void control_bans_remove(struct control_client *cc, json_t *q);
void control_bans_clear(struct control_client *cc, json_t *q);

/* control_policy.c */
void control_policy_list(struct control_client *cc, json_t *q);
void control_policy_test(struct control_client *cc, json_t *q);
