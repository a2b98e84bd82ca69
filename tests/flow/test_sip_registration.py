#!/usr/bin/python3
"""Registration as the wire shows it on both sides of the edge (TS 24.229 5.2.2): a phone over TLS, a home network that
the test plays over UDP. Who may say how a REGISTER was protected, security agreement, the keys of AKA, accounts,
keep-alives, expiry, Service-Route, identities, a move to another connection."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway, free_ports
from lab.sip_ua import SipUa
from lab.stub_core import StubCore

SEC_AGREE = [("Require", "sec-agree"), ("Proxy-Require", "sec-agree")]
CHALLENGE = ('Digest realm="ims.test",nonce="bm9uY2U=",algorithm=AKAv1-MD5,qop="auth",'
             'ck="00112233445566778899aabbccddeeff",ik="ffeeddccbbaa99887766554433221100"')


class HomeNetwork(StubCore):
    """Asks for a password unless one is there, or the edge vouches for the phone."""

    def answers(self, request):
        if request.method != "REGISTER":
            yield from super().answers(request)
            return
        self.seen.append(request)
        credentials = request.get("Authorization")
        if 'response="0"' not in credentials and "tls-yes" not in credentials:
            yield self.reply(request, "401 Unauthorized", [("WWW-Authenticate", CHALLENGE)])
            return
        gone = "*" in request.get("Contact")
        contact = [] if gone else [("Contact", request.get("Contact") + ";expires=600")]
        yield self.reply(request, "200 OK", contact + [
            ("Service-Route", self.service_route), ("Require", "outbound"), ("Path", request.get("Path")),
            ("P-Associated-URI", '"Desk" <sip:desk@ims.test>, <sip:desk-!.*!@ims.test>'),
            ("P-Charging-Vector", 'icid-value="x";orig-ioi=a;term-ioi="home.test"'),
            ("P-Charging-Function-Addresses", "ccf=192.0.2.1")])


def credentials(response, more=""):
    return ("Authorization", f'Digest username="alice@ims.test",realm="ims.test",nonce="bm9uY2U=",uri="sip:ims.test",'
                             f'response="{response}"{more}')


class Phone(SipUa):
    def registers(self, extra, contact=None, expires=600):
        r = self.registration
        r["cseq"] += 1
        contact = contact or f"{self.contact};+sip.instance={self.instance};reg-id=1"
        request = self.request("REGISTER", "sip:ims.test", to=self.aor, call_id=r["call_id"], cseq=r["cseq"],
                               tag=r["tag"], extra=[("Contact", contact), ("Expires", str(expires)),
                                                    ("Supported", "path, outbound"), *extra])
        request.headers[0] = ("Via", request.headers[0][1] + ";keep")
        self.send(request)
        return self.response_to(request)

    def writes(self, routes, preferred="<sip:desk@ims.test>"):
        request = self.request("MESSAGE", "sip:bob@ims.test", routes=routes, body="hello",
                               extra=[("Content-Type", "text/plain"), ("P-Preferred-Identity", preferred)])
        self.send(request)
        return self.response_to(request).status


def first_round(case, phone, core):
    """Nothing of what the phone says for others gets in, nothing of what is the network's gets out."""
    answer = phone.registers([credentials("", ',integrity-protected="tls-yes"'), ("Security-Client", "tls"), *SEC_AGREE,
                              ("P-Charging-Vector", "icid-value=mine"), ("P-Visited-Network-ID", "mine"),
                              ("P-Access-Network-Info", "3GPP-NR;network-provided"), ("Route", "<sip:evil.test;lr>")])
    check_equal(answer.status, 401, "first REGISTER")
    challenge = answer.get("WWW-Authenticate")
    check("AKAv1-MD5" in challenge and "ck=" not in challenge and "ik=" not in challenge, f"challenge: {challenge}")
    check_equal(answer.get("Security-Server"), "tls", "Security-Server")
    seen = core.seen[-1]
    check("integrity-protected" not in seen.get("Authorization"), seen.get("Authorization"))
    for name in ("Security-Client", "Security-Verify", "Proxy-Require", "Route"):
        check_equal(seen.all(name), [], f"{name} at the core")
    check_equal(seen.all("Require"), ["path"], "Require at the core")
    check_equal(seen.all("P-Visited-Network-ID"), ['"visited.test"'], "P-Visited-Network-ID")
    check_equal(seen.all("P-Access-Network-Info"), ["IEEE-802.11;network-provided"], "P-Access-Network-Info")
    check(re.fullmatch(r'icid-value="\w{32}";icid-generated-at=gw.ims.test;orig-ioi="Type 1visited.test"',
                       seen.get("P-Charging-Vector")), seen.get("P-Charging-Vector"))
    check(re.match(r"<sip:[\w-]+@[^>]*;lr;ob>", seen.get("Path")), seen.get("Path"))
    case.say("401: no keys, our list; what the phone may not say stays out")


