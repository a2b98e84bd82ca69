/* schema: the tables of both store files and their migrations, in one place so that the whole state is seen
 * at a glance. Floor 1, const. A shipped migration is never edited: add the next one. */
#pragma once
#include "appliance/core/store.h"

extern const struct store_schema store_schemas[STORE_FILES];
