#!/usr/bin/python3
"""Connections that the core opens to us: over TLS known by their certificate (RFC 5922 7.4, 5924), and used for our own
requests too where they say so (RFC 5923), over TCP and TLS."""
import os
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.core_edge import start_edge, tls_server, wait_hops
from lab.gateway import free_ports
from lab.pki import Pki
from lab.sip_ua import SipUa
from lab.stub_core import StubCore

DOMAIN = "ims.core.test"
SIP_DOMAIN = "1.3.6.1.5.5.7.3.20"  # id-kp-sipDomain


def clients(gateway, result):
    return gateway.stat("sip_core_clients_total", f'result="{result}"')


class Scene:
    """A core over TLS whose name is DOMAIN, the gateway with a TLS listener for it, a registered phone."""

    def __init__(self, case, name, threads=2, **pcscf):
        self.case = case
        self.edge, port = free_ports(2)
        self.pki = Pki(case.path(name + "-pki", "x")[:-2])
        self.core = StubCore(case, name, "tls", port, tls_server(self.pki, f"URI:sip:{DOMAIN}", "core"))
        self.gateway = start_edge(case, name, [f"sips:{DOMAIN}:{port};maddr=127.0.0.1"], f"sip+tls://127.0.0.1:{self.edge}",
                                  threads, core_address=f"127.0.0.1:{self.edge}", core_tls_ca=self.pki.ca, **pcscf)
        wait_hops(self.gateway, [threads, 0])
        self.phone = SipUa(self.gateway.connect_tls(), "alice")
        self.phone.register()

    def context(self, names=None, usage="clientAuth", pki=None, stem="client"):
        """names: of the client's certificate; None: it has none."""
        context = self.gateway.tls_context()
        if names:
            context.load_cert_chain(*(pki or self.pki).issue("ecdsa", stem, names, usage))
        return context

    def connect(self, context):
        """TLS 1.3 tells a client of its refusal only after the handshake: so something is read."""
        s = self.gateway.connect_tls(port=self.edge, context=context)
        s.sendall(b"\r\n\r\n")
        check_equal(s.recv(2), b"\r\n", "the answer to a ping")
        return s

    def refused(self, context, result):
        before = clients(self.gateway, result)
        try:
            self.connect(context)
            said = ""
        except (ssl.SSLError, OSError) as e:
            said = str(e)
        check(said, f"a client was let in that is {result}")
        wait_for(lambda: clients(self.gateway, result) == before + 1, 5, f"one more {result}")
        return said

    def writes(self, s, alias=False):
        """The core's MESSAGE to the phone on that connection."""
        path = self.core.requests("REGISTER")[0].routes("Path")[0]
        core_writes(s, self.phone, path, "TLS", self.core.port, alias)

    def shown(self):
        return self.gateway.ctl("core").stdout

    def end(self):
        self.gateway.check_alive()
        self.gateway.stop()


def core_writes(s, phone, path, transport, port, alias):
    ua = SipUa(s, "core", transport=transport)
    request = ua.request("MESSAGE", phone.contact.strip("<>"), routes=[path], body="hi",
                         extra=[("Content-Type", "text/plain")])
    request.headers[0] = ("Via", f"SIP/2.0/{transport} 127.0.0.1:{port}{';alias' if alias else ''};"
                                 f"branch={request.branch()}")
    s.sendall(request.encode())
    phone.expect("MESSAGE").reply(200)


def required(case):
    scene = Scene(case, "required", core_tls_names=["scscf.core.test"])
    strangers = Pki(case.path("strangers-pki", "x")[:-2])
    said = scene.refused(scene.context(), "no_certificate")
    check("CERTIFICATE_REQUIRED" in said.upper(), f"the client is not told what is wanted: {said}")
    scene.refused(scene.context(f"DNS:{DOMAIN}", pki=strangers), "untrusted")
    scene.refused(scene.context(f"DNS:{DOMAIN}", "serverAuth"), "untrusted")
    check("purpose" in scene.shown(), "sallyportctl core does not say what a certificate is not for")
    scene.refused(scene.context("DNS:other.test,DNS:*.core.test"), "wrong_name")
    check("other.test, *.core.test" in scene.shown(), "sallyportctl core does not show the wrong name")
    log = scene.gateway.process.output()
    check("sip.core_client_refused" in log and "pcscf.core_tls_names" in log, "the log does not say who was refused")
    case.say("no certificate, one of a stranger's CA, for servers only, of another name: refused, counted, said")

    for usage, names in (("clientAuth", f"URI:sip:{DOMAIN}"), (SIP_DOMAIN, f"DNS:{DOMAIN}"),
                         ("anyExtendedKeyUsage", "DNS:scscf.core.test")):
        before = clients(scene.gateway, "verified")
        s = scene.connect(scene.context(names, usage, stem="good"))
        check_equal(clients(scene.gateway, "verified"), before + 1, "verified clients")
        scene.writes(s)
        check("verified" in scene.shown() and names.split(":")[-1] in scene.shown(), "sallyportctl core does not show it")
        s.close()
    case.say("good ones are the core, those made for SIP alone (RFC 5924) too")

    session = scene.phone.socket.session
    check(session and session.has_ticket, "the public listener gave no ticket")
    context = scene.gateway.tls_context()
    first = scene.gateway.connect_tls(context=context)
    SipUa(first, "bob").register()  # TLS 1.3: the ticket comes with the first answer
    again = scene.gateway.connect_tls(context=context, session=first.session)
    check(again.session_reused, "phones resume no sessions")
    before = clients(scene.gateway, "no_certificate")
    try:
        s = scene.gateway.connect_tls(port=scene.edge, context=context, session=first.session)
        check(not s.session_reused, "a phone's session went on at the core's listener")
        s.sendall(b"\r\n\r\n")
        check(not s.recv(2), "a phone's session was let in")
    except OSError:
        pass
    wait_for(lambda: clients(scene.gateway, "no_certificate") == before + 1, 5, "refused for want of a certificate")
    case.say("a session that phones may resume is worth nothing there, and nobody asks phones for a certificate")
    scene.end()


