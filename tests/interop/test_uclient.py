#!/usr/bin/python3
"""coturn's turnutils_uclient over TLS 443 against an echo peer behind the gateway: no message lost at a moderate
rate, by channels (whose numbers it draws up to 0x7FFF, as RFC 5766 11 had them), and by Send and Data; a wrong password fails. It exits 0 even at full loss, so its own counts are compared."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, need, run
from lab.gateway import Gateway
from lab.net import GATEWAY, Net


def uclient(case, net, *more, user="alice", password="secret"):
    """(exit code, sent, received, output) of one run from phone a's network."""
    done = case.run(["turnutils_uclient", "-t", "-S", "-p", "443", "-u", user, "-w", password, *more, GATEWAY],
                    space=net["a"], seconds=60)
    counts = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)$", done.stdout, re.M)
    sent, received = (int(n) for n in counts[-1]) if counts else (0, 0)
    return done.returncode, sent, received, done.stdout


def test(case):
    need("turnutils_uclient", "turnutils_peer")
    net = Net(case)
    gateway = Gateway(case, {"turn": {"allow_peers": [f"{GATEWAY}/32"]}}, space=net["gw"]).start()
    case.start(["turnutils_peer", "-L", GATEWAY, "-p", "3480"], space=net["gw"])

    echo = ("-e", GATEWAY, "-r", "3480")
    for name, how, clients, size in (("channels", echo, 1, 100), ("channels", echo, 3, 700), ("Send and Data", (*echo, "-s"), 3, 700)):
        code, sent, received, output = uclient(case, net, *how, "-n", "50", "-c", "-m", str(clients), "-l", str(size))
        check(code == 0 and sent >= 50 * clients and sent == received,
              f"{name}, {clients} clients: exit {code}, sent {sent}, received {received}\n{output[-1500:]}")
        case.say(f"{name}, {clients} clients: {received} of {sent} messages of {size} bytes came back")

    code, sent, received, output = uclient(case, net, "-s", "-e", GATEWAY, "-r", "3480", "-n", "5", "-c", password="wrong")
    check(code != 0 and received == 0, f"wrong password: exit {code}, received {received}")
    check("401" in output or "Unauthorized" in output or "error" in output.lower(), output[-500:])
    case.say("a wrong password was refused")
    gateway.check_alive()
    gateway.stop()


run(test)
