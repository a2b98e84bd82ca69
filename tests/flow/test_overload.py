#!/usr/bin/python3
"""Load at the running daemon: with its tables nearly full it refuses new phones, then calls, with a Retry-After, but no
emergency and no registered phone's refresh, and is itself again afterwards; and it spares a core that says so (RFC 7339)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway, free_ports
from lab.sip_ua import SipUa
from lab.plain_core import PlainCore


def shed(response, what):
    check_equal(response.status, 503, what)
    check(5 <= int(response.get("Retry-After")) <= 10, f"Retry-After of {what}: {response.get('Retry-After')}")


def own_load(case, gateway, core):
    """One worker, room for 32 transactions: 29 calls of Alice's wait for a core that says nothing. The rest is for what
    still gets through, and for a probe of the core."""
    alice = SipUa(gateway.connect_tls(), "alice")
    alice.register()
    core.silent = True
    waiting = [alice.invite("sip:bob@ims.test") for _ in range(29)]
    for call in waiting:
        alice.response_to(call.request, final=False)
    wait_for(lambda: gateway.stat("sip_overloaded") == 1, 5, "the worker counts as overloaded")
    shed(SipUa(gateway.connect_tls(), "bob").register(good=(503,)), "a new phone")
    shed(alice.invite("sip:bob@ims.test").wait(503), "one call more")
    alice.invite("urn:service:sos").wait(380)
    core.silent = False
    alice.register()
    case.say("nearly full: 503 for new phones and calls; an emergency and a refresh pass")
    for call in waiting:  # timer B: 64 times T1
        alice.response_to(call.request)
    wait_for(lambda: gateway.stat("sip_overloaded") == 0, 5, "it is over")
    SipUa(gateway.connect_tls(), "bob").register()
    alice.invite("sip:nobody@ims.test").wait(404)
    check_equal(gateway.stat("sip_shed_total", 'what="register"'), 1, "sip_shed_total of new phones")
    check_equal(gateway.stat("sip_shed_total", 'what="request"'), 1, "sip_shed_total of requests")


def the_cores_load(case, gateway, core):
    alice = SipUa(gateway.connect_tls(), "alice")
    alice.register()
    core.load = "oc=100;oc-validity=60000;oc-seq=1.1"
    alice.invite("sip:bob@ims.test").wait(404)
    for _ in range(5):
        refused = alice.invite("sip:bob@ims.test").wait(503)
        check_equal(refused.get("Retry-After"), "", "Retry-After when the core is spared (RFC 7339 5.10)")
    alice.invite("urn:service:sos").wait(380)
    # its probes tell the edge that it is over
    core.load = "oc=0;oc-validity=0;oc-seq=2.1"
    wait_for(lambda: alice.response_to(alice.message("sip:bob@ims.test", "now?")).status == 404, 15,
             "the core is asked again", pause=0.2)
    check(gateway.stat("sip_shed_total", 'what="core"') >= 5, "sip_shed_total for the core")
    case.say("RFC 7339: nothing to a core that says oc=100, until it says oc=0")


def test(case):
    edge_port, core_port = free_ports(2)
    settings = {"pcscf": {"core": f"udp:127.0.0.1:{core_port}", "overload_control": True, "reg_event": False,
                          "core_probe": "1s"},
                "sip": {"t1": "50ms", "t2": "200ms", "max_transactions": 32}}
    gateway = Gateway(case, settings, threads=1)
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge_port}")
    core = PlainCore(core_port, edge_port)
    gateway.start()
    own_load(case, gateway, core)
    the_cores_load(case, gateway, core)
    gateway.stop()
    core.stop()


run(test)
