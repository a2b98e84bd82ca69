#!/usr/bin/python3
"""Phones of the embedded home network over TLS: register with either digest, call, cancel, refuse, write, move to a
new connection; who is not registered, or whose flow is gone, gets the answer the standard names."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run
from lab.gateway import Gateway
from lab.sip_ua import SDP, SipUa, cancel, hang_up, talk, write_to


def registering(case, gateway):
    for algorithm in ("MD5", "SHA-256"):
        ua = SipUa(gateway.connect_tls(), "alice", algorithm=algorithm)
        answer = ua.register()
        check(ua.service_route, "no Service-Route (RFC 3608)")
        check("outbound" in answer.get("Require"), "no Require: outbound for a phone that asked (RFC 5626 6)")
        ua.ping()
        ua.register(expires=0)
        ua.close()
    for user, password in (("alice", "wrong"), ("nobody", "secret")):  # asked again or refused: TS 24.229 5.4.1.2.3
        SipUa(gateway.connect_tls(), user, password).register(good=(401, 403))
    SipUa(gateway.connect_tls(), "alice", outbound=False).register(expires=60)
    case.say("register: MD5, SHA-256, wrong password, unknown user, without outbound")


def refused(case, gateway, bob):
    stranger = SipUa(gateway.connect_tls(), "alice")
    stranger.invite(bob.aor).wait(403)
    check_equal(stranger.response_to(stranger.message(bob.aor, "hi")).status, 403, "MESSAGE of a stranger")
    case.say("403 for who is not registered")


def calls(case, alice, bob):
    for one, other in ((alice, bob), (bob, alice)):
        for ender in (0, 1):
            ends = talk(one, other)
            hang_up(ends[ender], ends[1 - ender])
    check_equal(SDP.encode(), talk_and_return_body(alice, bob), "session description, as sent")
    cancel(alice, bob)
    for status in (486, 480, 603):
        out = alice.invite(bob.aor)
        bob.expect("INVITE").refuse(status)
        out.wait(status)
    alice.invite("sip:nobody@ims.test").wait(404)
    case.say("calls, CANCEL, 486, 480, 603, 404")


def talk_and_return_body(alice, bob):
    out, incoming = talk(alice, bob)
    reinvite = out.in_dialog("INVITE", [("Content-Type", "application/sdp")], SDP)
    alice.send(reinvite)
    again = bob.expect("INVITE")
    again.tag = incoming.tag
    again.answer()
    response = alice.response_to(reinvite)
    check_equal(response.status, 200, "answer to the re-INVITE")
    out.ack(reinvite)
    again.expect_ack()
    hang_up(out, incoming)
    return again.request.body


def privacy_of_the_edge(bob, alice):
    """What a phone must not see or choose: others' assertions (RFC 3325), a route of its own."""
    out = alice.invite(bob.aor, extra=[("P-Asserted-Identity", "<sip:president@ims.test>")])
    incoming = bob.expect("INVITE")
    asserted = incoming.request.get("P-Asserted-Identity")
    check("president" not in asserted, f"an assertion of the phone's own went through: {asserted}")
    incoming.refuse(486)
    out.wait(486)


def moves(case, gateway, alice, bob):
    """RFC 5626: the same instance and reg-id on a new connection takes the place of the old one."""
    new = SipUa(gateway.connect_tls(), "bob")
    new.instance = bob.instance
    new.register()
    write_to(alice, new, "on the new connection")
    bob.close()
    write_to(alice, new, "the old one is gone")
    new.close()
    gateway.wait_stat("sip_flows_lost_total", 1)
    status = alice.response_to(alice.message("sip:bob@ims.test", "nobody is there"), seconds=15).status
    check(status in (430, 480, 404), f"MESSAGE to a phone whose flow is gone: {status}")
    case.say(f"a phone moves to a new connection; {status} when its flow is gone")


def test(case):
    gateway = Gateway(case).start()
    registering(case, gateway)
    alice, bob = (SipUa(gateway.connect_tls(), user) for user in ("alice", "bob"))
    for ua in (alice, bob):
        ua.register()
    refused(case, gateway, bob)
    calls(case, alice, bob)
    privacy_of_the_edge(bob, alice)
    for one, other in ((alice, bob), (bob, alice), (alice, alice)):
        write_to(one, other, "hello " + other.user)
    case.say("MESSAGE")
    moves(case, gateway, alice, bob)
    gateway.check_alive()
    gateway.stop()


run(test)
