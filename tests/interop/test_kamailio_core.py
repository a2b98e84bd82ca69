#!/usr/bin/python3
"""Debian's Kamailio as the home network behind the edge, over UDP and over TLS, in place of the embedded one: two phones over
TLS register (Digest by Kamailio, Path), call both ways, cancel, refuse, write messages, unregister."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, need, run
from lab.gateway import Gateway, free_ports
from lab.kamailio import has_tls, start_kamailio
from lab.pki import Pki
from lab.sip_ua import SipUa, cancel, hang_up, talk, write_to

def over_udp(case):
    core_port, edge_port = free_ports(2)
    start_kamailio(case, core_port)
    gateway = Gateway(case, {"pcscf": {"core": f"udp:127.0.0.1:{core_port}"}}, users=())
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge_port}")
    gateway.start()
    use(case, gateway)
    gateway.check_alive()
    gateway.stop()


def over_tls(case):
    """Both sides open connections: we to kamailio, whose certificate is checked, and kamailio to our sip+tls listener."""
    core_port, edge_port = free_ports(2)
    pki = Pki(case.path("core-pki", "x")[:-2])
    certificate = pki.issue("ecdsa", "core", "DNS:core.ims.test,IP:127.0.0.1", "serverAuth,clientAuth")
    start_kamailio(case, core_port, tls=certificate, name="kamailio-tls")
    gateway = Gateway(case, {"pcscf": {"core": f"tls:127.0.0.1:{core_port}", "core_tls_ca": pki.ca,
                                       "core_address": f"127.0.0.1:{edge_port}"}}, users=(), name="tls")
    gateway.settings["door"]["listen"].append(f"sip+tls://127.0.0.1:{edge_port}")
    gateway.start()
    gateway.wait_stat("sip_next_hop_up", 2, 'hop="0"')
    use(case, gateway)
    check("core.ims.test, 127.0.0.1" in gateway.ctl("core").stdout, "kamailio's connection was not known by its certificate")
    check(gateway.stat("sip_core_clients_total", 'result="verified"'), "kamailio's certificate was not asked for")
    gateway.check_alive()
    gateway.stop()


def test(case):
    need("kamailio")
    over_udp(case)
    if has_tls():
        case.say("now over TLS")
        over_tls(case)


def use(case, gateway):
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


run(test)
