#!/usr/bin/python3
"""Who may relay: users that a shared secret vouches for, whose secret no tool shows, and only users whose phone is
registered on this gateway where the operator asks for that, on whatever worker the phone and the relay are."""
import base64
import hashlib
import hmac
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Failure, check, check_equal, run
from lab.echo import Echo
from lab.gateway import REALM, Gateway
from lab.sip_ua import SipUa
from lab.turn_client import TurnClient, TurnError

SECRET = "north-of-the-wall"


def refused(code, action, what):
    try:
        action()
    except TurnError as e:
        check_equal(e.code, code, f"{what}: error code")
        return
    raise Failure(f"{what}: was not refused with {code}")


def vouched(gateway, name, seconds, secret=SECRET, **how):
    """The "TURN REST" convention, from its own words."""
    user = f"{int(time.time()) + seconds}:{name}"
    digest = hmac.new(secret.encode(), user.encode(), hashlib.sha1).digest()
    return TurnClient(gateway.connect_tls(), user, base64.b64encode(digest).decode(), **how)


def shared_secret(case, gateway, peer):
    for sha256 in (False, True):
        c = vouched(gateway, "carol", 600, sha256=sha256)
        c.allocate()
        c.permission(peer.address[0])
        c.send(peer.address, b"vouched for")
        check_equal(c.receive_data(), (peer.address, b"vouched for"), "data")
        c.close()
    refused(401, vouched(gateway, "carol", -1).allocate, "credentials that have run out")
    refused(401, vouched(gateway, "carol", 600, "another secret").allocate, "another secret")
    TurnClient(gateway.connect_tls()).allocate()
    case.say("shared secret: with MD5 and SHA-256, run out, wrong; stored users beside it")


def secret_is_hidden(case, gateway):
    shown = gateway.ctl("config", "show", gateway.config_path).stdout
    check("shared_secrets" in shown and SECRET not in shown, f"config show:\n{shown}")
    with open(gateway.config_path, encoding="utf-8") as f:
        check(SECRET in f.read(), "the secret is in the file")
    case.say("no tool shows the secret")


def registered_only(case, gateway):
    for _ in range(4):  # the kernel deals connections out to the workers
        refused(403, TurnClient(gateway.connect_tls(), "bob").allocate, "who is not registered")
    bob = SipUa(gateway.connect_tls(), "bob")
    bob.register()
    clients = [TurnClient(gateway.connect_tls(), "bob") for _ in range(4)]
    for c in clients:
        c.allocate()
    vouched(gateway, "bob", 600).allocate()
    refused(403, TurnClient(gateway.connect_tls(), "alice").allocate, "another user")
    refused(403, vouched(gateway, "alice", 600).allocate, "another user with a shared secret")
    bob.register(expires=0)
    check_equal(clients[0].refresh(600), 600, "lifetime within the minute after the end of a registration")
    for c in clients:
        c.close()
    case.say("require_registration: 403 before, relay while registered")


def test(case):
    peer = Echo(case)
    settings = {"allow_peers": ["127.0.0.1/32"], "shared_secrets": [f"{REALM}:{SECRET}"]}
    gateway = Gateway(case, {"turn": settings})
    gateway.start()
    shared_secret(case, gateway, peer)
    secret_is_hidden(case, gateway)
    gateway.check_alive()
    gateway.stop()
    strict = Gateway(case, {"turn": {**settings, "require_registration": True}}, name="strict")
    strict.start()
    registered_only(case, strict)
    strict.check_alive()
    strict.stop()


run(test)
