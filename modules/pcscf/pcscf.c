#include "modules/pcscf/pcscf.h"
#include "appliance/core/store.h"
#include "modules/pcscf/call/absence.h"
#include "modules/pcscf/emergency.h"
#include "modules/pcscf/registration/phone.h"
#include "modules/pcscf/request.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pcscf *pcscf_of(const struct worker *w)
{
    return worker_room(w, &pcscf_module);
}

static bool find_host(struct pcscf *p)
{
    const char *set = p->config->host;
    struct sip_host host;
    if (set[0] && (size_t)snprintf(p->host, sizeof(p->host), "%s", set) >= sizeof(p->host))
        return false;
    if (!set[0] && gethostname(p->host, sizeof(p->host) - 1) < 0)
        return false;
    return p->host[0] && sip_host_parse(bytes_str(p->host), false, &host) == strlen(p->host) && !host.port;
}

static const struct store_stmt delete_expired[] = {
    {STORE_SOFT, "DELETE FROM registration WHERE expires <= ?1"},
    {STORE_SOFT, "DELETE FROM dialog WHERE expires <= ?1"},
};

/* Rows of phones that never came back after an earlier end; one worker is enough to ask. */
static void clean_rows(struct pcscf *p)
{
    if (p->w->id != 0 || !p->w->gw->store)
        return;
    for (size_t i = 0; i < sizeof(delete_expired) / sizeof(delete_expired[0]); i++)
        store_exec(p->w->gw->store, &delete_expired[i], (const struct store_value[]){V_INT(p->w->wall)}, 1);
}

/* What goes to a phone goes to where it is now: a response to a request that it made before it moved, an ACK,
 * a CANCEL (RFC 3261 18.2.2 would have a new connection opened to it, which no firewall lets in). */
static int follow_send(struct worker *w, const struct sip_entity *self, const struct sip_hop *to,
                       struct bytes msg)
{
    const struct pcscf *p = pcscf_of(w);
    struct sip_hop now = *to;
    if (to->kind == HOP_FLOW && p->absences.count && !flow_reaches(p, &to->flow) &&
        !absence_follow(p, &to->flow, &now.flow) && absence_is_lost(p, &to->flow))
        return -ENOTCONN;
    return p->send(w, self, &now, msg);
}

static int init(struct pcscf *p, sip_send *send)
{
    const struct sip_layer_setup setup = {
        .w = p->w,
        .entity = &pcscf_entity,
        .user = &pcscf_requests,
        .config = config_of(p->w->config, &sip_settings),
        .stats = stats_row(p->w->gw->stats, &sip_stats, p->w->id),
        .send = follow_send,
        .state = p,
    };
    if (!find_host(p)) {
        log_error(&p->w->log, "pcscf.host",
                  F_STR("problem", "set pcscf.host: the name by which phones reach this gateway"));
        return -EINVAL;
    }
    int rc = map_init(&p->phones, 64);
    if (rc == 0)
        rc = map_init(&p->registered, 64);
    if (rc == 0)
        rc = map_init(&p->dialogs, 64);
    if (rc == 0)
        rc = map_init(&p->absences, 64);
    if (rc == 0)
        rc = core_link_init(&p->core, p);
    if (rc == 0)
        rc = emergency_init(p);
    if (rc == 0)
        rc = gate_init(p);
    if (rc < 0)
        return rc;
    p->send = send ? send : sip_hop_send;
    p->whereabouts = whereabouts_join(p->w->gw);
    if (!p->whereabouts)
        return -ENOMEM;
    clean_rows(p);
    rc = reg_events_init(&p->reg_events, p);
    p->layer = rc < 0 ? NULL : sip_layer_create(&setup);
    if (p->layer)
        overload_start(p);
    return p->layer ? 0 : -ENOMEM;
}

struct pcscf *pcscf_create(struct worker *w, sip_send *send)
{
    struct pcscf *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->w = w;
    p->config = config_of(w->config, &pcscf_settings);
    p->emergency = config_of(w->config, &emergency_settings);
    p->stats = stats_row(w->gw->stats, &pcscf_stats, w->id);
    if (init(p, send) < 0 || worker_set_room(w, &pcscf_module, p) < 0) {
        pcscf_destroy(p);
        return NULL;
    }
    return p;
}

void pcscf_destroy(struct pcscf *p)
{
    if (!p)
        return;
    if (pcscf_of(p->w) == p)
        worker_set_room(p->w, &pcscf_module, NULL);
    reg_events_fini(&p->reg_events);
    overload_stop(p);
    sip_layer_destroy(p->layer);
    p->layer = NULL;
    core_link_fini(&p->core, p);
    gate_fini(p);
    dialogs_clear(p);
    absences_clear(p);
    phones_clear(p);
    whereabouts_part(p->w->gw, p->whereabouts);
    map_fini(&p->absences);
    map_fini(&p->dialogs);
    map_fini(&p->phones);
    map_fini(&p->registered);
    free(p);
}

void pcscf_reload(struct pcscf *p)
{
    p->config = config_of(p->w->config, &pcscf_settings);
    p->emergency = config_of(p->w->config, &emergency_settings);
    gate_reload(p);
    sip_layer_reload(p->layer, config_of(p->w->config, &sip_settings));
    core_link_reload(p);
}

void pcscf_flow_closed(struct pcscf *p, const struct flow *f)
{
    if (f->side == SIDE_CORE)
        core_link_alias_lost(p, f->conn);
    else
        phone_lost(p, f);
    sip_layer_flow_dead(p->layer, f->conn);
}
