#!/usr/bin/python3
"""SIGTERM with connections of every kind standing: each is told (close_notify), the daemon ends with 0, soon; the
same again at the next start on the same state."""
import os
import ssl
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Failure, check, run
from lab.gateway import Gateway
from lab.sip_ua import SipUa, talk
from lab.turn_client import TurnClient


def wait_end(name, s):
    """The gateway's orderly end: close_notify, not a torn connection."""
    s.settimeout(10)
    try:
        while s.recv(65536):
            pass
    except ssl.SSLEOFError as e:
        raise Failure(f"{name}: torn off without close_notify ({e})") from None
    except ConnectionError as e:
        raise Failure(f"{name}: {e}") from None


def busy(gateway):
    """Connections of every kind: name -> socket."""
    alice, bob = (SipUa(gateway.connect_tls(), user) for user in ("alice", "bob"))
    for ua in (alice, bob):
        ua.register()
    talk(alice, bob)
    relay = TurnClient(gateway.connect_tls())
    relay.allocate()
    halves = {"half a SIP message": b"OPTIONS sip:ims.test SIP/2.0\r\nVia: ", "half a STUN message": b"\0\1\0\x20"}
    out = {"alice, in a call": alice.socket, "bob, in a call": bob.socket, "relay": relay.socket,
           "silent": gateway.connect_tls()}
    for name, half in halves.items():
        out[name] = gateway.connect_tls()
        out[name].sendall(half)
    return out


def test(case):
    gateway = Gateway(case)
    for turn in (1, 2):
        gateway.start()
        standing = busy(gateway)
        half_hello = gateway.connect_tcp()
        half_hello.sendall(b"\x16\x03\x01\x02")
        began = time.monotonic()
        gateway.process.signal(15)
        for name, s in standing.items():
            wait_end(name, s)
        gateway.stop(seconds=20)
        took = time.monotonic() - began
        check(took < 15, f"the end took {took:.1f} s")
        case.say(f"start {turn}: ended with 0 after {took:.1f} s with {len(standing) + 1} connections standing")


run(test)
