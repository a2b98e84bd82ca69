#!/usr/bin/python3
"""The network ends a registration that both the edge and the phone watch (TS 24.229 5.2.5.2, RFC 3680): whichever NOTIFY
the S-CSCF sends first, both at once, or the edge's alone, each is answered at once, the phone gets its own, the
registration ends and the connection closes, and no transaction is left."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Failure, check, check_equal, run, wait_for
from lab.gateway import Gateway, free_ports
from lab.scripted_core import ScriptedCore
from lab.sip_ua import SipMessage, SipUa, token


class Subscription:
    """The notifier's end of a subscription that the core has been asked for."""

    def __init__(self, core, request):
        self.core, self.request, self.tag, self.cseq = core, request, token(4), 0
        core.send(self.with_tag(core.reply(request, "200 OK", [
            ("Contact", f"<sip:scscf@127.0.0.1:{core.port}>"), ("Expires", "7200"),
            *(("Record-Route", r) for r in request.all("Record-Route"))])))

    def with_tag(self, response):
        response.headers = [(k, self.request.get("To") + f";tag={self.tag}" if k == "To" else v) for k, v in response.headers]
        return response

    def notify(self, aor, contact, state, event, end=False):
        self.cseq += 1
        body = (f'<?xml version="1.0"?><reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="{self.cseq - 1}" state="full">'
                f'<registration aor="{aor}" id="a" state="{state}"><contact id="c" state="{state}" event="{event}">'
                f"<uri>{contact}</uri></contact></registration></reginfo>").encode()
        message = SipMessage(f"NOTIFY {self.request.contact_uri()} SIP/2.0", [
            ("Via", f"SIP/2.0/UDP 127.0.0.1:{self.core.port};branch=z9hG4bK{token()}"), ("Max-Forwards", "70"),
            *(("Route", r) for r in self.request.all("Record-Route")),
            ("From", self.request.get("To") + f";tag={self.tag}"), ("To", self.request.get("From")),
            ("Call-ID", self.request.get("Call-ID")), ("CSeq", f"{self.cseq} NOTIFY"), ("Event", "reg"),
            ("Contact", f"<sip:scscf@127.0.0.1:{self.core.port}>"),
            ("Subscription-State", "terminated;reason=noresource" if end else "active;expires=7200"),
            ("Content-Type", "application/reginfo+xml")], body)
        self.core.send(message)
        return message.branch()


def answered(core, branch):
    """The 200 to that NOTIFY."""
    def look():
        for i, m in enumerate(core.seen):
            if m.status and m.branch() == branch:
                return core.seen.pop(i)
        return None
    check_equal(wait_for(look, 5, "the NOTIFY is answered", pause=0.01).status, 200, "answer to NOTIFY")


def watched(core, gateway, user):
    """A phone that is registered and watched by the edge and by itself: (phone, the edge's, the phone's)."""
    phone = SipUa(gateway.connect_tls(), user)
    phone.register()
    edges = Subscription(core, core.get("SUBSCRIBE"))
    answered(core, edges.notify(phone.aor, phone.contact.strip("<>"), "active", "registered"))
    request = phone.request("SUBSCRIBE", phone.aor, routes=phone.service_route,
                            extra=[("Contact", phone.contact), ("Event", "reg"), ("Expires", "7200"),
                                   ("Accept", "application/reginfo+xml")])
    phone.send(request)
    own = Subscription(core, core.get("SUBSCRIBE"))
    check_equal(phone.response_to(request).status, 200, "the phone's SUBSCRIBE")
    branch = own.notify(phone.aor, phone.contact.strip("<>"), "active", "registered")
    phone.expect("NOTIFY").reply(200, "OK")
    answered(core, branch)
    return phone, edges, own


def gone(phone, gateway):
    def closed():
        try:
            phone.ping(0.2)
        except (Failure, OSError):
            return True
        return False
    wait_for(closed, 10, "the connection is closed")
    wait_for(lambda: gateway.stat("sip_registered") == 0, 5, "nobody is registered")


def ends(core, gateway, user, order):
    phone, edges, own = watched(core, gateway, user)
    contact, said = phone.contact.strip("<>"), {}
    for who in order:
        said[who] = {"edge": edges, "phone": own}[who].notify(phone.aor, contact, "terminated", "deactivated", end=True)
    if "phone" in order:
        incoming = phone.expect("NOTIFY")
        check(b"terminated" in incoming.request.body, "the phone's NOTIFY")
        incoming.reply(200, "OK")
    for branch in said.values():
        answered(core, branch)
    gone(phone, gateway)


def in_turn(core, gateway):
    """The S-CSCF waits for one answer before it sends the other NOTIFY; then the phone's comes to a flow on its way out."""
    phone, edges, own = watched(core, gateway, "turn")
    contact = phone.contact.strip("<>")
    answered(core, edges.notify(phone.aor, contact, "terminated", "rejected", end=True))
    branch = own.notify(phone.aor, contact, "terminated", "rejected", end=True)
    phone.expect("NOTIFY").reply(200, "OK")
    answered(core, branch)
    gone(phone, gateway)
    own.notify(phone.aor, contact, "terminated", "rejected", end=True)
    core.get(430)


def test(case):
    core_port, edge_port = free_ports(2)
    core = ScriptedCore(case, core_port)
    gateway = Gateway(case, {"pcscf": {"core": [f"udp:127.0.0.1:{core_port}"], "core_probe": "0s",
                                       "core_address": f"127.0.0.1:{edge_port}"},
                             "sip": {"t1": "50ms", "t2": "200ms", "t4": "200ms"}}, users=())
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge_port}")
    gateway.start()
    for user, order in (("first", ["edge", "phone"]), ("second", ["phone", "edge"]), ("third", ["edge"])):
        ends(core, gateway, user, order)
        case.say("NOTIFY to the " + ", then to the ".join(order))
        core.forget()
    in_turn(core, gateway)
    case.say("one NOTIFY after the other's answer; a late one finds nobody: 430")

    def idle():
        return all(gateway.stat("sip_transactions", f'side="{side}"') == 0 for side in ("server", "client"))
    wait_for(idle, 20, "no transaction is left", pause=0.2)
    check_equal(gateway.stat("sip_reg_event_notify_total", 'result="ok"'), 8, "NOTIFYs that the edge took")
    gateway.stop()


run(test)
