#!/usr/bin/python3
"""What runs within and beside calls, over TLS between two phones: re-INVITE, UPDATE, PRACK and 100rel, INFO, REFER,
SUBSCRIBE and NOTIFY both ways, OPTIONS, a BYE after a phone has moved, CANCEL and 200 that cross, several phones of
one user; and that no transaction stays behind."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway
from lab.sip_ua import SDP, SipUa, hang_up, talk


def phone(gateway, user, **how):
    ua = SipUa(gateway.connect_tls(), user, **how)
    ua.register()
    return ua


def exchange(one, other, method, extra=(), body=b"", status=200):
    """A request within the dialog, answered by the other end."""
    request = one.in_dialog(method, extra, body)
    one.ua.send(request)
    got = other.ua.expect(method)
    check_equal(got.request.tag("To"), one.peer_tag, f"To tag of {method}")
    got.tag = other.tag
    got.reply(status)
    check_equal(one.ua.response_to(request).status, status, f"answer to {method}")
    return got.request


def reinvite(one, other):
    request = one.in_dialog("INVITE", [("Content-Type", "application/sdp")], SDP)
    one.ua.send(request)
    got = other.ua.expect("INVITE")
    got.tag = other.tag
    got.answer()
    check_equal(one.ua.response_to(request).status, 200, "answer to a re-INVITE")
    one.ack(request)
    got.expect_ack()


def in_dialog(case, alice, bob):
    for caller, callee in ((alice, bob), (bob, alice)):
        ends = talk(caller, callee)
        for one, other in (ends, ends[::-1]):
            reinvite(one, other)
            for method in ("UPDATE", "INFO", "OPTIONS", "MESSAGE"):
                exchange(one, other, method)
            exchange(one, other, "UPDATE", status=491)
            refer = [("Refer-To", "<sip:carol@ims.test>"), ("Referred-By", f"<{one.ua.aor}>")]
            exchange(one, other, "REFER", refer, status=202)
            progress = exchange(other, one, "NOTIFY", [("Event", "refer"), ("Subscription-State", "active"),
                                                       ("Content-Type", "message/sipfrag")], b"SIP/2.0 100 Trying\r\n")
            check_equal(progress.body, b"SIP/2.0 100 Trying\r\n", "sipfrag as sent")
        hang_up(ends[1], ends[0])
    case.say("re-INVITE, UPDATE, INFO, OPTIONS, MESSAGE, REFER and its NOTIFY, from either end")


def prack(case, alice, bob):
    """RFC 3262: the early dialog's PRACK, and an UPDATE in it (RFC 3311)."""
    out = alice.invite(bob.aor, extra=[("Require", "100rel")])
    incoming = bob.expect("INVITE")
    check("100rel" in incoming.request.get("Require"), "Require: 100rel did not come through")
    incoming.reply(183, "Session Progress", [("Require", "100rel"), ("RSeq", "17")])
    early = out.wait(183)
    check_equal(early.get("RSeq"), "17", "RSeq")
    out.peer_tag, out.target = early.tag("To"), early.contact_uri()
    out.route_set = list(reversed(early.routes("Record-Route")))
    invited = out.cseq
    exchange(out, incoming, "PRACK", [("RAck", f"17 {invited} INVITE")])
    exchange(out, incoming, "UPDATE")
    exchange(incoming, out, "UPDATE")
    incoming.answer()
    final = alice.response_to(out.request)
    check_equal(final.status, 200, "answer to the INVITE")
    alice.send(out.in_dialog("ACK", cseq=invited))
    incoming.expect_ack()
    hang_up(out, incoming)
    case.say("100rel: PRACK, UPDATE both ways in the early dialog")


def subscription(case, alice, bob):
    request = alice.request("SUBSCRIBE", bob.aor, routes=alice.service_route,
                            extra=[("Event", "presence"), ("Expires", "600"), ("Contact", alice.contact)])
    alice.send(request)
    got = bob.expect("SUBSCRIBE")
    got.target, got.route_set = got.request.contact_uri(), got.request.routes("Record-Route")
    early = got.in_dialog("NOTIFY", [("Event", "presence"), ("Subscription-State", "pending")])
    bob.send(early)  # RFC 6665 4.4.1: it may come before the 200
    alice.expect("NOTIFY").reply(200)
    check_equal(bob.response_to(early).status, 200, "answer to the NOTIFY in front of the 200")
    got.reply(200, "OK", [("Contact", bob.contact), ("Expires", "600")])
    check_equal(alice.response_to(request).status, 200, "answer to SUBSCRIBE")
    last = got.in_dialog("NOTIFY", [("Event", "presence"), ("Subscription-State", "terminated;reason=timeout")])
    bob.send(last)
    alice.expect("NOTIFY").reply(200)
    check_equal(bob.response_to(last).status, 200, "answer to the last NOTIFY")
    options = alice.request("OPTIONS", bob.aor, routes=alice.service_route)
    alice.send(options)
    bob.expect("OPTIONS").reply(200, "OK", [("Allow", "INVITE")])
    check_equal(alice.response_to(options).get("Allow"), "INVITE", "the phone's own answer to OPTIONS")
    case.say("SUBSCRIBE, NOTIFY before and after its 200; OPTIONS to a phone")