def second_round(case, phone, core):
    answer = phone.registers([credentials("0"), ("Security-Verify", "tls"), ("Security-Client", "tls"), *SEC_AGREE])
    check_equal(answer.status, 200, "REGISTER with an answer")
    check('integrity-protected="tls-pending"' in core.seen[-1].get("Authorization"), core.seen[-1].get("Authorization"))
    check(";keep=90" in answer.get("Via"), answer.get("Via"))
    check_equal(answer.get("Flow-Timer"), "90", "Flow-Timer")
    for name in ("P-Charging-Vector", "P-Charging-Function-Addresses", "Security-Server"):
        check_equal(answer.all(name), [], f"{name} at the phone")
    phone.service_route = answer.routes("Service-Route")
    answer = phone.registers([credentials("")])
    check_equal(answer.status, 200, "REGISTER that the edge vouches for")
    check('integrity-protected="tls-yes"' in core.seen[-1].get("Authorization"), core.seen[-1].get("Authorization"))
    case.say("200: tls-pending, then tls-yes; keep and Flow-Timer")


def refused(case, gateway, phone, core):
    before = len(core.requests("REGISTER"))
    answer = phone.registers([credentials("0"), ("Security-Verify", "digest;d-alg=md5, tls"), *SEC_AGREE])
    check_equal((answer.status, answer.get("Security-Server")), (494, "tls"), "a list that is not ours")
    answer = phone.registers([credentials("0")], expires=59)
    check_equal((answer.status, answer.get("Min-Expires")), (423, "60"), "too brief")
    check_equal(len(core.requests("REGISTER")), before, "REGISTERs at the core")
    phone.registers([credentials("0")], expires=86400)
    check_equal(core.seen[-1].get("Expires"), "3600", "Expires at the core")
    for routes in ([], ["<sip:evil.test;lr>"], phone.service_route + ["<sip:evil.test;lr>"]):
        check_equal(phone.writes(routes), 400, f"MESSAGE with Route {routes}")
    for reason, wanted in (("sec_agree", 1), ("interval", 1), ("route", 3)):
        check_equal(gateway.stat("sip_refused_total", f'reason="{reason}"'), wanted, f"refused: {reason}")
    case.say("494, 423, 400 for other Routes")


def identities(case, phone, core):
    for preferred, asserted in (("<sip:desk-7@ims.test>", "<sip:desk-7@ims.test>"),
                                ("<sip:boss@ims.test>", '"Desk" <sip:desk@ims.test>'),
                                ("<sip:alice@ims.test>", '"Desk" <sip:desk@ims.test>')):  # barred: not in the list
        check_equal(phone.writes(phone.service_route, preferred), 200, f"MESSAGE as {preferred}")
        check_equal(core.seen[-1].all("P-Asserted-Identity"), [asserted], f"asserted for {preferred}")
        check_equal(core.seen[-1].routes("Route"), phone.service_route, "Route at the core")
    case.say("a wildcard, the default, a barred one")


def moves(case, gateway, old, core):
    """The same instance on another connection: one registration, and nothing was proved there yet."""
    for _ in range(4):  # on one worker or the other
        new = Phone(gateway.connect_tls(), "alice")
        new.instance, new.service_route = old.instance, old.service_route
        check_equal(new.registers([credentials("")]).status, 401, "a new connection")
        check("integrity-protected" not in core.seen[-1].get("Authorization"), core.seen[-1].get("Authorization"))
        check_equal(new.registers([credentials("0")]).status, 200, "REGISTER on it")
        wait_for(lambda: gateway.stat("sip_registered") == 1, 5, "one registration is left")
        check_equal(old.writes(old.service_route), 403, "MESSAGE on the connection that was left")
        check_equal(new.writes(new.service_route), 200, "MESSAGE on the new one")
        old.close()
        old = new
    check_equal(gateway.stat("sip_flows_lost_total"), 0, "flows lost")
    check_equal(old.registers([credentials("0")], contact="*", expires=0).status, 200, "Contact: *")
    wait_for(lambda: gateway.stat("sip_registered") == 0, 5, "nobody is registered")
    case.say("moves without a word, and goes")


def test(case):
    core_port, edge_port = free_ports(2)
    core = HomeNetwork(case, "home", "udp", core_port)
    gateway = Gateway(case, {"pcscf": {"core": [f"udp:127.0.0.1:{core_port}"], "reg_event": False,
                                       "core_address": f"127.0.0.1:{edge_port}", "flow_timer": "90s",
                                       "visited_network": "visited.test", "ioi": "Type 1visited.test",
                                       "access_network": "IEEE-802.11", "service_route": "reject",
                                       "min_expires": "1m", "max_expires": "1h"}}, users=())
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge_port}")
    gateway.start()
    phone = Phone(gateway.connect_tls(), "alice")
    first_round(case, phone, core)
    second_round(case, phone, core)
    refused(case, gateway, phone, core)
    identities(case, phone, core)
    moves(case, gateway, phone, core)
    gateway.stop()


run(test)
