#!/usr/bin/python3
"""linphone that trusts another CA must not register: nothing but the handshake may get through."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, run
from lab.gateway import Gateway
from lab.linphone import Linphone
from lab.net import Net
from lab.pki import Pki


def test(case):
    net = Net(case)
    gateway = Gateway(case, space=net["gw"]).start()
    other = Pki(case.path("other", "x")[:-2], "other")
    phone = Linphone(case, net["a"], "alice", other.ca)
    phone.wait_in_log("X509", 15, "looks at the certificate")
    phone.until(lambda: "SSL handshake failed" in phone.log() or "bad certificate" in phone.log().lower()
                or "not trusted" in phone.log().lower(), 15, "refuses the certificate")
    phone.command("status register")
    phone.until(lambda: "registered=" in phone.process.output(), 10, "says whether it is registered")
    check("registered, identity" not in phone.process.output(), "registered although the CA is wrong")
    phone.process.stop()
    case.say("the phone refused the certificate and did not register")
    check(not gateway.rows("binding"), "a binding was stored")
    gateway.wait_stat("closes_total", 1, 'reason="handshake"')
    gateway.stop()


run(test)
