#!/usr/bin/python3
"""coturn's turnutils_uclient with TCP allocations (RFC 6062) over TLS 443: it connects its relays to each other, so
that Connect, ConnectionAttempt and ConnectionBind are all spoken by a client that is not ours. It exits 0 even at
full loss, so its own counts are compared. One client at a time: it takes each TLS read for one message, and with
more of them a ConnectionAttempt comes in one record with an answer now and then."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, need, run
from lab.gateway import Gateway
from lab.net import GATEWAY, Net
from lab.uclient import Uclient


def test(case):
    need("turnutils_uclient")
    net = Net(case)
    gateway = Gateway(case, space=net["gw"]).start()
    uclient = Uclient(case, GATEWAY, net["a"])
    for size in (100, 1200):
        uclient.expect_all(f"{size} bytes over TCP relays", "-t", "-S", "-T", "-p", "443", "-l", str(size), n=20)
    labels = ('event="connected"', 'event="accepted"', 'event="bound"')
    for label in labels:
        check(gateway.stat("turn_tcp_events_total", label) > 0, f"nothing was {label}")
    gateway.check_alive()
    gateway.stop()


run(test)
