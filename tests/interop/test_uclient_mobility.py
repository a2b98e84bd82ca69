#!/usr/bin/python3
"""coturn's turnutils_uclient with what it has beyond relaying: mobility (-M, which works in it over UDP only), and
IPv6 relays (-x) with an IPv6 peer. It exits 0 even at full loss, so its own counts are compared."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, need, run
from lab.gateway import Gateway, free_ports


def uclient(case, *more):
    """(exit code, sent, received, output) of one run."""
    done = case.run(["turnutils_uclient", "-u", "alice", "-w", "secret", "-c", *more, "127.0.0.1"], seconds=60)
    counts = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)$", done.stdout, re.M)
    sent, received = (int(n) for n in counts[-1]) if counts else (0, 0)
    return done.returncode, sent, received, done.stdout


def expect_all(case, what, n, *how):
    code, sent, received, output = uclient(case, "-n", str(n), *how)
    check(code == 0 and sent >= n and sent == received,
          f"{what}: exit {code}, sent {sent}, received {received}\n{output[-1500:]}")
    case.say(f"{what}: {received} of {sent} messages came back")


def test(case):
    need("turnutils_uclient", "turnutils_peer")
    udp, v4, _, v6, _ = free_ports(5)  # uclient takes the port after its peer's too, which must be none of ours
    gateway = Gateway(case, {"turn": {"allow_peers": ["127.0.0.1/32", "::1/128"],
                                      "relay_addresses": ["127.0.0.1", "::1"]}})
    gateway.settings["door"]["listen"] += [f"turn+udp://127.0.0.1:{udp}"]
    gateway.start()
    case.start(["turnutils_peer", "-L", "127.0.0.1", "-p", str(v4)])
    case.start(["turnutils_peer", "-L", "::1", "-p", str(v6)])
    over_udp, over_tls = ("-p", str(udp)), ("-t", "-S", "-p", str(gateway.port))
    expect_all(case, "mobility over UDP", 50, "-M", "-e", "127.0.0.1", "-r", str(v4), *over_udp)
    moved = gateway.stat("turn_moves_total")
    check(moved > 0, "no move was counted")
    case.say(f"{moved} moves")
    expect_all(case, "IPv6 relay over TLS", 20, "-x", "-e", "::1", "-r", str(v6), *over_tls)
    expect_all(case, "IPv6 relay over UDP", 20, "-x", "-e", "::1", "-r", str(v6), *over_udp)
    gateway.check_alive()
    gateway.stop()


run(test)
