/* steps: the things a run does one after the other; each waits for its end and puts a row into the report.
 *
 * Room modules/ue, floor 3; the UE's thread, never from a callback. True: the step went well. */
#pragma once
#include "modules/ue/endpoint.h"
#include "modules/ue/report.h"

#define STEP_SIP_MS   12000
#define STEP_TURN_MS  12000
#define STEP_RING_MS  30000
#define STEP_LOSS_MAX 0.01 /* of voice, in either direction */

struct run {
    struct ue_loop *loop;
    struct report report;
    bool json;  /* the table is not shown as it grows */
    bool fancy; /* a terminal */
    int waited; /* how the last wait ended: 0, -ETIMEDOUT, -EINTR */
};

void run_show_head(const struct run *r);
/* The last words: the foot of the table, or the JSON. The exit status: 0 or 1. */
int run_finish(struct run *r);
/* A row that failed before any step. */
void run_fail(struct run *r, const char *step, const char *why, const char *advice);

bool step_connect(struct run *r, struct endpoint *e);
bool step_register(struct run *r, struct endpoint *e, uint32_t seconds);
bool step_deregister(struct run *r, struct endpoint *e);
bool step_allocate(struct run *r, struct endpoint *e);
bool step_text(struct run *r, struct endpoint *from, struct endpoint *to);
/* to_end NULL: the called one is in another process. */
bool step_call(struct run *r, struct endpoint *from, struct endpoint *to_end, const char *to);
bool step_wait_for_call(struct run *r, struct endpoint *e, uint64_t ms);
bool step_join(struct run *r, struct endpoint *a, struct endpoint *b); /* b NULL: as above */
bool step_voice(struct run *r, struct endpoint *a,
                struct endpoint *b); /* two rows; b NULL: by what a knows */
bool step_hang_up(struct run *r, struct endpoint *e, struct endpoint *other);
bool step_wait_for_end(struct run *r, struct endpoint *e);
bool step_free(struct run *r, struct endpoint *e);
