#!/usr/bin/python3
"""Caps at the door: connections of one address, connections in all, and draining: who stands stays, who is too many
is closed and counted, and there is room again when somebody leaves."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, run, wait_for
from lab.gateway import Gateway
from lab.sip_ua import SipUa
from lab.turn_client import TurnClient


def served(gateway, context):
    """A connection that the gateway serves, or None."""
    try:
        s = gateway.connect_tls(context=context, timeout=3)
        TurnClient(s).binding()
        return s
    except Exception:  # refused in any of the ways in which a closed connection shows
        return None


def cap(case, setting, reason):
    gateway = Gateway(case, {"door": {setting: 10}}).start()
    context = gateway.tls_context()
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    standing = [served(gateway, context) for _ in range(9)]
    check(all(standing), f"{setting}: refused below the cap")
    for _ in range(5):
        check(served(gateway, context) is None, f"{setting}: served above the cap")
    gateway.wait_stat("closes_total", 5, f'reason="{reason}"')
    for s in standing[:3]:
        s.close()
    wait_for(lambda: served(gateway, context), 5, "there is room again")
    phone.ping()
    case.say(f"{setting}: five too many were closed and counted, the others stood")
    gateway.stop()


def draining(case):
    gateway = Gateway(case).start()
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    gateway.ctl("drain")
    wait_for(lambda: served(gateway, gateway.tls_context()) is None, 5, "new connections are refused")
    phone.ping()
    phone.register()
    case.say("draining: nobody new, who stands stays")
    gateway.stop()


def test(case):
    cap(case, "connections_per_address", "peer_limit")
    cap(case, "connections_max", "limit")
    draining(case)


run(test)
