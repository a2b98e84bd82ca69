#!/usr/bin/python3
"""coturn's turnutils_uclient over TLS 443 against an echo peer behind the gateway: no message lost at a moderate
rate, by channels (whose numbers it draws up to 0x7FFF, as RFC 5766 11 had them), and by Send and Data; a wrong password
fails."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, need, run
from lab.gateway import Gateway
from lab.net import GATEWAY, Net
from lab.uclient import Uclient


def test(case):
    need("turnutils_uclient", "turnutils_peer")
    net = Net(case)
    gateway = Gateway(case, {"turn": {"allow_peers": [f"{GATEWAY}/32"]}}, space=net["gw"]).start()
    case.start(["turnutils_peer", "-L", GATEWAY, "-p", "3480"], space=net["gw"])

    uclient, echo = Uclient(case, GATEWAY, net["a"]), ("-t", "-S", "-p", "443", "-c", "-e", GATEWAY, "-r", "3480")
    uclient.expect_all("channels", *echo, "-l", "100", n=50)
    uclient.expect_all("channels, 3 clients", *echo, "-l", "700", n=50, clients=3)
    uclient.expect_all("Send and Data, 3 clients", *echo, "-s", "-l", "700", n=50, clients=3)

    # It tries again and again, until it gives up or its address is banned for that.
    code, sent, received, _ = uclient.run(*echo, "-s", "-n", "5", password="wrong")
    check(code != 0 and received == 0, f"wrong password: exit {code}, received {received}")
    check(gateway.stat("turn_auth_failures_total") > 0, "the wrong password was not noticed")
    case.say("a wrong password was refused")
    gateway.check_alive()
    gateway.stop()


run(test)
