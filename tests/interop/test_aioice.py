#!/usr/bin/python3
"""python3-aioice: two ICE endpoints, relay candidates only, TURN over TLS 443 with the certificate verified, and once
more on IPv6; messages of 2 to 900 bytes both ways."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Skip, check, run
from lab.gateway import Gateway
from lab.net import Net

ENDPOINTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab", "aioice_pair.py")


def test(case):
    if case.run(["/usr/bin/python3", "-c", "import aioice"]).returncode != 0:
        raise Skip("python3-aioice is not installed")
    net = Net(case)
    gateway = Gateway(case, space=net["gw"])
    gateway.settings["door"]["listen"].append("tls://[::1]:443")
    gateway.start()
    for host, space in (("gw.ims.test", net["a"]), ("::1", net["gw"])):
        done = case.run(["/usr/bin/python3", ENDPOINTS, host, "443", gateway.pki.ca], space=space, seconds=60)
        case.say(f"{host}: {done.stdout.strip()}")
        check(done.returncode == 0, f"the endpoints did not talk through {host}")
    gateway.stop()


run(test)
