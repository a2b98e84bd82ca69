#!/usr/bin/python3
"""The way to the core: next hops by DNS (dnsmasq with NAPTR and SRV) and fixed, over UDP, TCP and TLS. One dies in the
middle of a REGISTER, of an INVITE: the phone sees success. A certificate of the wrong name is refused. With all of them
down the phone hears 503 at once."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, need, run, wait_for
from lab.core_edge import start_edge, tls_server, wait_hops
from lab.gateway import free_ports, program
from lab.pki import Pki
from lab.sip_ua import SipUa
from lab.stub_core import StubCore

DOMAIN = "ims.core.test"


def start_dns(case, port, cores):
    """NAPTR says UDP, SRV names two hosts of two priorities."""
    lines = ["no-resolv", "no-hosts", "no-daemon", f"port={port}", "listen-address=127.0.0.1", "bind-interfaces",
             "local-ttl=2", f"local=/{DOMAIN}/", "user=root", f"naptr-record={DOMAIN},10,10,s,SIP+D2U,,_sip._udp.{DOMAIN}"]
    for i, core in enumerate(cores):
        lines += [f"srv-host=_sip._udp.{DOMAIN},{core.name}.{DOMAIN},{core.port},{(i + 1) * 10},5",
                  f"host-record={core.name}.{DOMAIN},127.0.0.1"]
    dns = case.start(["dnsmasq", "--conf-file=" + case.write("dnsmasq.conf", "\n".join(lines) + "\n")], name="dnsmasq")
    wait_for(lambda: "started" in dns.output(), 10, "dnsmasq runs")
    return dns


def by_dns_over_udp(case):
    a_port, b_port, dns_port = free_ports(3)
    # The dialog's Routes name the domain, so that they lead to whichever is up
    a, b = (StubCore(case, n, "udp", p, service_route=f"<sip:orig@{DOMAIN};lr>") for n, p in (("a", a_port), ("b", b_port)))
    dns = start_dns(case, dns_port, [a, b])
    gateway = start_edge(case, "dns", [f"dns:{DOMAIN}"], dns_servers=[f"127.0.0.1:{dns_port}"])
    wait_hops(gateway, [2, 2])
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    check(a.requests("REGISTER") and not b.requests("REGISTER"), "the lower priority was not taken first")
    check("SIP/2.0/UDP" in a.requests("REGISTER")[0].get("Via"), "not over UDP")

    a.silent.add("*")  # in the middle of the next one
    began = time.monotonic()
    phone.register()
    check_equal(len(b.requests("REGISTER")), 1, "REGISTERs at the second hop")
    check(time.monotonic() - began < 3, "the phone waited too long")
    wait_hops(gateway, [0, 2])
    call = phone.invite("sip:bob@ims.test")
    call.wait(200)
    check(not a.requests("INVITE"), "a hop that is down was asked")
    case.say("UDP by NAPTR and SRV: a hop fell silent, REGISTER and INVITE went to the other one")

    a.silent.clear()
    wait_hops(gateway, [2, 2])
    before = len(a.requests("REGISTER"))
    phone.register()
    check_equal(len(a.requests("REGISTER")), before + 1, "REGISTERs at the first hop, which is back")
    a.refuses["MESSAGE"] = ("503 Service Unavailable", [("Retry-After", "3")])
    check_equal(phone.response_to(phone.message("sip:bob@ims.test", "hello")).status, 200, "MESSAGE after a 503")
    check_equal((len(a.requests("MESSAGE")), len(b.requests("MESSAGE"))), (1, 1), "MESSAGEs at the hops")
    case.say("it came back; its 503 was not passed on")

    failed = gateway.stat("sip_core_lookups_total", 'result="failed"')
    dns.stop()
    gateway.wait_stat("sip_core_lookups_total", failed + 1, 'result="failed"', seconds=20)
    phone.register()
    check("the last answer stays in use" in gateway.process.output(), "the log does not say that DNS is down")
    case.say("DNS went away: the last answer stayed in use")
    gateway.check_alive()
    gateway.stop()


def fixed_over_tcp(case):
    a_port, b_port = free_ports(2)
    a, b = (StubCore(case, n, "tcp", p) for n, p in (("a", a_port), ("b", b_port)))
    gateway = start_edge(case, "tcp", [f"tcp:127.0.0.1:{a_port}", f"tcp:127.0.0.1:{b_port}"], core_timeout="20s")
    wait_hops(gateway, [2, 2])
    phone = SipUa(gateway.connect_tls(), "alice")
    a.hangs_up = {"REGISTER", "INVITE"}
    began = time.monotonic()
    phone.register()
    check_equal((len(a.requests("REGISTER")), len(b.requests("REGISTER"))), (1, 1), "REGISTERs at the hops")
    check("alias" in b.requests("REGISTER")[0].get("Via"), "Via does not offer the connection for both ways")
    call = phone.invite("sip:bob@ims.test")
    call.wait(200)
    check(time.monotonic() - began < 4, "a broken connection was waited for")
    wait_for(lambda: b.requests("ACK"), 5, "the ACK at the hop that answered")
    case.say("TCP: the connection broke under a REGISTER and an INVITE, and the phone saw success")

    # On our connection the core's own requests come too
    path = b.requests("REGISTER")[0].routes("Path")[0]
    b.connections[-1].sendall(SipUa(b.connections[-1], "core").request(
        "MESSAGE", phone.contact.strip("<>"), routes=[path], extra=[("Content-Type", "text/plain")], body="hi").encode())
    phone.expect("MESSAGE").reply(200)
    case.say("and the core's request came back on the connection that we opened")

    for core in (a, b):
        core.close()
    wait_hops(gateway, [0, 0])
    began = time.monotonic()
    refused = phone.register(good=(503,))
    check(refused.get("Retry-After"), "no Retry-After")
    check(time.monotonic() - began < 1, "503 did not come at once")
    b.reopen()
    wait_hops(gateway, [0, 2])
    phone.register()
    case.say("all down: 503 with Retry-After at once; one back: registered")
    gateway.check_alive()
    gateway.stop()


def without_probes(case):
    port, = free_ports(1)
    core = StubCore(case, "core", "tcp", port)
    gateway = start_edge(case, "quiet", [f"tcp:127.0.0.1:{port}"], core_probe="0s")
    wait_for(lambda: len(core.connections) == 2, 10, "every worker has a connection")
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    core.close()
    wait_hops(gateway, [0, 0])
    phone.register(good=(503,))
    core.reopen()
    wait_hops(gateway, [2, 0])
    phone.register()
    check(not core.requests("OPTIONS"), "it was probed")
    case.say("without probes a connection that comes back is enough")
    gateway.check_alive()
    gateway.stop()


def large_over_udp(case):
    port, = free_ports(1)
    small, large = (StubCore(case, "core-" + t, t, port) for t in ("udp", "tcp"))
    gateway = start_edge(case, "large", [f"udp:127.0.0.1:{port}"])
    wait_hops(gateway, [2, 0])
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    for text, core in (("short", small), ("long" * 400, large)):
        check_equal(phone.response_to(phone.message("sip:bob@ims.test", text)).status, 200, "MESSAGE")
        check_equal([m.body.decode() for m in core.requests("MESSAGE")], [text], f"MESSAGEs at {core.name}")
    check("SIP/2.0/TCP" in large.requests("MESSAGE")[0].get("Via"), "its Via does not say TCP")
    large.close()
    check_equal(phone.response_to(phone.message("sip:bob@ims.test", "huge" * 400)).status, 200, "MESSAGE without TCP")
    check_equal(len(small.requests("MESSAGE")), 2, "MESSAGEs over UDP")
    case.say("what is too large for UDP goes over TCP, and over UDP all the same where nobody takes TCP")
    gateway.check_alive()
    gateway.stop()


def of_our_own(case):
    """SUBSCRIBE and BYE that the edge makes itself: another hop when one is silent, TCP when they are large; ACK too."""
    a_port, b_port = free_ports(2)
    a, b = (StubCore(case, n, "udp", p) for n, p in (("own-a", a_port), ("own-b", b_port)))
    gateway = start_edge(case, "own", [f"udp:127.0.0.1:{a_port}", f"udp:127.0.0.1:{b_port}"], reg_event=True,
                         core_probe="0s", flow_grace="0s")
    a.silent = {"SUBSCRIBE", "BYE"}
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    wait_for(lambda: b.requests("SUBSCRIBE"), 10, "the SUBSCRIBE at the second hop")
    ids = {(m.get("Call-ID"), m.get("CSeq")) for core in (a, b) for m in core.requests("SUBSCRIBE")[:1]}
    check_equal(len(ids), 1, "SUBSCRIBEs, but for retransmissions")
    phone.invite("sip:bob@ims.test").wait(200)
    wait_for(lambda: a.requests("ACK"), 5, "the ACK")
    phone.close()
    bye = wait_for(lambda: b.requests("BYE"), 10, "the BYE at the second hop")[0]
    check("cause=503" in bye.get("Reason"), "the BYE does not say why")
    case.say("our own SUBSCRIBE and BYE went to the next hop")
    gateway.check_alive()
    gateway.stop()


def large_of_our_own(case):
    port, = free_ports(1)
    small, large = (StubCore(case, "large-" + t, t, port) for t in ("udp", "tcp"))
    for core in (small, large):  # comes back as the Route of ACK and BYE
        core.record_route = [f"<sip:127.0.0.1:{port};lr;pad={'x' * 1400}>"]
    gateway = start_edge(case, "large-own", [f"udp:127.0.0.1:{port}"], flow_grace="0s")
    wait_hops(gateway, [2, 0])
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    phone.invite("sip:bob@ims.test").wait(200)
    wait_for(lambda: large.requests("ACK"), 5, "the ACK over TCP")
    check("SIP/2.0/TCP" in large.requests("ACK")[0].get("Via"), "its Via does not say TCP")
    phone.close()
    wait_for(lambda: large.requests("BYE"), 5, "the BYE over TCP")
    check(not small.requests("ACK") and not small.requests("BYE"), "they came over UDP too")
    case.say("an ACK and a BYE of the edge that are too large for UDP went over TCP")
    gateway.check_alive()
    gateway.stop()


def last_resort(case):
    """One hop, that has fallen silent to OPTIONS: what is asked of it now and then all the same brings it back."""
    port, = free_ports(1)
    core = StubCore(case, "core", "udp", port)
    gateway = start_edge(case, "resort", [f"udp:127.0.0.1:{port}"], threads=1)
    wait_hops(gateway, [1, 0])
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    core.silent = {"*"}
    wait_hops(gateway, [0, 0])
    trial = phone.message("sip:bob@ims.test", "is anybody there?")
    wait_for(lambda: core.requests("MESSAGE"), 5, "one request at a hop that is down")
    began = time.monotonic()
    refused = phone.register(good=(503,))
    check(refused.get("Retry-After") and time.monotonic() - began < 0.9, "the others are not refused at once")
    check_equal(gateway.stat("sip_core_last_resort_total"), 1, "requests that tried it")
    core.silent = {"OPTIONS"}
    check_equal(phone.response_to(trial).status, 200, "the MESSAGE that tried it")
    phone.register()
    check("sip.next_hop_up" in gateway.process.output().split("sip.next_hop_down")[-1], "it is not said to be up")
    case.say("all down: one request a second finds out, and the first answer is enough")
    gateway.check_alive()
    gateway.stop()


def on_our_address(case):
    """pcscf.host is an address, and the core lives on it: its Routes are not taken for ours."""
    port, = free_ports(1)
    core = StubCore(case, "neighbour", "udp", port)
    core.record_route = [f"<sip:127.0.0.1:{port};lr>"]
    gateway = start_edge(case, "neighbour", [f"udp:127.0.0.1:{port}"], host="127.0.0.1")
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    call = phone.invite("sip:bob@ims.test")
    call.wait(200)
    wait_for(lambda: core.requests("ACK"), 5, "the ACK at the core")
    bye = call.in_dialog("BYE")
    phone.send(bye)
    check_equal(phone.response_to(bye).status, 200, "BYE")
    check_equal(core.requests("BYE")[0].all("Route"), core.record_route, "Routes of the BYE at the core")
    case.say("the core's port on our own address is the core's")
    gateway.check_alive()
    gateway.stop()


def opened_by_the_core(case):
    """RFC 5923: the core's own connection is used for both ways, from the first request on that says so."""
    edge, port = free_ports(2)
    core = StubCore(case, "core", "tcp", port)
    gateway = start_edge(case, "alias", [f"tcp:127.0.0.1:{port}"], listen=f"sip+tcp://127.0.0.1:{edge}",
                            core_address=f"127.0.0.1:{edge}")
    wait_hops(gateway, [2, 0])
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    path = core.requests("REGISTER")[0].routes("Path")[0]
    check(f"127.0.0.1:{edge};transport=tcp" in path, f"Path does not say how to come back: {path}")
    ours = SipUa(gateway.connect_tcp(port=edge), "core", transport="TCP")
    request = ours.request("MESSAGE", phone.contact.strip("<>"), routes=[path], body="hi",
                           extra=[("Content-Type", "text/plain")])
    request.headers[0] = ("Via", f"SIP/2.0/TCP 127.0.0.1:{port};alias;branch={request.branch()}")
    ours.send(request)
    phone.expect("MESSAGE").reply(200)
    check_equal(ours.response_to(request).status, 200, "the core's MESSAGE on its own connection")
    case.say("the core's own connection to us is the core's, and Path says how to come")
    gateway.check_alive()
    gateway.stop()


