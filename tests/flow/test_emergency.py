#!/usr/bin/python3
"""Calls for help over TLS (TS 24.229 5.2.10): without an E-CSCF the 380 with its body, with one (played here over UDP)
the call and its dialog, of registered phones and of others, and the 380 when it does not answer."""
import os
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run
from lab.gateway import Gateway, free_ports
from lab.sip_ua import SipUa, cancel, hang_up, talk

BODY = ('<?xml version="1.0" encoding="UTF-8"?>\r\n<ims-3gpp version="1"><alternative-service><type>emergency</type>'
        '<reason>{}</reason><action>{}</action></alternative-service></ims-3gpp>\r\n')
REASON = "Emergency calls are not taken here"


def registered(gateway, user="alice"):
    ua = SipUa(gateway.connect_tls(), user)
    ua.path = ua.register().routes("Path")
    return ua


def elsewhere(call, action, reason=REASON):
    response = call.wait(380)
    check_equal(response.body.decode(), BODY.format(reason, action), "body of the 380")
    check_equal(response.get("Content-Type"), "application/3gpp-ims+xml", "its type")
    return response


def without_ecscf(case):
    gateway = Gateway(case, name="plain").start()
    alice = registered(gateway)
    for uri in ("urn:service:sos.ambulance", "sip:112@ims.test", "tel:911"):
        response = elsewhere(alice.invite(uri), "emergency-registration")
        # TS 24.229 5.1.3.1: the last entry of the Path that the phone has got
        check_equal(response.get("P-Asserted-Identity"), alice.path[-1], "P-Asserted-Identity of the 380")
    elsewhere(SipUa(gateway.connect_tls(), "stranger").invite("urn:service:sos"), "emergency-registration")
    check_equal(gateway.stat("sip_emergency_total", 'result="elsewhere"'), 4, "sip_emergency_total")
    gateway.stop()
    case.say("380: body, Path, registered or not")


def routed(invite, ecscf, asserted):
    """What the E-CSCF gets of a call."""
    request = invite.request
    check_equal(request.get("Route"), f"<sip:{ecscf.sent_by};lr>", "Route of the E-CSCF")
    check_equal(request.get("P-Asserted-Identity"), asserted, "P-Asserted-Identity")
    check(request.get("P-Charging-Vector"), "no P-Charging-Vector")
    check(all(re.search(r"[:@][^>]*;lr", r) for r in request.routes("Record-Route")), "no Record-Route of ours")


def calls(case, ecscf, caller, asserted):
    """Both ends hang up once; the E-CSCF stays in the dialog's route as a proxy does."""
    for uri, wanted in (("urn:service:sos.police", "urn:service:sos.police"), ("tel:112", "urn:service:sos")):
        for ender in (0, 1):
            out = caller.invite(uri)
            incoming = ecscf.expect("INVITE")
            check_equal(incoming.request.start.split()[1], wanted, "Request-URI at the E-CSCF")
            routed(incoming, ecscf, asserted)
            incoming.request.headers.insert(0, ("Record-Route", f"<sip:{ecscf.sent_by};lr>"))
            incoming.answer()
            out.wait(200)
            check_equal(incoming.expect_ack().get("Route"), f"<sip:{ecscf.sent_by};lr>", "Route of the ACK")
            ends = (out, incoming)
            hang_up(ends[ender], ends[1 - ender])
    cancelled = caller.invite("urn:service:sos")
    incoming = ecscf.expect("INVITE")
    incoming.ring()
    cancelled.wait(180)
    cancelled.cancel()
    incoming.expect_cancel()
    cancelled.wait(487)


def strangers_have_no_more(ecscf, stranger):
    """A dialog with the E-CSCF opens no way to anybody else, and to nobody else's dialog."""
    stranger.invite("sip:bob@ims.test").wait(403)
    out = stranger.invite("urn:service:sos")
    incoming = ecscf.expect("INVITE")
    incoming.answer()
    out.wait(200)
    incoming.expect_ack()
    other = out.in_dialog("INFO")
    other.headers = [(k, "forged" if k == "Call-ID" else v) for k, v in other.headers]
    stranger.send(other)
    check_equal(stranger.response_to(other).status, 400, "a request of another dialog on this way")
    hang_up(out, incoming)


def with_ecscf(case):
    edge_port, ecscf_port = free_ports(2)
    gateway = Gateway(case, {"emergency": {"ecscf": f"udp:127.0.0.1:{ecscf_port}", "unregistered": True,
                                           "reason": "Next door"}, "sip": {"t1": "50ms", "t2": "200ms"}})
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge_port}")
    gateway.start()
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.bind(("127.0.0.1", ecscf_port))
    wire.connect(("127.0.0.1", edge_port))
    ecscf = SipUa(wire, "ecscf", transport="UDP")
    alice, stranger = registered(gateway), SipUa(gateway.connect_tls(), "stranger")
    calls(case, ecscf, alice, "<sip:alice@ims.test>")
    calls(case, ecscf, stranger, "")
    strangers_have_no_more(ecscf, stranger)
    bob = registered(gateway, "bob")
    hang_up(*talk(alice, bob))
    cancel(alice, bob)
    case.say("the E-CSCF's calls, with and without a registration; others go on")
    waiting = [ua.invite("urn:service:sos") for ua in (alice, stranger)]
    elsewhere(waiting[0], "emergency-registration", "Next door")
    elsewhere(waiting[1], "anonymous-emergencycall", "Next door")
    case.say("380 when it does not answer")
    gateway.stop()


def test(case):
    without_ecscf(case)
    with_ecscf(case)


run(test)
