#!/usr/bin/python3
"""What a real core will not do, played by sipp as the core behind the edge: answers to REGISTER that lack what they
should have, refuse or do not come; SUBSCRIBE of the edge for the registration state (RFC 3680) refused, asked again,
granted; NOTIFY malformed, unknown, and with everything that a registration can suffer."""
import os
import ssl
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Failure, check, check_equal, need, run, wait_for
from lab.gateway import Gateway, free_ports
from lab.sip_ua import SipUa
from lab.sipp import Scenario, Sipp

ROUTE = "Service-Route: <sip:orig@[local_ip]:[local_port];lr>\n"


def core(name, granted=ROUTE):
    """Each call of sipp is one dialog of the edge: a REGISTER, which is granted, or a SUBSCRIBE, where the caller goes
    on; end() brings both together."""
    s = Scenario(f"core-{name}")
    s.expect("REGISTER", optional=True, goto="register", keep={"contact": ("Contact", "sip:[^>]*")})
    s.expect("SUBSCRIBE", goto="subscribe",
             headers={"Event": "reg", "Accept": "application/reginfo.xml", "P-Asserted-Identity": "<sip:[^@]+@.*;lr;ob>"},
             keep={"edge": ("Contact", "sip:[^>]*"), "watcher": ("From", "<.*"), "identity": ("To", "<[^>]*>")})
    s.label("register").reply(200, "OK", f"""Contact: <[$contact]>;expires=600
{granted}""").goto("end")
    return s.label("subscribe")


def end(s):
    return s.label("end").wait(1)


def subscribed(s, seconds=1200):
    return s.reply(200, "OK", f"Contact: <sip:scscf@[local_ip]:[local_port]>\nExpires: {seconds}\n")


def notify(s, number, state="active;expires=1200", body="", answer="200", more="Event: reg\n", tag="core[call_number]",
           kind="application/reginfo+xml"):
    s.send(f"""NOTIFY [$edge] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: [$identity];tag={tag}
To: [$watcher]
Call-ID: [call_id]
CSeq: {number} NOTIFY
Contact: <sip:scscf@[local_ip]:[local_port]>
Subscription-State: {state}
{more}""", body, kind=kind)
    return s.expect(answer) if answer else s


def reginfo(ua, version, state, contact, kind="partial"):
    return f"""<?xml version="1.0"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="{version}" state="{kind}">
<registration aor="{ua.aor}" id="1" state="{state}">{contact}</registration></reginfo>
"""


class Lab:
    def __init__(self, case, name):
        self.case = case
        self.port, edge_port = free_ports(2)
        self.gateway = Gateway(case, {"pcscf": {"core": f"udp:127.0.0.1:{self.port}", "core_probe": "0s"},
                                      "sip": {"t1": "50ms", "t2": "200ms"}}, users=(), name=name)
        self.gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge_port}")
        self.gateway.start()

    def core(self, scenario, calls):
        return Sipp(self.case, scenario, local="127.0.0.1", port=self.port, calls=calls, seconds=20)

    def phone(self, user):
        return SipUa(self.gateway.connect_tls(), user, outbound=False)

    def stat(self, name, labels=""):
        return self.gateway.stat(name, labels)


def contact(ua, state, event, more=""):
    return f'<contact id="1" state="{state}" event="{event}" {more}><uri>{ua.contact.strip("<>")}</uri></contact>'


def refused(lab):
    """RFC 3261 16.7: a 503 may become a 500 on its way."""
    side = lab.core(Scenario("refuses").expect("REGISTER").reply(503, "Busy"), 1)
    lab.phone("dave").register(good=(500, 503))
    side.done()


def not_answered(lab):
    """RFC 4320: what is no INVITE hears nothing of it."""
    side = lab.core(Scenario("silent").expect("REGISTER"), 1)
    try:
        lab.phone("dave").register(seconds=4)
    except Failure as e:
        check("no final response" in str(e), str(e))
    else:
        raise Failure("REGISTER was answered")
    side.done()
    lab.gateway.wait_stat("sip_register_total", 1, 'result="failed"')
    check_equal(lab.stat("sip_registered"), 0, "registrations")