def over_tls(case):
    pki = Pki(case.path("core-pki", "x")[:-2])
    good_port, wrong_port, picky_port = free_ports(3)
    strangers = Pki(case.path("other-pki", "x")[:-2])
    certificate, key = pki.issue("ecdsa", "edge", usage="clientAuth")
    good = StubCore(case, "good", "tls", good_port,
                    tls_server(pki, "URI:sip:ims.core.test,DNS:other.test", "good", pki.ca))
    picky = StubCore(case, "picky", "tls", picky_port, tls_server(pki, f"DNS:{DOMAIN}", "picky", strangers.ca))
    wrong = StubCore(case, "wrong", "tls", wrong_port, tls_server(pki, "DNS:wrong.core.test", "wrong"))
    gateway = start_edge(case, "tls", [f"sips:{DOMAIN}:{wrong_port};maddr=127.0.0.1",
                                          f"sips:{DOMAIN}:{good_port};maddr=127.0.0.1",
                                          f"sips:{DOMAIN}:{picky_port};maddr=127.0.0.1"],
                            core_tls_ca=pki.ca, core_tls_certificate=certificate, core_tls_key=key)
    wait_hops(gateway, [0, 2])
    check(f"does not speak for {DOMAIN}" in gateway.process.output(), "the log does not say what is wrong")
    check(not wrong.seen, "something was sent to who is not the core")
    wait_for(lambda: "unknown ca" in gateway.ctl("core").stdout, 10, "who does not know our certificate's CA says so")
    check(not picky.seen, "a hop that refused us was spoken to")
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    check_equal(len(good.requests("REGISTER")), 1, "REGISTERs over TLS")
    check("SIP/2.0/TLS" in good.requests("REGISTER")[0].get("Via"), "not over TLS")
    shown = gateway.ctl("core").stdout
    check("down" in shown and "up" in shown and "does not speak" in shown, f"sallyportctl core: {shown}")
    case.say("TLS: the name of RFC 5922 is met, a wrong one refused and said; our own certificate is shown")
    gateway.check_alive()
    gateway.stop()


