/* stun: reads and writes STUN messages (RFC 8489) with the attributes of TURN (RFC 8656).
 *
 * Floor 3, pure: no socket, no clock, no heap, nothing kept. Used by the server (modules/turn) and by the
 * UE's client. A read message is a view of the caller's bytes and lives as long as they do. What stands
 * behind MESSAGE-INTEGRITY is never given out (RFC 8489 14.5), but for MESSAGE-INTEGRITY-SHA256 and
 * FINGERPRINT. Any thread. */
#pragma once
#include "appliance/base/addr.h"
#include "appliance/base/wire.h"

#define STUN_MAGIC       0x2112A442u
#define STUN_HEADER      20u
#define STUN_ID          12u /* bytes of a transaction id */
#define STUN_ATTR_HEADER 4u
#define STUN_SHA1        20u
#define STUN_SHA256      32u
#define STUN_MESSAGE_MAX (STUN_HEADER + 65532u)

enum stun_class { STUN_REQUEST, STUN_INDICATION, STUN_SUCCESS, STUN_ERROR };

enum stun_method {
    STUN_BINDING = 0x001,  /* RFC 8489 18.2 */
    STUN_ALLOCATE = 0x003, /* RFC 8656 17, and below */
    STUN_REFRESH = 0x004,
    STUN_SEND = 0x006,
    STUN_DATA = 0x007,
    STUN_CREATE_PERMISSION = 0x008,
    STUN_CHANNEL_BIND = 0x009,
    STUN_CONNECT = 0x00A, /* RFC 6062 6.1, and below */
    STUN_CONNECTION_BIND = 0x00B,
    STUN_CONNECTION_ATTEMPT = 0x00C,
};

enum stun_attribute {
    STUN_A_MAPPED_ADDRESS = 0x0001,
    STUN_A_USERNAME = 0x0006,
    STUN_A_MESSAGE_INTEGRITY = 0x0008,
    STUN_A_ERROR_CODE = 0x0009,
    STUN_A_UNKNOWN_ATTRIBUTES = 0x000A,
    STUN_A_CHANNEL_NUMBER = 0x000C,
    STUN_A_LIFETIME = 0x000D,
    STUN_A_XOR_PEER_ADDRESS = 0x0012,
    STUN_A_DATA = 0x0013,
    STUN_A_REALM = 0x0014,
    STUN_A_NONCE = 0x0015,
    STUN_A_XOR_RELAYED_ADDRESS = 0x0016,
    STUN_A_REQUESTED_ADDRESS_FAMILY = 0x0017,
    STUN_A_EVEN_PORT = 0x0018,
    STUN_A_REQUESTED_TRANSPORT = 0x0019,
    STUN_A_DONT_FRAGMENT = 0x001A,
    STUN_A_ACCESS_TOKEN = 0x001B, /* RFC 7635 */
    STUN_A_MESSAGE_INTEGRITY_SHA256 = 0x001C,
    STUN_A_PASSWORD_ALGORITHM = 0x001D,
    STUN_A_USERHASH = 0x001E,
    STUN_A_XOR_MAPPED_ADDRESS = 0x0020,
    STUN_A_RESERVATION_TOKEN = 0x0022,
    STUN_A_PRIORITY = 0x0024,
    STUN_A_USE_CANDIDATE = 0x0025,
    STUN_A_CONNECTION_ID = 0x002A,
    STUN_A_ADDITIONAL_ADDRESS_FAMILY = 0x8000,
    STUN_A_ADDRESS_ERROR_CODE = 0x8001,
    STUN_A_PASSWORD_ALGORITHMS = 0x8002,
    STUN_A_ALTERNATE_DOMAIN = 0x8003,
    STUN_A_ICMP = 0x8004,
    STUN_A_SOFTWARE = 0x8022,
    STUN_A_ALTERNATE_SERVER = 0x8023,
    STUN_A_FINGERPRINT = 0x8028,
    STUN_A_ICE_CONTROLLED = 0x8029,
    STUN_A_ICE_CONTROLLING = 0x802A,
    STUN_A_THIRD_PARTY_AUTHORIZATION = 0x802E, /* RFC 7635 */
    STUN_A_MOBILITY_TICKET = 0x8030,
};

/* RFC 8489 14: the receiver may go on without understanding the upper half. */
static inline bool stun_attribute_is_optional(uint16_t type)
{
    return type >= 0x8000;
}

/* Family numbers of REQUESTED-ADDRESS-FAMILY and of addresses (RFC 8489 14.1). */
#define STUN_FAMILY_V4 0x01
#define STUN_FAMILY_V6 0x02

/* What computes MESSAGE-INTEGRITY, kept for the next message by who has many of them. One thread at a time.
 * NULL: out of memory. It keeps the last key until the next one comes. */
struct stun_mac;
struct stun_mac *stun_mac_create(void);
void stun_mac_destroy(struct stun_mac *m); /* NULL is fine */

