#include "appliance/core/schema.h"

/* Users, keys, history: loss is loss. */
static const char *const hard[] = {
    "CREATE TABLE user ("
    "  realm TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  ha1_md5 BLOB NOT NULL CHECK (length(ha1_md5) = 16)," /* MD5(name:realm:password): RFC 8489 9.2.2 key
                                                               and RFC 7616 HA1 */
    "  ha1_sha256 BLOB NOT NULL CHECK (length(ha1_sha256) = 32)," /* SHA-256(name:realm:password) */
    "  enabled INTEGER NOT NULL DEFAULT 1,"
    "  created INTEGER NOT NULL,"
    "  changed INTEGER NOT NULL,"
    "  PRIMARY KEY (realm, name)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE secret_key (" /* token keys and TLS ticket keys, rotated */
    "  purpose TEXT NOT NULL,"  /* 'token', 'tls-ticket' */
    "  id INTEGER NOT NULL,"
    "  key BLOB NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  PRIMARY KEY (purpose, id)"
    ") STRICT, WITHOUT ROWID;",
    NULL,
};

/* What phones would set up again by themselves, given time. All times: seconds since 1970. */
static const char *const soft[] = {
    "CREATE TABLE binding (" /* the registrar's location: RFC 3261 10.3, Path RFC 3327, outbound RFC 5626 */
    "  aor TEXT NOT NULL,"
    "  contact_key TEXT NOT NULL," /* instance:reg-id (RFC 5626) or the contact URI */
    "  contact TEXT NOT NULL,"
    "  path TEXT NOT NULL,"
    "  instance TEXT,"
    "  reg_id INTEGER,"
    "  call_id TEXT NOT NULL,"
    "  cseq INTEGER NOT NULL,"
    "  q INTEGER NOT NULL DEFAULT 1000,"
    "  expires INTEGER NOT NULL,"
    "  PRIMARY KEY (aor, contact_key)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE registration (" /* what the P-CSCF keeps of a registered contact */
    "  aor TEXT NOT NULL,"
    "  contact_key TEXT NOT NULL,"
    "  flow TEXT NOT NULL," /* transport and peer address */
    "  contact TEXT NOT NULL,"
    "  private_id TEXT NOT NULL,"
    "  service_route TEXT NOT NULL,"
    "  associated_uri TEXT NOT NULL,"
    "  expires INTEGER NOT NULL,"
    "  PRIMARY KEY (aor, contact_key)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE allocation (" /* TURN, RFC 8656 */
    "  id BLOB NOT NULL PRIMARY KEY,"
    "  realm TEXT NOT NULL,"
    "  username TEXT NOT NULL,"
    "  client TEXT NOT NULL,"
    "  transport TEXT NOT NULL,"
    "  relayed TEXT NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  expires INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE permission ("
    "  allocation BLOB NOT NULL REFERENCES allocation(id) ON DELETE CASCADE,"
    "  peer TEXT NOT NULL,"
    "  expires INTEGER NOT NULL,"
    "  PRIMARY KEY (allocation, peer)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE channel ("
    "  allocation BLOB NOT NULL REFERENCES allocation(id) ON DELETE CASCADE,"
    "  number INTEGER NOT NULL CHECK (number BETWEEN 16384 AND 32766)," /* 0x4000..0x7FFE */
    "  peer TEXT NOT NULL,"
    "  expires INTEGER NOT NULL,"
    "  PRIMARY KEY (allocation, number)"
    ") STRICT, WITHOUT ROWID;",
    /* Dual allocations (RFC 8656 5), and what a mobility ticket (RFC 8016) refers to. */
    "ALTER TABLE allocation ADD COLUMN relayed_too TEXT NOT NULL DEFAULT '';" /* of the other family */
    "ALTER TABLE allocation ADD COLUMN worker INTEGER NOT NULL DEFAULT 0;"    /* that tickets name */
    "ALTER TABLE allocation ADD COLUMN mobile INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE allocation ADD COLUMN ticket INTEGER NOT NULL DEFAULT 0;", /* serial of the last one */
    "CREATE TABLE ban ("                                                    /* addresses that are shut out */
    "  address TEXT NOT NULL PRIMARY KEY,"
    "  reason TEXT NOT NULL,"
    "  since INTEGER NOT NULL,"
    "  until INTEGER NOT NULL,"
    "  times INTEGER NOT NULL,"
    "  note TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;",
    "CREATE TABLE dialog (" /* calls that stand, as the P-CSCF knows them (RFC 3261 12) */
    "  call_id TEXT NOT NULL,"
    "  phone_tag TEXT NOT NULL,"
    "  far_tag TEXT NOT NULL,"
    "  aor TEXT NOT NULL,"
    "  owner INTEGER NOT NULL," /* hashes of the address of record and of +sip.instance: who may come back */
    "  instance INTEGER NOT NULL,"
    "  flow TEXT NOT NULL,"
    "  caller INTEGER NOT NULL," /* 1: the phone called */
    "  phone TEXT NOT NULL,"     /* From and To values */
    "  far TEXT NOT NULL,"
    "  phone_target TEXT NOT NULL,"
    "  far_target TEXT NOT NULL,"
    "  route TEXT NOT NULL," /* towards the far end; towards the phone it is its flow */
    "  phone_cseq INTEGER NOT NULL,"
    "  far_cseq INTEGER NOT NULL,"
    "  answered INTEGER NOT NULL,"
    "  session INTEGER NOT NULL," /* seconds between refreshes (RFC 4028); 0: no timer */
    "  expires INTEGER NOT NULL," /* without a refresh */
    "  PRIMARY KEY (call_id, phone_tag, far_tag)"
    ") STRICT, WITHOUT ROWID;",
    /* Calls for help, and the accounts of a call (RFC 7315). */
    "ALTER TABLE dialog ADD COLUMN help INTEGER NOT NULL DEFAULT 0;" /* 1: emergency call, 2: call back */
    "ALTER TABLE dialog ADD COLUMN icid TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE dialog ADD COLUMN orig_ioi TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE dialog ADD COLUMN term_ioi TEXT NOT NULL DEFAULT '';",
    NULL,
};

const struct store_schema store_schemas[STORE_FILES] = {
    [STORE_HARD] = {hard},
    [STORE_SOFT] = {soft},
};
