#!/usr/bin/python3
"""coturn's turnutils_uclient in all its forms: over UDP, TCP and TLS, on IPv4 and IPv6, with relays of both families
and dual ones, mobility (-M, which works in it over UDP only), TCP allocations (-T, RFC 6062), and tokens (-J, RFC
7635; after Allocate and Refresh it does not show them again)."""
import os
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, need, run
from lab.gateway import Gateway, free_ports
from lab.uclient import Uclient

V4, V6 = "127.0.0.1", "::1"
# Three keys are built into it; the tokens that it makes for itself are of any of them.
OAUTH_KEYS = ["north:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "union:MTIzNDU2Nzg5MDEyMzQ1Ng==",
              "oldempire:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="]


def test(case):
    need("turnutils_uclient", "turnutils_peer")
    udp, tcp, v4, _, v6, _ = free_ports(6)  # uclient takes the port after its peer's too, which must be none of ours
    gateway = Gateway(case, {"turn": {"allow_peers": [f"{V4}/32", f"{V6}/128"], "relay_addresses": [V4, V6],
                                     "oauth_keys": OAUTH_KEYS}})
    gateway.settings["door"]["listen"] += [
        f"turn+udp://{V4}:{udp}", f"turn+tcp://{V4}:{tcp}", f"tls://[{V6}]:{gateway.port}",
        f"turn+udp://[{V6}]:{udp}", f"turn+tcp://[{V6}]:{tcp}"]
    gateway.start()
    case.start(["turnutils_peer", "-L", V4, "-p", str(v4)], name="peer-v4")
    case.start(["turnutils_peer", "-L", V6, "-p", str(v6)], name="peer-v6")
    uclient = Uclient(case, V4)
    transports = {"UDP": ("-p", str(udp)), "TCP": ("-t", "-p", str(tcp)), "TLS": ("-t", "-S", "-p", str(gateway.port))}
    to_v4, to_v6 = ("-e", V4, "-r", str(v4)), ("-e", V6, "-r", str(v6))
    with ThreadPoolExecutor(6) as pool:  # it mostly waits
        jobs = []

        def expect_all(*args, **how):
            jobs.append(pool.submit(uclient.expect_all, *args, **how))
        for name, how in transports.items():
            for host in (V4, V6):
                expect_all(f"{name} on {host}, IPv4 relay, channels", "-c", *to_v4, *how, host=host)
                expect_all(f"{name} on {host}, IPv6 relay, Send and Data", "-c", "-s", "-x", *to_v6, *how, host=host)
        for name in ("TCP", "TLS"):
            for host in (V4, V6):
                expect_all(f"TCP allocations over {name} on {host}", "-T", *transports[name], host=host)
        expect_all("mobility over UDP", "-c", "-M", *to_v4, *transports["UDP"], n=30)
        for job in jobs:
            job.result()
        jobs.clear()
        expect_all("tokens over UDP", "-c", "-J", *to_v4, *transports["UDP"])
        expect_all("TCP allocations over TLS with tokens", "-T", "-J", *transports["TLS"])
        for job in jobs:
            job.result()
    check(gateway.stat("turn_moves_total") > 0, "no move was counted")
    check(gateway.stat("turn_authenticated_total", 'by="token"') > 0, "nobody came with a token")
    check(gateway.stat("turn_tcp_events_total", 'event="bound"') > 0, "no ConnectionBind")
    gateway.check_alive()
    gateway.stop()


run(test)
