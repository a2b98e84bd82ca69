#!/usr/bin/python3
"""Phones whose TLS connection dies in the middle of something, over two workers: a call goes on where the phone comes
back, requests that were on their way wait for it and come once more, and who stays away is hung up on: BYE, CANCEL
and 480 with a Reason (RFC 5626, TS 24.229 5.2.8.1)."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway
from lab.sip_ua import IncomingRequest, SipUa, hang_up, talk

GRACE = 3


def phone(gateway, user):
    ua = SipUa(gateway.connect_tls(), user)
    ua.register()
    return ua


def listed(gateway, command):
    return json.loads(gateway.ctl(command, "--json").stdout)


def worker_of(gateway, user):
    found = [r for r in listed(gateway, "registrations") if r["aor"] == f"sip:{user}@ims.test"]
    check_equal(len(found), 1, f"registrations of {user}")
    return found[0]["worker"]


def come_back(gateway, old, elsewhere=None):
    """The same phone on a new connection; elsewhere: on another worker than that (the kernel deals them out)."""
    for _ in range(64):
        new = SipUa(gateway.connect_tls(), old.user)
        new.instance = old.instance
        new.register()
        if elsewhere is None or worker_of(gateway, old.user) != elsewhere:
            return new
        new.close()
    raise AssertionError("64 connections in a row came to the same worker")


def gone(gateway, user):
    wait_for(lambda: not [r for r in listed(gateway, "registrations") if r["aor"] == f"sip:{user}@ims.test"], 10,
             f"the edge knows that {user} is gone")


def moves(case, gateway, alice):
    """The connection dies, the phone comes back on the other worker, the other side's BYE reaches it there."""
    bob = phone(gateway, "bob")
    out, incoming = talk(alice, bob)
    calls = listed(gateway, "dialogs")
    check_equal(sorted((c["aor"], c["side"], c["state"]) for c in calls),
                [("sip:alice@ims.test", "caller", "confirmed"), ("sip:bob@ims.test", "called", "confirmed")], "dialogs")
    shown = gateway.ctl("dialogs").stdout.splitlines()
    check(len(shown) == 4 and out.call_id in shown[1] and "2 in all" in shown[-1], f"sallyportctl dialogs: {shown}")
    wait_for(lambda: len(gateway.rows("dialog")) == 2, 5, "the call is in the store")
    worker = worker_of(gateway, "bob")
    bob.close()
    gone(gateway, "bob")
    new = come_back(gateway, bob, elsewhere=worker)
    incoming.ua = new
    hang_up(out, incoming)
    check_equal(listed(gateway, "dialogs"), [], "dialogs after the BYE")
    wait_for(lambda: not gateway.rows("dialog"), 5, "the call is out of the store")
    case.say("the other side's BYE reaches a phone that came back on the other worker")
    return new


def waits(case, gateway, alice, bob):
    """INFO was delivered and not answered when the connection died: it comes again, with its branch."""
    out, incoming = talk(alice, bob)
    request = out.in_dialog("INFO")
    alice.send(request)
    first = bob.expect("INFO")
    bob.close()
    new = come_back(gateway, bob)
    again = new.expect("INFO")
    check_equal(again.request.branch(), first.request.branch(), "branch of what was sent once more")
    again.tag = incoming.tag
    again.reply(200)
    check_equal(alice.response_to(request).status, 200, "answer to the INFO")
    incoming.ua = new
    new.close()
    gone(gateway, "bob")
    bye = out.in_dialog("BYE")  # and one that comes while nobody is there
    alice.send(bye)
    gateway.wait_stat("sip_requests_held_total", 2)
    last = come_back(gateway, bob)
    last.expect("BYE").reply(200)
    check_equal(alice.response_to(bye).status, 200, "answer to the BYE")
    case.say("requests on their way wait for the phone and come once more")
    return last


def rings(case, gateway, alice, bob):
    """It rang when the connection died: the INVITE comes again, and the answer by the new connection counts."""
    out = alice.invite(bob.aor)
    incoming = bob.expect("INVITE")
    incoming.ring()
    out.wait(180)
    bob.close()
    new = come_back(gateway, bob)
    again = new.expect("INVITE")
    check_equal(again.request.branch(), incoming.request.branch(), "branch of the INVITE that came again")
    again.tag = incoming.tag
    again.answer()
    out.wait(200)
    again.expect_ack()
    hang_up(again, out)
    out = alice.invite(bob.aor)  # given up before the phone is back: it learns of that
    incoming = new.expect("INVITE")
    incoming.ring()
    out.wait(180)
    new.close()
    gone(gateway, "bob")
    out.cancel()
    last = come_back(gateway, bob)
    cancel = IncomingRequest(last, incoming.request)
    cancel.tag = incoming.tag
    cancel.expect_cancel()
    out.wait(487)
    case.say("a call that rings goes on ringing on the new connection, or stops there")
    return last


def stays_away(case, gateway, alice, bob):
    out, _incoming = talk(alice, bob)
    bob.close()
    bye = alice.expect("BYE", GRACE + 10)
    check_equal(bye.request.get("Reason"), 'SIP;cause=503;text="Connection to the phone lost"', "Reason of the BYE")
    check_equal((bye.request.get("Call-ID"), bye.request.tag("To"), bye.request.tag("From")),
                (out.call_id, out.tag, out.peer_tag), "dialog of the BYE")
    bye.reply(200)
    wait_for(lambda: not listed(gateway, "dialogs"), 5, "no dialog stays")
    check_equal(gateway.stat("sip_calls_ended_total", 'by="lost_flow"'), 1, "calls ended because a connection was lost")
    check("sip.call_ended" in gateway.process.output() and
          "the phone's connection was lost and it did not come back" in gateway.process.output(), "no line in the log")

    bob = come_back(gateway, bob)  # it rings, and the called phone is gone for good
    out = alice.invite(bob.aor)
    bob.expect("INVITE").ring()
    out.wait(180)
    bob.close()
    out.wait(480)

    bob = come_back(gateway, bob)  # and the calling one
    caller = phone(gateway, "carol")
    out = caller.invite(bob.aor)
    incoming = bob.expect("INVITE")
    incoming.ring()
    out.wait(180)
    caller.close()
    cancel = bob.wait_message(lambda m: m.method == "CANCEL", GRACE + 10, "CANCEL")
    check("cause=503" in cancel.get("Reason"), f"Reason of the CANCEL: {cancel.get('Reason')}")
    bob.inbox.append(cancel)
    incoming.expect_cancel()
    wait_for(lambda: not listed(gateway, "dialogs"), 5, "no dialog stays")
    check_equal(gateway.stat("sip_dialogs", 'state="early"') + gateway.stat("sip_dialogs", 'state="confirmed"'), 0, "gauge")
    case.say("who stays away is hung up on: BYE, 480, CANCEL, with a Reason")


def test(case):
    gateway = Gateway(case, {"pcscf": {"flow_grace": f"{GRACE}s"}}, users=("alice", "bob", "carol")).start()
    alice = phone(gateway, "alice")
    bob = moves(case, gateway, alice)
    bob = waits(case, gateway, alice, bob)
    bob = rings(case, gateway, alice, bob)
    stays_away(case, gateway, alice, bob)
    gateway.check_alive()
    gateway.stop()


run(test)
