#include "modules/sip/home.h"

static const char room_key;

int sip_home_set(struct worker *w, const struct sip_entity *home)
{
    /* The table is const; worker_set_room keeps any pointer, and only sip_home() takes it out again. */
    return worker_set_room(w, &room_key, (void *)(uintptr_t)home);
}

const struct sip_entity *sip_home(const struct worker *w)
{
    return worker_room(w, &room_key);
}