/* ---- reading */

struct stun_message {
    struct bytes raw; /* the whole message */
    enum stun_class class;
    uint16_t method;
    const uint8_t *id;   /* STUN_ID bytes inside raw */
    size_t end;          /* where the attributes that count end: at the first integrity or fingerprint */
    size_t integrity_at; /* offset of that attribute's header, 0 when there is none */
    size_t integrity256_at;
    size_t fingerprint_at;
    struct stun_mac *mac; /* yours to set, not owned; NULL: made for the occasion */
};

struct stun_attr {
    uint16_t type;
    struct bytes value;
};

/* b must be exactly one message. 0, or -EBADMSG: not STUN, or a length that lies (RFC 8489 6.3: to be
 * dropped). */
int stun_read(struct bytes b, struct stun_message *m);
/* The attributes that count, in order; start with *cursor = 0. */
bool stun_next(const struct stun_message *m, size_t *cursor, struct stun_attr *out);
/* The first of that type: RFC 8489 14 lets duplicates be ignored. */
bool stun_find(const struct stun_message *m, uint16_t type, struct bytes *value);
bool stun_has(const struct stun_message *m, uint16_t type);
/* Attributes of fixed form; false when absent or of the wrong size. */
bool stun_find_u32(const struct stun_message *m, uint16_t type, uint32_t *out);
/* The first byte of a four byte value: REQUESTED-TRANSPORT, REQUESTED-ADDRESS-FAMILY. */
bool stun_find_byte(const struct stun_message *m, uint16_t type, uint8_t *out);
bool stun_find_xor(const struct stun_message *m, uint16_t type, struct addr *out);
/* ERROR-CODE of an error response; 0 when absent or nonsense. */
unsigned stun_error_code(const struct stun_message *m, struct bytes *reason);
/* Comprehension-required types that are not among known[]; lists at most max, without repeats. */
size_t stun_unknown(const struct stun_message *m, const uint16_t *known, size_t n_known, uint16_t *out,
                    size_t max);

/* XOR-MAPPED-ADDRESS and its likes (RFC 8489 14.2): false for a wrong family or size. */
bool stun_xor_decode(struct bytes value, const uint8_t *id, struct addr *out);
/* The same form without the XOR: MAPPED-ADDRESS, ALTERNATE-SERVER. */
bool stun_address_decode(struct bytes value, struct addr *out);

/* Present and right; constant time in the content. Key: RFC 8489 9.1.1 or 9.2.2. */
bool stun_integrity_ok(const struct stun_message *m, struct bytes key);
bool stun_integrity256_ok(const struct stun_message *m, struct bytes key);
/* Absent or right (RFC 8489 7). */
bool stun_fingerprint_ok(const struct stun_message *m);

/* ---- writing */

/* Fill in order; padding is zeros, always (CVE-2020-4067 was padding that was not). Integrity, then
 * fingerprint, come last. What does not fit makes stun_end give 0. */
struct stun_writer {
    struct wire_out out;
    struct stun_mac *mac; /* as in stun_message */
};

void stun_begin(struct stun_writer *w, void *mem, size_t cap, uint16_t type, const uint8_t *id);
uint16_t stun_type(enum stun_class class, uint16_t method);
void stun_put(struct stun_writer *w, uint16_t type, struct bytes value);
void stun_put_u32(struct stun_writer *w, uint16_t type, uint32_t v);
void stun_put_byte(struct stun_writer *w, uint16_t type, uint8_t v); /* and three zeros */
void stun_put_channel(struct stun_writer *w, uint16_t number);
void stun_put_xor(struct stun_writer *w, uint16_t type, const struct addr *a);
void stun_put_address(struct stun_writer *w, uint16_t type, const struct addr *a); /* without the XOR */
void stun_put_error(struct stun_writer *w, unsigned code); /* with the reason phrase of the RFC */
void stun_put_unknown(struct stun_writer *w, const uint16_t *types, size_t n);
void stun_put_integrity(struct stun_writer *w, struct bytes key);
void stun_put_integrity256(struct stun_writer *w, struct bytes key);
void stun_put_fingerprint(struct stun_writer *w);
size_t stun_end(struct stun_writer *w); /* the length, 0 when it did not fit */

const char *stun_reason(unsigned code); /* "" when the code is none of ours */

/* Writes a DATA indication's (or Send's) head so that it ends right before the payload: `head` must have
 * STUN_INDICATION_HEAD bytes in front of it. Returns the head's length. Pad the payload to 4 with zeros. */
#define STUN_INDICATION_HEAD (STUN_HEADER + STUN_ATTR_HEADER + 20 + STUN_ATTR_HEADER)
size_t stun_indication_head(uint8_t *payload, size_t n, uint16_t method, const struct addr *peer,
                            const uint8_t *id);
