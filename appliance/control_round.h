/* control_round: a question that every worker answers for itself. A letter goes round: each worker adds its
 * own and passes it on, the last one sends it home. Nothing is shared, nobody waits.
 *
 * Floor 4; begun on the management worker, carried on by the others. */
#pragma once
#include "appliance/base/bytes.h"
#include "appliance/control_commands.h"

struct control_round;
/* Runs on each worker: adds to `list`. Returns how many there are, also when not all were added. */
typedef json_int_t control_visit(struct worker *w, json_t *list);

/* Answers the client in a later turn: {"ok":true,"count":n,NAME:[...]}. name is static text. */
void control_round_begin(struct control_client *cc, const char *name, control_visit *visit);

/* What came in a message may be no UTF-8; JSON is (RFC 8259 8.1): then "?". */
json_t *control_string(struct bytes b);
