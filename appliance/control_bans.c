/* control_bans: the operator looks at bans, makes and lifts them. */
#include "appliance/boot.h"
#include "appliance/control_commands.h"
#include "appliance/core/abuse.h"
#include "mux/door.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BANS_SHOWN 5000 /* an answer stays readable, and small in memory */

struct listing {
    json_t *list;
    json_int_t n;
};

static void list_ban(void *arg, const struct ban *ban)
{
    struct listing *l = arg;
    char address[ADDR_TEXT];
    if (++l->n > BANS_SHOWN)
        return;
    addr_format_ip(&ban->addr, address);
    json_t *until = ban->until == BAN_FOR_EVER ? json_null() : json_integer(ban->until);
    json_array_append_new(l->list,
                          json_pack("{s:s,s:b,s:s,s:s,s:I,s:o,s:i,s:s}", "address", address, "network",
                                    ban->addr.family == ADDR_V6, "reason", ban_reason_name(ban->reason), "by",
                                    ban->reason == BAN_OPERATOR ? "operator" : "gateway", "since",
                                    (json_int_t)ban->since, "until", until, "times", (int)ban->times, "note",
                                    ban->note));
}

void control_bans_list(struct control_client *cc, json_t *q)
{
    struct listing l = {.list = json_array()};
    if (l.list)
        abuse_walk(control_worker(cc), list_ban, &l);
    control_answer(cc, l.list ? json_pack("{s:b,s:I,s:I,s:o}", "ok", 1, "count", l.n, "now",
                                          (json_int_t)control_worker(cc)->wall, "bans", l.list)
                              : NULL);
}

static void refuse(struct control_client *cc, const char *field, const char *text)
{
    control_answer(cc, json_pack("{s:b,s:s,s:s}", "ok", 0, "error", text, "field", field));
}

static bool read_address(struct control_client *cc, json_t *q, struct addr *out)
{
    const char *text = json_string_value(json_object_get(q, "address"));
    if (text && addr_parse(bytes_str(text), 0, out))
        return true;
    refuse(cc, "address", "is no IP address: write 192.0.2.1 or 2001:db8::1 (of IPv6 the /64 counts)");
    return false;
}

/* Who is shut out does not stay because he was here before. */
struct closing {
    struct letter letter;
    struct addr from;
};

static void on_closing(struct worker *w, struct letter *l)
{
    struct closing *c = container_of(l, struct closing, letter);
    if (!w->ended)
        door_close_address(w, &c->from);
    free(c);
}

static void close_everywhere(struct gateway *gw, const struct addr *from)
{
    for (unsigned i = 0; i < gw->n_workers; i++) {
        struct closing *c = calloc(1, sizeof *c);
        if (!c)
            return; /* the ban stands; what is open ends by itself */
        c->letter.open = on_closing;
        c->from = *from;
        worker_post(gw->workers[i], &c->letter);
    }
}

void control_bans_add(struct control_client *cc, json_t *q)
{
    struct worker *w = control_worker(cc);
    struct addr a;
    const char *note = json_string_value(json_object_get(q, "note"));
    json_int_t seconds = json_integer_value(json_object_get(q, "seconds"));
    if (!read_address(cc, q, &a))
        return;
    if (addr_is_any(&a)) {
        refuse(cc, "address", "is nobody's: to let nobody in, drain the gateway or stop it");
        return;
    }
    if (seconds < 0 || seconds > INT32_MAX) {
        refuse(cc, "seconds", "must be from 1 second to 68 years, or nothing: for ever");
        return;
    }
    if (note && (strlen(note) >= BAN_NOTE || strpbrk(note, "\r\n"))) {
        refuse(cc, "note", "must be one line of less than 96 bytes");
        return;
    }
    int rc = abuse_ban_by_hand(w, &a, seconds, note ? note : "");
    if (rc == 0)
        close_everywhere(w->gw, &a);
    if (rc == -EPERM)
        refuse(cc, "address", "is exempt: see abuse.exempt, door.proxy_trusted and the core's networks");
    else if (rc)
        refuse(cc, "address", "cannot be banned: too many bans by hand; remove some");
    else
        control_answer(cc, json_pack("{s:b}", "ok", 1));
}

void control_bans_remove(struct control_client *cc, json_t *q)
{
    struct addr a;
    if (!read_address(cc, q, &a))
        return;
    if (abuse_lift(control_worker(cc), &a))
        control_answer(cc, json_pack("{s:b}", "ok", 1));
    else
        refuse(cc, "address", "is not banned");
}

void control_bans_clear(struct control_client *cc, json_t *q)
{
    control_answer(cc, json_pack("{s:b,s:i}", "ok", 1, "count", (int)abuse_lift_all(control_worker(cc))));
}
