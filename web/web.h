/* web: pages embedded at build time. Const; any thread. */
#pragma once
#include "appliance/base/bytes.h"

extern const struct bytes
    landing_page; /* what a browser or a probing proxy sees on 443: a plain, neutral page */
