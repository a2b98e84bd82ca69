/* turn_peers: addresses that a fresh gateway lets nobody reach, and the ways to write them. */
#pragma once
#include "turn_fixture.h"

static const char *const special_v4[] = {
    "0.0.0.0",         "0.1.2.3",         "10.0.0.0",        "10.255.255.255", "100.64.0.0",
    "100.127.255.255", "127.0.0.2",       "127.255.255.255", "169.254.0.1",    "169.254.169.254",
    "172.16.0.0",      "172.31.255.255",  "192.0.0.8",       "192.0.2.1",      "192.88.99.1",
    "192.168.0.0",     "192.168.255.255", "198.18.0.0",      "198.19.255.255", "198.51.100.1",
    "203.0.113.255",   "224.0.0.1",       "239.255.255.255", "240.0.0.1",      "255.255.255.255",
};

static const char *const special_v6[] = {
    "::",
    "::1",
    "100::1",
    "2001:2::1",
    "2001:db8::1",
    "2001:10::1",
    "2001:20::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "64:ff9b:1::808:808",
    "2001::1:f7f7:f7f7",
    "2002:808:808::1",
};

#define SPELLINGS 6u

/* The IPv6 spellings of an IPv4 address: mapped, compatible, 6to4, NAT64, Teredo, ISATAP. */
static inline void spell(const uint8_t *ip, unsigned how, struct addr *out)
{
    static const uint8_t heads[][12] = {
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF},
        {0},
        {0x20, 0x02},
        {0, 0x64, 0xFF, 0x9B},
        {0x20, 0x01, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0},
        {0x2A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x5E, 0xFE},
    };
    *out = (struct addr){.family = ADDR_V6, .port = 5000};
    memcpy(out->ip, heads[how], 12);
    for (unsigned i = 0; i < 4; i++) {
        unsigned at = how == 2 ? 2 + i : 12 + i;
        out->ip[at] = how == 4 ? (uint8_t)~ip[i] : ip[i];
    }
}
