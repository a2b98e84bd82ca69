/* opaque_string: the one form of a user's name, realm or password (OpaqueString, RFC 8265 4.2): what clients
 * hash (RFC 8489 9.2.2, RFC 7616 4), so that "é" is one thing in whichever of its ways it was typed.
 *
 * Floor 1, pure; any thread. Characters and their forms are libunistring's to know. */
#pragma once
#include "appliance/base/bytes.h"

/* NFC, every space an ASCII one; NUL-terminated text into dst. The length; -EINVAL: empty, no UTF-8, or a
 * character that no name or password may have (controls, unassigned, invisible: RFC 8264 4.3); -ENOBUFS: does
 * not fit; -ENOMEM. A password's copies are wiped. */
int opaque_string(struct bytes text, char *dst, size_t cap);
