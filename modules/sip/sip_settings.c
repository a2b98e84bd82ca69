#include "modules/sip/transaction.h"

#define ITEM(k, t, m, ...)                                                                                   \
    {                                                                                                        \
        .key = k, .type = t, .offset = offsetof(struct sip_config, m), __VA_ARGS__                           \
    }

static const struct setting items[] = {
    ITEM("t1", SETTING_DURATION, t1, .preset = "500ms", .min = 50, .max = 10000, .reload = RELOAD_NEW,
         .help = "round-trip estimate: first retransmission on UDP; 64 times this is the time-out"),
    ITEM("t2", SETTING_DURATION, t2, .preset = "4s", .min = 100, .max = 60000, .reload = RELOAD_NEW,
         .help = "longest interval between retransmissions"),
    ITEM("t4", SETTING_DURATION, t4, .preset = "5s", .min = 100, .max = 60000, .reload = RELOAD_NEW,
         .help = "longest time a datagram lives in the network"),
    /* RFC 3261 16.6 item 11: timer C MUST be larger than 3 minutes. */
    ITEM("timer_c", SETTING_DURATION, timer_c, .preset = "185s", .min = 180001, .max = 3600000,
         .reload = RELOAD_NEW, .help = "how long a call may ring without news before it is cancelled"),
    ITEM(
        "max_transactions", SETTING_INT, max_transactions, .preset = "20000", .min = 16, .max = 4000000,
        .reload = RELOAD_RESTART,
        .help =
            "transactions of each kind that wait for their answer, of a SIP element on each worker; above it "
            "503. As many answered ones are kept until their timers end"),
    ITEM("max_pending", SETTING_SIZE, max_pending, .preset = "256k", .min = 16384, .max = 1073741824,
         .reload = RELOAD_NEW,
         .help = "memory for requests of one phone that wait for their final response; above it 503"),
    ITEM("retry_after", SETTING_INT, retry_after, .preset = "5", .min = 1, .max = 3600, .reload = RELOAD_LIVE,
         .help = "seconds in the Retry-After of a 503; spread by up to as much again"),
};

const struct settings sip_settings = {
    .section = "sip",
    .help = "SIP transactions (RFC 3261 section 17), for the P-CSCF and the embedded home network",
    .size = sizeof(struct sip_config),
    .items = items,
    .n = sizeof(items) / sizeof(items[0]),
};

const struct sip_config sip_config_defaults = {
    .t1 = 500,
    .t2 = 4000,
    .t4 = 5000,
    .timer_c = 185000,
    .max_transactions = 20000,
    .max_pending = 256 * 1024,
    .retry_after = 5,
};

#define COUNTER(n, l, h)                                                                                     \
    {                                                                                                        \
        .name = n, .labels = l, .help = h, .kind = STAT_COUNTER                                              \
    }
#define GAUGE(n, l, h)                                                                                       \
    {                                                                                                        \
        .name = n, .labels = l, .help = h, .kind = STAT_GAUGE                                                \
    }

static const struct stat_def defs[SIP_STATS] = {
    [SIP_STAT_SERVER_CREATED] =
        COUNTER("sip_transactions_total", "side=\"server\"", "SIP transactions begun"),
    [SIP_STAT_CLIENT_CREATED] = COUNTER("sip_transactions_total", "side=\"client\"", NULL),
    [SIP_STAT_SERVER_LIVE] = GAUGE("sip_transactions", "side=\"server\"", "SIP transactions that stand"),
    [SIP_STAT_CLIENT_LIVE] = GAUGE("sip_transactions", "side=\"client\"", NULL),
    [SIP_STAT_ABSORBED_REQUEST] =
        COUNTER("sip_absorbed_total", "kind=\"request\"", "retransmissions received and absorbed"),
    [SIP_STAT_ABSORBED_RESPONSE] = COUNTER("sip_absorbed_total", "kind=\"response\"", NULL),
    [SIP_STAT_RETRANSMITTED_REQUEST] =
        COUNTER("sip_retransmitted_total", "kind=\"request\"", "messages sent again by a timer"),
    [SIP_STAT_RETRANSMITTED_RESPONSE] = COUNTER("sip_retransmitted_total", "kind=\"response\"", NULL),
    [SIP_STAT_STRAY_RESPONSE] =
        COUNTER("sip_stray_total", "kind=\"response\"", "messages that belong to no transaction"),
    [SIP_STAT_STRAY_ACK] = COUNTER("sip_stray_total", "kind=\"ack\"", NULL),
    [SIP_STAT_STRAY_CANCEL] = COUNTER("sip_stray_total", "kind=\"cancel\"", NULL),
    [SIP_STAT_TIMEOUT_B] = COUNTER("sip_timeouts_total", "timer=\"b\"", "transactions ended by a timer"),
    [SIP_STAT_TIMEOUT_F] = COUNTER("sip_timeouts_total", "timer=\"f\"", NULL),
    [SIP_STAT_TIMEOUT_H] = COUNTER("sip_timeouts_total", "timer=\"h\"", NULL),
    [SIP_STAT_TIMER_C] = COUNTER("sip_timeouts_total", "timer=\"c\"", NULL),
    [SIP_STAT_TRANSPORT_ERROR] =
        COUNTER("sip_transport_errors_total", NULL, "SIP messages that could not be sent"),
    [SIP_STAT_ENDED_EARLY] = COUNTER("sip_transactions_ended_early_total", NULL,
                                     "answered transactions that ended before their timers, to make room"),
    [SIP_STAT_OVERLOAD] =
        COUNTER("sip_refused_total", "reason=\"overload\"", "requests refused by the transaction layer"),
    [SIP_STAT_MEMORY] = COUNTER("sip_refused_total", "reason=\"memory\"", NULL),
    [SIP_STAT_LOOPS] = COUNTER("sip_refused_total", "reason=\"loop\"", NULL),
    [SIP_STAT_TOO_MANY_HOPS] = COUNTER("sip_refused_total", "reason=\"hops\"", NULL),
    [SIP_STAT_TOO_BROAD] = COUNTER("sip_refused_total", "reason=\"breadth\"", NULL),
    [SIP_STAT_LETTER_LOST] = COUNTER("sip_letters_lost_total", NULL,
                                     "SIP messages between workers lost: no memory, or one lags too far"),
};

const struct stat_table sip_stats = {.room = "sip", .defs = defs, .n = SIP_STATS};