def crossing(case, alice, bob):
    """CANCEL and 200 that cross (RFC 3261 9.1): the call stands, the caller ends it."""
    out = alice.invite(bob.aor)
    incoming = bob.expect("INVITE")
    incoming.ring()
    out.wait(180)
    incoming.answer()
    out.cancel()  # it may reach the phone or not; there the call is answered already (9.2)
    out.wait(200)
    incoming.expect_ack()
    hang_up(out, incoming)
    early = alice.invite(bob.aor)  # and the CANCEL that comes before any answer
    early.cancel()
    incoming = bob.expect("INVITE")
    incoming.reply(100, "Trying")
    incoming.expect_cancel()
    early.wait(487)
    case.say("CANCEL that crosses the 200, CANCEL before the phone has said anything")


def forking(case, gateway, alice, bob):
    """Two phones of one user ring, one is picked up, the other is told that it was answered elsewhere (RFC 3326)."""
    desk = phone(gateway, "bob")
    out = alice.invite(bob.aor)
    here, there = bob.expect("INVITE"), desk.expect("INVITE")
    here.ring()
    there.ring()
    out.wait(180)
    there.answer()
    out.wait(200)
    there.expect_ack()
    cancel = bob.wait_message(lambda m: m.method == "CANCEL" and m.get("Call-ID") == here.call_id, 10, "CANCEL")
    check("200" in cancel.get("Reason"), f"Reason of the CANCEL: {cancel.get('Reason')}")
    bob.inbox.append(cancel)
    here.expect_cancel()
    hang_up(out, there)

    out = alice.invite(bob.aor)  # both pick up at once: the caller hears of both, and ends one (RFC 3261 13.2.2.4)
    here, there = bob.expect("INVITE"), desk.expect("INVITE")
    here.answer()
    there.answer()
    out.wait(200)
    first = out.peer_tag
    second = alice.response_to(out.request)
    check(second.status == 200 and second.tag("To") != first, "the other 200 did not come through")
    (here if first == here.tag else there).expect_ack()
    loser = there if first == here.tag else here
    kept = (out.peer_tag, out.target, out.route_set)
    out.established(second)
    loser.expect_ack()
    hang_up(out, loser)
    out.peer_tag, out.target, out.route_set = kept
    hang_up(out, here if loser is there else there)

    out = alice.invite(bob.aor)  # one declines everywhere (6xx), one is busy: 600 ends it
    here, there = bob.expect("INVITE"), desk.expect("INVITE")
    here.ring()
    there.refuse(603)
    here.expect_cancel()
    out.wait(603)
    desk.register(expires=0)
    desk.close()
    case.say("forking: answered elsewhere, two answers, declined everywhere")


def moving(case, gateway, alice):
    """A phone comes back on another connection in the middle of a call and ends it there."""
    bob = phone(gateway, "bob")
    out, incoming = talk(alice, bob)
    new = SipUa(gateway.connect_tls(), "bob")
    new.instance = bob.instance
    new.register()
    bob.close()
    incoming.ua = new
    hang_up(incoming, out)
    out, incoming = talk(alice, new)
    moved = phone(gateway, "alice")
    out.ua = moved
    hang_up(out, incoming)
    moved.close()
    new.register(expires=0)
    new.close()
    case.say("BYE of either end after it has moved to a new connection")


def nothing_stays(case, gateway):
    def left():
        stats = gateway.stats()
        return [k for side in ("server", "client") for k in [f'sallyport_sip_transactions{{side="{side}"}}'] if stats[k]]
    wait_for(lambda: not left(), 45, "all transactions have ended", pause=0.5)
    check_equal(gateway.stat("sip_stray_total", 'kind="cancel"'), 0, "stray CANCELs")
    case.say("no transaction stays")


def test(case):
    gateway = Gateway(case).start()
    alice, bob = phone(gateway, "alice"), phone(gateway, "bob")
    in_dialog(case, alice, bob)
    prack(case, alice, bob)
    subscription(case, alice, bob)
    crossing(case, alice, bob)
    forking(case, gateway, alice, bob)
    bob.register(expires=0)
    moving(case, gateway, alice)
    nothing_stays(case, gateway)
    gateway.check_alive()
    gateway.stop()


run(test)
