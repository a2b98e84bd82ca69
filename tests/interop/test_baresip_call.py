#!/usr/bin/python3
"""baresip to baresip: SIP over TLS 443 without SNI and ALPN, media by TURN on the extra UDP 3478 listener;
each hears the other's tone, SRTP throughout."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.baresip import Baresip
from lab.case import need, run
from lab.gateway import Gateway
from lab.net import GATEWAY, Net


def test(case):
    need("baresip", "dnsmasq")
    net = Net(case, openings=(("tcp", 443), ("udp", 3478)))
    net.start_dns()
    gateway = Gateway(case, {"door": {"listen": [f"tls://{GATEWAY}:443", f"turn+udp://{GATEWAY}:3478"]}},
                      space=net["gw"]).start()
    a = Baresip(case, net["a"], "alice", gateway.pki.ca, 440)
    b = Baresip(case, net["b"], "bob", gateway.pki.ca, 1000)
    for phone in (a, b):
        phone.connect()
        phone.wait_registered()
    case.say("both registered over TLS 443")
    a.command("dial", "sip:bob@ims.test")
    a.wait_event("CALL_ESTABLISHED", 20)
    a.wait_tone(1000, 3, 30)
    b.wait_tone(440, 3, 20)
    case.say(f"alice heard {a.heard(1000)} s, bob {b.heard(440)} s of the other's tone")
    a.command("hangup")
    b.wait_event("CALL_CLOSED", 10)
    for phone in (a, b):
        phone.process.stop()
    gateway.stop()


run(test)
