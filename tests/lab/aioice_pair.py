#!/usr/bin/python3
"""aioice_pair.py HOST PORT CAFILE: two aioice connections, relay candidates only, over TURN/TLS."""
import asyncio
import ssl
import sys

import aioice

MESSAGES = 100


def endpoint(controlling, user):
    host, port, ca = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    return aioice.Connection(ice_controlling=controlling, use_ipv6=False, turn_server=(host, port),
                             turn_username=user, turn_password="secret", turn_transport="tcp",
                             turn_ssl=ssl.create_default_context(cafile=ca))


async def introduce(one, other):
    """Tells `one` how to reach `other`: by its relay only."""
    relays = [c for c in other.local_candidates if c.type == "relay"]
    assert relays, "no relay candidate"
    for candidate in relays:
        await one.add_remote_candidate(candidate)
    await one.add_remote_candidate(None)
    one.remote_username, one.remote_password = other.local_username, other.local_password


async def main():
    a, b = endpoint(True, "alice"), endpoint(False, "bob")
    for x in (a, b):
        await x.gather_candidates()
    await introduce(a, b)
    await introduce(b, a)
    for x in (a, b):  # aioice offers no policy "relay only": drop the sockets of the other candidates
        x._protocols = [p for p in x._protocols if p.local_candidate.type == "relay"]
    await asyncio.gather(a.connect(), b.connect())
    pair = a._nominated[1]
    assert pair.local_candidate.type == pair.remote_candidate.type == "relay", pair
    for i in range(MESSAGES):
        text = b"%d" % i + b"x" * (i % 7 * 150 + 1)
        for one, other in ((a, b), (b, a)):
            await one.send(text)
            assert await asyncio.wait_for(other.recv(), 3) == text
    print(f"{2 * MESSAGES} messages relay to relay, none lost")
    await a.close()
    await b.close()


asyncio.run(asyncio.wait_for(main(), 40))
