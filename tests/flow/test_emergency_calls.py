#!/usr/bin/python3
"""Emergency calls as calls that the gateway keeps in mind (TS 24.229 5.2.10, 5.2.8.1), and the PSAP's call back (RFC
7090): over TLS, with an E-CSCF played here over UDP. What the operator sees of them, what a lost connection and a lost
registration mean for them, and that an emergency registration is enough to be called back."""
import json
import os
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway, free_ports
from lab.sip_ua import SipUa, hang_up, talk
from lab.stub_core import StubCore

GRACE = 3


def udp_ua(name, port, edge_port):
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.bind(("127.0.0.1", port))
    wire.connect(("127.0.0.1", edge_port))
    return SipUa(wire, name, transport="UDP", outbound=False)


def gateway_of(case, name, edge_port, ecscf_port, pcscf):
    gateway = Gateway(case, {"emergency": {"ecscf": f"udp:127.0.0.1:{ecscf_port}", "unregistered": True,
                                           "flow_grace": f"{GRACE}s"},
                             "pcscf": {"flow_grace": "1s", **pcscf}}, name=name)
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge_port}")
    return gateway.start()


def listed(gateway):
    return json.loads(gateway.ctl("dialogs", "--json").stdout)


def help_call(ua, psap):
    return talk(ua, psap, "urn:service:sos", f"<sip:{psap.sent_by};lr>")


def icid(message):
    return re.search(r'icid-value="([^"]+)"', message.get("P-Charging-Vector")).group(1)


def come_back(gateway, old):
    new = SipUa(gateway.connect_tls(), old.user)
    new.instance = old.instance
    new.register()
    return new


def seen_by_the_operator(gateway, out, aor):
    calls = listed(gateway)
    check_equal([(c["kind"], c["aor"], c["side"], c["state"]) for c in calls],
                [("emergency", aor, "caller", "confirmed")], "dialogs")
    shown = gateway.ctl("dialogs").stdout.splitlines()
    check(out.call_id in shown[1] and "emergency" in shown[1] and (aor or "(not registered)") in shown[1],
          f"sallyportctl dialogs: {shown}")
    rows = wait_for(lambda: gateway.rows("dialog", "help, icid, orig_ioi"), 5, "the call is in the store")
    check_equal(rows[0][0], 1, "help in the store")
    check(len(rows[0][1]) == 32 and rows[0][2], f"accounts in the store: {rows}")
    check_equal(gateway.stat("sip_emergency_calls"), 1, "sip_emergency_calls")


def stays_away(case, gateway, ua, psap, aor):
    out, incoming = help_call(ua, psap)
    seen_by_the_operator(gateway, out, aor)
    ua.close()
    bye = psap.expect("BYE", GRACE + 10)
    check_equal(bye.request.get("Reason"), 'SIP;cause=503;text="Connection to the phone lost"', "Reason of the BYE")
    check_equal(icid(bye.request), icid(incoming.request), "icid of the BYE")
    check_equal(bye.request.routes("Route"), [f"<sip:{psap.sent_by};lr>"], "Route of the BYE")
    bye.reply(200)
    wait_for(lambda: not listed(gateway), 5, "no dialog stays")
    wait_for(lambda: not gateway.rows("dialog"), 5, "nothing stays in the store")
    log = gateway.process.output()
    check(re.search(rf"sip.call_ended call_id={out.call_id}.*kind=emergency", log), "no line in the log")


def outlives(case, gateway, alice, psap):
    """Its registration, and its connection."""
    out, incoming = help_call(alice, psap)
    alice.register(expires=0)
    wait_for(lambda: not json.loads(gateway.ctl("registrations", "--json").stdout), 5, "nobody is registered")
    check_equal(len(listed(gateway)), 1, "dialogs of who has unregistered")
    info = out.in_dialog("INFO")
    alice.send(info)
    got = psap.expect("INFO")
    check_equal(icid(got.request), icid(incoming.request), "icid of the INFO")
    got.reply(200)
    check_equal(alice.response_to(info).status, 200, "answer to the INFO")
    hang_up(incoming, out)
    alice.register()
    out, incoming = help_call(alice, psap)
    alice.close()
    new = come_back(gateway, alice)
    out.ua = new
    hang_up(incoming, out)
    wait_for(lambda: not listed(gateway), 5, "no dialog stays")
    return new


