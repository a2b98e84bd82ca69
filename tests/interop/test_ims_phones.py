#!/usr/bin/python3
"""Phones of others through the edge and a real IMS core (HSS, S-CSCF and I-CSCF of Debian's Kamailio): linphone to
linphone, then baresip to baresip, from behind a firewall that lets through what each needs; sound both ways."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import baresip, linphone
from lab.case import check, need, run
from lab.ims_core import ImsCore
from lab.net import GATEWAY, Net


def test(case):
    need("baresip", "dnsmasq")
    linphone.need("linphonec")
    net = Net(case, openings=(("tcp", 443), ("udp", 3478)))
    net.start_dns()
    core = ImsCore(case, net["gw"]).start()
    # the phones' TURN users are the gateway's; what they are as SIP users, the core knows
    gateway = core.gateway({"door": {"listen": [f"tls://{GATEWAY}:443", f"turn+udp://{GATEWAY}:3478"]}})
    gateway.start()
    for name, call in (("linphone", linphone.call_patiently), ("baresip", baresip.call)):
        call(case, net, gateway)
        for command in ("UAR", "MAR", "SAR"):
            check(core.cx(command, "alice") and core.cx(command, "bob"), f"the HSS never got {command} for both")
        gateway.wait_stat("sip_reg_event_notify_total", 2, 'result="ok"')
        case.say(name)
    core.running()
    gateway.check_alive()
    gateway.stop()


run(test)