def optional(case):
    scene = Scene(case, "optional", threads=1, core_tls_clients="optional")
    scene.refused(scene.context("DNS:other.test"), "wrong_name")
    s = scene.connect(scene.context())
    check_equal(clients(scene.gateway, "address"), 1, "clients known by their address")
    scene.writes(s, alias=True)
    check_equal(scene.gateway.stat("sip_core_aliases_total"), 0, "aliases of nobody in particular (RFC 5923 9.2)")
    scene.end()

    scene = Scene(case, "off", core_tls_clients="off")
    s = scene.connect(scene.context("DNS:other.test"))
    scene.writes(s)
    check_equal((clients(scene.gateway, "address"), clients(scene.gateway, "wrong_name")), (1, 0), "clients")
    case.say("optional: without a certificate the address decides, and there is no alias; off: nobody is asked")
    scene.end()


def reused_over_tls(case):
    scene = Scene(case, "alias", threads=1, core_tls_names=["other.core.test"])
    core, gateway, phone = scene.core, scene.gateway, scene.phone
    path = core.requests("REGISTER")[0].routes("Path")[0]
    core_writes(core.connections[-1], phone, path, "TLS", core.port, False)
    case.say("the core's request came back on the TLS connection that we opened")

    # The core, but not who requests to DOMAIN are for
    other = scene.connect(scene.context("DNS:other.core.test", stem="other"))
    scene.writes(other, alias=True)
    check_equal(gateway.stat("sip_core_aliases_total"), 0, "aliases of another name")

    ours = core.dial(scene.connect(scene.context(f"DNS:{DOMAIN}")))
    scene.writes(ours, alias=True)
    gateway.wait_stat("sip_core_aliases_total", 1)
    check("hop 0" in scene.shown(), "sallyportctl core does not show that it is used both ways")
    core.stop_listening()
    gateway.wait_stat("sip_core_connections_lost_total", 1)
    phone.register()
    check(core.requests("REGISTER")[-1].connection is ours, "our REGISTER did not take the core's connection")
    wait_hops(gateway, [1, 0])
    ours.shutdown(2)
    wait_hops(gateway, [0, 0])
    case.say("over TLS the core's connection carries our requests, once its certificate speaks for the hop")
    scene.end()


def reused_over_tcp(case):
    edge, port = free_ports(2)
    core = StubCore(case, "tcp", "tcp", port)
    gateway = start_edge(case, "tcp", [f"tcp:127.0.0.1:{port}"], f"sip+tcp://127.0.0.1:{edge}", 1,
                         core_address=f"127.0.0.1:{edge}")
    wait_hops(gateway, [1, 0])
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    path = core.requests("REGISTER")[0].routes("Path")[0]
    ours = core.dial(gateway.connect_tcp(port=edge))
    core_writes(ours, phone, path, "TCP", port, True)
    gateway.wait_stat("sip_core_aliases_total", 1)
    core.stop_listening()
    gateway.wait_stat("sip_core_connections_lost_total", 1)
    phone.register()
    check(core.requests("REGISTER")[-1].connection is ours, "our REGISTER did not take the core's connection")
    core.reopen()
    ours.shutdown(2)
    wait_for(lambda: core.connections[-1] is not ours and core.connections[-1].getsockname()[1] == port, 10,
             "we dial again")
    wait_hops(gateway, [1, 0])
    phone.register()
    case.say("over TCP too; when it is gone, we dial again")
    gateway.check_alive()
    gateway.stop()


def test(case):
    required(case)
    optional(case)
    reused_over_tls(case)
    reused_over_tcp(case)


run(test)
