#!/usr/bin/python3
"""linphone to linphone through a firewall that lets nothing but TCP 443 out: SIP over TLS with our CA verified,
ICE with TURN over TLS on the same port, the tone played at each end heard at the other."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import linphone
from lab.case import check, run
from lab.gateway import Gateway
from lab.net import Net


def test(case):
    linphone.need("linphonec")
    net = Net(case)
    gateway = Gateway(case, space=net["gw"]).start()
    linphone.call_patiently(case, net, gateway)
    case.say(f"firewall: {net.counter('passed')} flows to TCP 443 passed, {net.counter('dropped')} other packets dropped")
    for side in ("peer", "client"):  # 9 s of sound each way at 50 packets a second, by two relays
        packets = gateway.stat("turn_relayed_packets_total", f'to="{side}"')
        check(packets > 800, f"only {packets} packets were relayed to={side}")
    check(gateway.stat("turn_auth_failures_total") == 0, "TURN requests with wrong credentials")
    gateway.stop()


run(test)
