#!/usr/bin/python3
"""Debian's Kamailio as the home network behind the edge, over UDP, in place of the embedded one: two phones over
TLS register (Digest by Kamailio, Path), call both ways, cancel, refuse, write messages, unregister."""
import glob
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, need, run, wait_for
from lab.gateway import Gateway, free_ports
from lab.sip_ua import SipUa, cancel, hang_up, talk, write_to

CONFIG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab", "kamailio.cfg")


def start_kamailio(case, port):
    modules = [f for f in ("/usr/lib/kamailio/modules", *glob.glob("/usr/lib/*/kamailio/modules"))
               if os.path.exists(f + "/registrar.so")]
    check(modules, "kamailio's modules were not found")
    with open(CONFIG, encoding="ascii") as f:
        text = f.read().replace("CORE", f"127.0.0.1:{port}").replace("MODULES", modules[0] + "/")
    pid = case.path("kamailio.pid")
    process = case.start(["kamailio", "-f", case.write("kamailio.cfg", text), "-DD", "-E", "-m", "64", "-M", "8",
                          "-P", pid, "-Y", case.folder], name="kamailio")

    def ready():
        check(process.running(), "kamailio ended at start")
        return os.path.exists(pid) and "main(): processes" in process.output()
    wait_for(ready, 15, "kamailio runs")


def test(case):
    need("kamailio")
    core_port, edge_port = free_ports(2)
    start_kamailio(case, core_port)
    gateway = Gateway(case, {"pcscf": {"core": f"udp:127.0.0.1:{core_port}"}}, users=())
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge_port}")
    gateway.start()
    alice, bob = (SipUa(gateway.connect_tls(), user) for user in ("alice", "bob"))

    SipUa(gateway.connect_tls(), "alice", "wrong").register(good=(401,))
    for ua in (alice, bob):
        ua.register()
        check(any("orig@" in r for r in ua.service_route), f"no Service-Route came through: {ua.service_route}")
    case.say("registered: Digest by kamailio, Service-Route learnt; a wrong password refused")

    for one, other in ((alice, bob), (bob, alice)):
        out, incoming = talk(one, other)
        check("alice@" in incoming.request.get("P-Asserted-Identity") or one is bob, "no P-Asserted-Identity")
        hang_up(out, incoming)
        out, incoming = talk(one, other)
        hang_up(incoming, out)
    case.say("calls both ways, ended from either side")

    cancel(alice, bob)
    case.say("CANCEL")

    for status in (486, 603):
        call = alice.invite(bob.aor)
        bob.expect("INVITE").refuse(status)
        call.wait(status)
    alice.invite("sip:nobody@ims.test").wait(404)
    case.say("486, 603 and kamailio's own 404 came through")

    for one, other in ((alice, bob), (bob, alice)):
        write_to(one, other, "hello " + other.user)
    case.say("MESSAGE both ways")
    bob.register(expires=0)
    alice.invite(bob.aor).wait(404)
    case.say("unregistered")
    gateway.check_alive()
    gateway.stop()


run(test)
