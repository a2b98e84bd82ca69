/* door_config: the settings of the sections `door` and `tls`, filled. Floor 2, const. */
#pragma once
#include "appliance/core/config.h"

struct door_config {
    struct string_list listen;
    struct cidr_set proxy_trusted;
    int64_t connections_max;
    int64_t connections_per_address;
    struct cidr_set per_address_exempt;
    int64_t handshake_timeout;
    int64_t first_bytes_timeout;
    int64_t silent_timeout;
    int64_t sniff_limit;
    int64_t frame_timeout;
    int64_t frame_max;
    int64_t out_high;
    int64_t out_max;
    int64_t write_timeout;
    int64_t close_timeout;
    int64_t accepts_per_turn;
    int64_t handshakes_per_turn;
    int64_t handshakes_max;
    int64_t backlog;
};

enum tls_version_setting { TLS_MIN_1_2, TLS_MIN_1_3 };

struct tls_config {
    struct string_list certificates;
    struct string_list keys;
    int64_t min_version; /* enum tls_version_setting */
    const char *ciphers;
    const char *ciphersuites;
    const char *groups;
    bool tickets;
    int64_t ticket_lifetime;
};
