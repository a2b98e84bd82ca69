#!/usr/bin/python3
"""python3-aioice: two ICE endpoints, relay candidates only, TURN over TLS 443 with the certificate verified;
messages of 2 to 900 bytes both ways."""
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
    gateway = Gateway(case, space=net["gw"]).start()
    done = case.run(["/usr/bin/python3", ENDPOINTS, "gw.ims.test", "443", gateway.pki.ca], space=net["a"], seconds=60)
    print(done.stdout, end="")
    check(done.returncode == 0, "the endpoints did not talk")
    gateway.stop()


run(test)