def mistakes(case):
    listen = 'door { listen = {"tcp://127.0.0.1:24999"%s} }\n'
    udp = ', "sip+udp://127.0.0.1:24998"'
    for sockets, settings, wanted in (
            ("", 'core = "udp:10.0.0.1"', "sip+udp://ADDRESS:PORT"),
            ("", 'core = "tcp:10.0.0.1"', "core_address"),
            (udp, 'core = {"udp:10.0.0.1", "dns:10.0.0.2"}', "has no DNS records"),
            (udp, 'core = "http://core"', "write udp:HOST:PORT"),
            (udp, 'core = "sip:10.0.0.1;transport=ws"', "udp, tcp or tls"),
            (udp, 'core = "udp:10.0.0.1" core_tls_ca = "missing.pem"', "No such file"),
            (udp, 'core = "udp:10.0.0.1" core_tls_key = "key.pem"', "not the certificate"),
            (udp, '} policy { rules = { "out: any -> route udp:10.0.0.1" }', 'rules "out": route needs pcscf.core'),
            (udp, 'core = "udp:10.0.0.1" core_tls_names = "sip:x"', "a host name or an address"),
            (udp, 'core = "udp:10.0.0.1" core_tls_clients = "maybe"', "required"),
            (udp, 'core = "udp:10.0.0.1" dns_servers = {"dns.test"}', "address of a DNS server")):
        path = case.write("mistake.conf", listen % sockets + 'pcscf { host = "x" ' + settings + " }\n")
        done = case.run([program("sallyportctl"), "config", "check", path])
        check(done.returncode == 1 and wanted in done.stdout, f"{settings}: {done.returncode} {done.stdout}")
    case.say("mistakes in the settings are named")


def test(case):
    need("dnsmasq")
    mistakes(case)
    by_dns_over_udp(case)
    fixed_over_tcp(case)
    without_probes(case)
    large_over_udp(case)
    of_our_own(case)
    large_of_our_own(case)
    last_resort(case)
    on_our_address(case)
    opened_by_the_core(case)
    over_tls(case)


run(test)
