#!/usr/bin/python3
"""coturn's turnutils_uclient with TCP allocations (RFC 6062) over TLS 443: it connects its relays to each other, so
that Connect, ConnectionAttempt and ConnectionBind are all spoken by a client that is not ours. It exits 0 even at
full loss, so its own counts are compared. One client at a time: it takes each TLS read for one message, and with
more of them a ConnectionAttempt comes in one record with an answer now and then."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, need, run
from lab.gateway import Gateway
from lab.net import GATEWAY, Net


def test(case):
    need("turnutils_uclient")
    net = Net(case)
    gateway = Gateway(case, space=net["gw"]).start()
    for clients, size in ((1, 100), (1, 1200)):
        done = case.run(["turnutils_uclient", "-t", "-S", "-T", "-p", "443", "-u", "alice", "-w", "secret", "-n", "20",
                         "-m", str(clients), "-l", str(size), GATEWAY], space=net["a"], seconds=60)
        counts = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)$", done.stdout, re.M)
        sent, received = (int(n) for n in counts[-1]) if counts else (0, 0)
        check(done.returncode == 0 and sent >= 20 * clients and sent == received,
              f"{clients} clients: exit {done.returncode}, sent {sent}, received {received}\n{done.stdout[-2500:]}")
        case.say(f"{clients} clients: {received} of {sent} messages of {size} bytes came back over TCP relays")
    labels = ('event="connected"', 'event="accepted"', 'event="bound"')
    for label in labels:
        check(gateway.stat("turn_tcp_events_total", label) > 0, f"nothing was {label}")
    gateway.check_alive()
    gateway.stop()


run(test)
