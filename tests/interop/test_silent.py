#!/usr/bin/python3
"""TLS connections that handshake and stay silent, as Chromium leaves one beside every call: a hundred of them cost
little, are no error, and any of them may still speak."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway
from lab.sip_ua import SipUa
from lab.turn_client import TurnClient

CONNECTIONS, SECONDS = 100, 15
KIB_EACH = 150  # with sanitizers; two thirds of it is OpenSSL's own state, with red zones around it


def test(case):
    gateway = Gateway(case).start()
    context = gateway.tls_context()
    for s in [gateway.connect_tls(context=context) for _ in range(10)]:  # first use of everything
        s.close()
    wait_for(lambda: gateway.stat("connections", 'transport="tls"') == 0, 10, "no connection stands")
    closes = {k: v for k, v in gateway.stats().items() if "closes_total" in k}
    memory, descriptors = gateway.rss_kib(), gateway.descriptors()
    silent = [gateway.connect_tls(context=context) for _ in range(CONNECTIONS)]
    wait_for(lambda: gateway.stat("connections", 'transport="tls"') == CONNECTIONS, 10, "all connections stand")
    cost = (gateway.rss_kib() - memory) / CONNECTIONS
    case.say(f"{CONNECTIONS} silent connections cost {cost:.0f} KiB each")
    check(cost < KIB_EACH, f"a silent connection costs {cost:.0f} KiB")
    time.sleep(SECONDS)  # longer than the deadlines of a handshake and of first bytes that have begun
    check_equal(gateway.stat("connections", 'transport="tls"'), CONNECTIONS, "connections that stand")
    check_equal({k: v for k, v in gateway.stats().items() if "closes_total" in k}, closes, "counted closes")
    SipUa(silent.pop(), "alice").register()
    check(TurnClient(silent.pop()).allocate(), "no relay")
    case.say("after the silence one registered and one allocated a relay")
    for s in silent:
        s.close()
    silent.clear()
    wait_for(lambda: gateway.descriptors() <= descriptors + 3, 10, "descriptors were given back")
    gateway.stop()


run(test)