def no_service_route(lab):
    """Then requests go to the core without a Route; a core without the package is asked once."""
    s = core("bare", granted="").reply(489, "Bad Event", "Allow-Events: presence\n")
    side = lab.core(end(s), 2)
    ua = lab.phone("carol")
    ua.register()
    side.done()
    check_equal(ua.service_route, [], "Service-Route")
    side = lab.core(Scenario("no-route").expect("MESSAGE", absent=["Route"]).reply(202, "Accepted"), 1)
    check_equal(ua.response_to(ua.message("sip:bob@ims.test", "hello")).status, 202, "MESSAGE")
    side.done()
    check_equal(lab.stat("sip_reg_event_failed_total", 'for="good"'), 1, "refused subscriptions")
    shown = lab.gateway.ctl("registrations").stdout
    check("refused" in shown, shown)
    ua.close()


def asked_again(lab):
    """Silence, then a delay asked for, then granted; the NOTIFY is the one that counts."""
    side = lab.core(end(core("no-answer").wait(1)), 2)
    ua = lab.phone("alice")
    ua.register()
    side.done()
    lab.gateway.wait_stat("sip_reg_event_failed_total", 1, 'for="now"')
    s = Scenario("later").expect("SUBSCRIBE").reply(503, "Busy", "Retry-After: 1\n")
    lab.core(s, 1).done()
    s = core("granted")
    lab.core(end(notify(subscribed(s), 1)), 1).done()
    lab.gateway.wait_stat("sip_reg_event_subscriptions", 1)
    return ua


def bad_and_good_notifies(lab):
    ua = lab.phone("bob")
    ok = 'result="ok"'
    malformed, unknown = (lab.stat("sip_reg_event_notify_total", f'result="{r}"') for r in ("malformed", "unknown"))
    before = lab.stat("sip_reg_event_notify_total", ok)
    s = subscribed(core("notifies"))
    notify(s, 1)
    notify(s, 2, body="<?xml version='1.0'?><reginfo", answer="400")
    notify(s, 3, body="<!DOCTYPE reginfo SYSTEM 'file:///etc/passwd'>" + reginfo(ua, 1, "active", ""), answer="400")
    notify(s, 4, more="Event: presence\n", answer="489")
    notify(s, 5, body="registered: yes\n", kind="text/plain", answer="415")
    notify(s, 6, tag="fork", answer="481")
    notify(s, 7, body=reginfo(ua, 1, "active", contact(ua, "active", "registered"), "full"))
    notify(s, 8, body=reginfo(ua, 2, "active", contact(ua, "active", "shortened", 'expires="300"')))
    notify(s, 9, body=reginfo(ua, 3, "terminated", contact(ua, "terminated", "rejected")), state="terminated")
    notify(s, 10, answer="481")
    side = lab.core(end(s), 2)
    ua.register()
    began = time.monotonic()
    side.done()
    lab.gateway.wait_stat("sip_revoked_total", 1)
    check_equal(lab.stat("sip_registered"), 0, "registrations")
    check_equal(lab.stat("sip_shortened_total"), 1, "shortened")
    check_equal(lab.stat("sip_reg_event_notify_total", 'result="malformed"') - malformed, 4, "malformed")
    check_equal(lab.stat("sip_reg_event_notify_total", 'result="unknown"') - unknown, 2, "unknown")
    check_equal(lab.stat("sip_reg_event_notify_total", ok) - before, 4, "taken once each")
    ua.socket.settimeout(10)
    try:
        check(not ua.socket.recv(100), "something came where the connection should have been closed")
    except (ssl.SSLError, OSError) as e:
        raise Failure(f"the connection was not closed in order: {e}") from None
    check(time.monotonic() - began < 10, "it took long")


def test(case):
    need("sipp")
    lab = Lab(case, "gateway")
    ua = asked_again(lab)
    case.say("SUBSCRIBE: silence and 503 are asked again, 200 and NOTIFY make it stand")
    ua.close()
    bad_and_good_notifies(lab)
    case.say("NOTIFY: bad ones refused, shortened, then ended and the connection closed")
    no_service_route(lab)
    case.say("200 without Service-Route, 489 to SUBSCRIBE")
    refused(lab)
    wait_for(lambda: lab.stat("sip_registered") == 0, 5, "nobody is registered any more")
    lab.gateway.stop()
    lab = Lab(case, "another")  # which does not know yet that this core fails
    not_answered(lab)
    lab.gateway.stop()
    case.say("REGISTER: 503 and silence reach the phone as they should")


run(test)
