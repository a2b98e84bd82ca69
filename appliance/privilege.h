/* privilege: from root to the user of process.user, once ports and keys are open. Floor 4, main thread. */
#pragma once
#include "appliance/base/log.h"

/* Gives the store's folder with its files, and the control socket, to that user. "" or not root: nothing to
 * do. 0 or -errno, logged. */
int privilege_give_files(const char *user, const char *store_path, const char *socket_path, struct log *log);
/* Becomes that user for good, on all threads. 0 or -errno, logged. */
int privilege_drop(const char *user, struct log *log);
