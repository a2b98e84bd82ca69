/* icmp: what routers and peers say of our datagrams, told to the client (RFC 8656 11.5, 18.13).
 *
 * Floor 3. The kernel matches an ICMP error to the relay socket that it is about and queues it there
 * (IP_RECVERR), with the datagram's destination and port; it only ever looks at UDP inside. What is left to
 * us are the types that the RFC lets through, and the permission, which is asked of the datagram's
 * destination, for the sender of an ICMP message may be any router. A datagram that our own interface is too
 * small for gets no ICMP message from anybody; the kernel's word about it is told in the form of one. What is
 * told counts in the user's bandwidth, for anybody can write an ICMP message. */
#pragma once
#include <stdint.h>

struct allocation;
struct relay_udp;

void icmp_ask(int fd, uint8_t family);
/* All that is queued. Called when a read found no datagram: an error wakes the loop too. */
void icmp_read(struct allocation *a, struct relay_udp *r);