def emergency_calls(case):
    edge_port, ecscf_port = free_ports(2)
    gateway = gateway_of(case, "calls", edge_port, ecscf_port, {})
    psap = udp_ua("psap", ecscf_port, edge_port)
    alice = SipUa(gateway.connect_tls(), "alice")
    alice.register()
    alice = outlives(case, gateway, alice, psap)
    case.say("an emergency call outlives the registration, and goes on where the phone comes back")
    stays_away(case, gateway, alice, psap, "sip:alice@ims.test")
    stays_away(case, gateway, SipUa(gateway.connect_tls(), "stranger"), psap, "")
    check_equal(gateway.stat("sip_emergency_calls"), 0, "sip_emergency_calls")
    case.say("who stays away is hung up on, registered or not: BYE with Reason and the call's icid")
    gateway.check_alive()
    gateway.stop()


# --- the call back


def for_help(gateway, instance=None):
    """A phone with an emergency registration and no other; where to call it back."""
    ua = SipUa(gateway.connect_tls(), "alice")
    ua.instance = instance or ua.instance
    ua.contact = ua.contact[:-1] + ";sos>"
    ua.path = ua.register().routes("Path")
    return ua


def called_back(psap, phone):
    psap.service_route = phone.path
    return psap.invite(phone.contact[1:-1], extra=[("Priority", "psap-callback")])


def answers(gateway, out, phone):
    incoming = phone.expect("INVITE")
    check_equal(incoming.request.get("Priority"), "psap-callback", "Priority at the phone")
    incoming.ring()
    out.wait(180)
    incoming.answer()
    out.wait(200)
    incoming.expect_ack()
    check_equal([c["kind"] for c in listed(gateway)], ["callback"], "dialogs")
    return incoming


def call_backs(case):
    edge_port, core_port, ecscf_port = free_ports(3)
    core = StubCore(case, "core", "udp", core_port)
    gateway = gateway_of(case, "back", edge_port, ecscf_port,
                         {"core": f"udp:127.0.0.1:{core_port}", "core_networks": ["127.0.0.1/32"], "reg_event": False})
    psap = udp_ua("psap", ecscf_port, edge_port)
    phone = for_help(gateway)
    out, incoming = help_call(phone, psap)
    hang_up(incoming, out)  # too early: something is still to be asked
    out = called_back(psap, phone)
    incoming = answers(gateway, out, phone)
    phone.register(expires=0)  # the call goes on without it
    check_equal(len(listed(gateway)), 1, "dialogs of who has unregistered")
    bye = incoming.in_dialog("BYE")
    phone.send(bye)
    check_equal(phone.response_to(bye).status, 200, "answer to the BYE")
    check_equal(len(core.requests("BYE")), 1, "BYE at the core, which is the way back")
    wait_for(lambda: not listed(gateway), 5, "no dialog stays")
    case.say("an emergency registration is called back; the call outlives it")
    phone = for_help(gateway)
    phone.close()
    gateway.wait_stat("sip_flows_lost_total", 1)
    out = called_back(psap, phone)
    gateway.wait_stat("sip_requests_held_total", 1)
    new = for_help(gateway, phone.instance)
    incoming = answers(gateway, out, new)
    hang_up(out, incoming)
    case.say("a call back waits for a phone that is just changing its connection")
    new.contact = new.contact.replace(";sos", "")
    new.register()
    new.service_route = []
    new.invite("sip:bob@ims.test", extra=[("Priority", "psap-callback")]).wait(200)
    check_equal(core.requests("INVITE")[-1].get("Priority"), "", "Priority that a phone has written")
    check_equal([c["kind"] for c in listed(gateway)], ["call"], "dialogs")
    case.say("a phone's own psap-callback is nothing")
    gateway.check_alive()
    gateway.stop()


def test(case):
    emergency_calls(case)
    call_backs(case)


run(test)
