#!/usr/bin/python3
"""baresip to baresip: SIP over TLS 443 without SNI and ALPN, media by TURN on the extra UDP 3478 listener;
each hears the other's tone, SRTP throughout."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import baresip
from lab.case import need, run
from lab.gateway import Gateway
from lab.net import GATEWAY, Net


def test(case):
    need("baresip", "dnsmasq")
    net = Net(case, openings=(("tcp", 443), ("udp", 3478)))
    net.start_dns()
    gateway = Gateway(case, {"door": {"listen": [f"tls://{GATEWAY}:443", f"turn+udp://{GATEWAY}:3478"]}},
                      space=net["gw"]).start()
    baresip.call(case, net, gateway)
    gateway.stop()


run(test)
