/* shared_secret: users that another service vouches for (the "TURN REST" convention of
 * draft-uberti-behave-turn-rest): USERNAME is "expires" or "expires:name", expires in seconds since 1970;
 * the password is base64(HMAC-SHA1(secret, USERNAME)).
 *
 * Floor 3, pure. Nothing is kept for such a user. "expires:alice" is alice, whatever the time in front: with
 * fresh credentials she keeps her allocations and her quota. */
#pragma once
#include "appliance/core/directory.h"

#define SHARED_SECRET_MAX 512u

/* A setting's item, "realm:secret": the secret's part where it is of that realm. */
bool shared_secret_of_realm(const char *item, struct bytes realm, struct bytes *secret);
bool shared_secret_check(const char *item, const char **why);

/* False: not of this form, or over. *owner: the name, or all of it where there is none. */
bool shared_secret_username(struct bytes username, int64_t wall, struct bytes *owner);
/* The long-term key that follows; wipe it. False on trouble with the cipher. */
bool shared_secret_key(struct bytes secret, struct bytes realm, struct bytes username, struct user_key *out);
