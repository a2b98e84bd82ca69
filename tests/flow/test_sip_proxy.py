#!/usr/bin/python3
"""RFC 3261 section 16 on the wire of the running daemon: a phone over TLS on one side, a core over UDP that the test
plays on the other. Hops, extensions, schemes, forms of writing, retransmissions, CANCEL and what crosses it, which
response goes on, the silence of RFC 4320, routers that know no "lr"."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Failure, check, check_equal, run, wait_for
from lab.gateway import Gateway, free_ports
from lab.scripted_core import ScriptedCore
from lab.sip_ua import SipUa, token


class Phone(SipUa):
    def says(self, lines, body=b"", length=True):
        """These lines as they are."""
        lines = lines + ([f"Content-Length: {len(body)}"] if length else [])
        self.send("\r\n".join(lines + ["", ""]).encode() + body)

    def asks(self, method, uri="sip:b@else.example", **headers):
        """A request with such headers; None: without that one."""
        lines = {"Via": f"SIP/2.0/TLS {self.sent_by};branch=z9hG4bK{token()}", "Max-Forwards": "70",
                 "From": f"<{self.aor}>;tag=1", "To": "<sip:b@else.example>", "Call-ID": token(),
                 "CSeq": f"1 {method}"}
        lines.update({k.replace("_", "-"): v for k, v in headers.items()})
        self.says([f"{method} {uri} SIP/2.0"] + [f"{k}: {v}" for k, v in lines.items() if v is not None])

    def hears(self, seconds=5):
        return self.wait_message(lambda m: m.status >= 200, seconds, "final response")


def passes(phone, core, uri="sip:b@else.example", **headers):
    """It reaches the core, and the answer the phone. Gives what the core saw."""
    phone.asks("MESSAGE", uri, **headers)
    seen = core.get("MESSAGE")
    core.answer(seen, "200 OK")
    check_equal(phone.hears().status, 200, f"MESSAGE {uri} {headers}")
    return seen


def refused(phone, core, status, uri="sip:b@else.example", **headers):
    phone.asks("MESSAGE", uri, **headers)
    answer = phone.hears()
    check_equal(answer.status, status, f"MESSAGE {uri} {headers}")
    core.get_none("MESSAGE")
    return answer


def what_may_go_on(case, phone, core):
    for given, seen in ((None, "70"), ("1", "0"), ("255", "254"), ("070", "69")):
        check_equal(passes(phone, core, Max_Forwards=given).all("Max-Forwards"), [seen], f"Max-Forwards {given}")
    for given, status in (("0", 483), ("256", 400), ("x", 400), ("-1", 400)):
        refused(phone, core, status, Max_Forwards=given)
    answer = refused(phone, core, 420, Proxy_Require="foo, sec-agree,\r\n bar")
    check_equal(answer.get("Unsupported"), "foo, bar", "Unsupported (16.3 item 5)")
    for uri in ("tel:+1-201-555-0123", "tel:7042;phone-context=example.com", "sip:b%40c@else.example", "sips:b@[::1]",
                "urn:service:food", "sip:b@else.example;maddr=127.0.0.1"):
        check_equal(passes(phone, core, uri).start, f"MESSAGE {uri} SIP/2.0", "Request-Line")
    refused(phone, core, 416, "http://else.example/")
    for uri in ("tel:911x", "sip:%zz@x.example", "<sip:b@x.example>", "sip:b@x.example?Route=%3Csip:c%3E", "sip:x:0"):
        refused(phone, core, 400, uri)
    phone.asks("CANCEL")
    check_equal(phone.hears().status, 481, "CANCEL of nothing")
    case.say("hops, extensions, schemes, a CANCEL of nothing")


def forms(case, gateway, phone, core):
    """Compact, folded, several values in a line, spaces where they may stand (7.3)."""
    phone.says(["MESSAGE sip:b@else.example SIP/2.0",
                f"v: SIP / 2.0 / TLS\r\n {phone.sent_by}\r\n ;branch=z9hG4bK{token()}, SIP/2.0/UDP 192.0.2.9;branch=z9",
                "Max-Forwards  :  9", f'f: "A \\" <x>" <{phone.aor}>\r\n\t;\r\n tag =  7', "t:\r\n <sip:b@else.example>",
                f"i: {token()}", "CSeq:  1\r\n  MESSAGE", "k: 100rel,\r\n  path , timer", "s:", "c: text/plain",
                "l: 2"], b"hi", length=False)
    seen = core.get("MESSAGE")
    check_equal((len(seen.all("Via")), seen.all("Max-Forwards"), seen.body), (2, ["8"], b"hi"), "as the core sees it")
    core.answer(seen, "200 OK")
    check_equal(phone.hears().get("Via").count("SIP"), 2, "Vias of the answer")
    other = Phone(gateway.connect_tls(), "bob")
    other.says([f"OPTIONS sip:ims.test SIP/2.0", f"Via: SIP/2.0/TLS {other.sent_by};branch=z9hG4bK1", "Max-Forwards: 1",
                "From: <sip:b@ims.test>;tag=1", "To: <sip:b@ims.test>", "Call-ID: 1", "CSeq: 1 OPTIONS"], length=False)
    check_equal(other.hears().status, 400, "a stream without Content-Length (18.3)")
    try:
        other.pump(time.monotonic() + 5)
    except Failure:
        case.say("compact and folded forms; no Content-Length on a stream: 400 and an end")
        return
    raise Failure("the connection stands")


def cancelling(case, phone, core):
    call = phone.invite("sip:b@else.example")
    invite = core.get("INVITE")
    check_equal(phone.response_to(call.request, final=False).status, 100, "at once (16.2)")
    call.cancel()
    core.get("INVITE")  # again: nobody has answered yet
    core.get_none("CANCEL")  # 9.1: not before a provisional response
    core.answer(invite, "180 Ringing")
    cancel = core.get("CANCEL")
    check_equal(cancel.branch(), invite.branch(), "branch of the CANCEL")
    core.answer(cancel, "200 OK")
    core.answer(invite, "487 Request Terminated")
    core.get("ACK")
    call.wait(487)

    call = phone.invite("sip:b@else.example")  # and one that is answered while its CANCEL is on its way
    invite = core.get("INVITE")
    core.answer(invite, "180 Ringing")
    call.wait(180)
    call.cancel()
    core.answer(core.get("CANCEL"), "481 Call/Transaction Does Not Exist")
    core.accept(invite)
    call.wait(200)
    core.get("ACK")
    phone.send(call.in_dialog("BYE"))
    core.answer(core.get("BYE"), "200 OK")
    phone.hears()
    core.forget()
    case.say("CANCEL waits for a provisional response; a 200 that crosses it counts")


def said_again(case, phone, core):
    """Towards the core over UDP: what is lost is said again, what comes twice counts once (17.1)."""
    call = phone.invite("sip:b@else.example")
    invite = core.get("INVITE")
    check_equal(core.get("INVITE").encode(), invite.encode(), "the INVITE, said again")
    for _ in range(2):
        core.answer(invite, "486 Busy Here")
        check_equal(core.get("ACK").branch(), invite.branch(), "branch of the ACK")
    call.wait(486)
    core.forget()

    user = phone.aor  # and from the core
    request = core.request("INVITE", phone.contact.strip("<>"), user)
    core.send(request)
    core.get(100)
    incoming = phone.expect("INVITE")
    core.send(request)
    core.get(100)
    incoming.ring()
    core.get(180)
    core.send(request)
    core.get(180)
    core.send(core.follow(request, "CANCEL"))
    core.get(200)
    incoming.expect_cancel()
    refusal = core.get(487)
    check_equal(core.get(487).encode(), refusal.encode(), "timer G")
    core.send(core.follow(request, "ACK", refusal.get("To")))
    check(not [m for m in phone.inbox if m.method in ("INVITE", "CANCEL")], "the phone got something twice")
    core.forget()
    case.say("retransmissions, both ways")


def which_response(case, phone, core):
    """16.7 item 6, RFC 5626 11.5."""
    for said, heard in ((503, 500), (430, 480), (401, 401), (407, 407), (603, 603), (302, 302), (408, 408)):
        call = phone.invite("sip:b@else.example")
        core.answer(core.get("INVITE"), f"{said} Said", [("Retry-After", "9")])
        core.get("ACK")
        answer = call.wait(heard)
        check(said != 503 or not answer.get("Retry-After"), "Retry-After of a 503 that was not ours to pass on")
        core.forget()
    case.say("503 becomes 500, 430 becomes 480, the others go on")


def silence(case, phone, core):
    """RFC 4320: what is no INVITE hears 100 once it takes long, no other provisional response, and no 408."""
    asked = phone.message("sip:b@else.example", "x")
    seen = core.get("MESSAGE")
    core.answer(seen, "183 Session Progress")
    answer = phone.response_to(asked, final=False)
    check_equal(answer.status, 100, "provisional response to a MESSAGE")
    core.answer(seen, "408 Request Timeout")
    core.forget()
    passes(phone, core)
    check(not [m for m in phone.inbox if m.get("Call-ID") == asked.get("Call-ID")], "a 408 to a MESSAGE")
    case.say("100 when it takes long, no 183, no 408")


def as_strict(request, routes):
    """The request as a client of RFC 2543 sends it: the first Route is the Request-URI, that stands last."""
    method, target, _ = request.start.split(" ")
    request.start = f"{method} {re.search('<([^>]*)>', routes[0]).group(1)} SIP/2.0"
    request.headers = [h for h in request.headers if h[0] != "Route"] + [("Route", r) for r in routes[1:]]
    request.headers.append(("Route", f"<{target}>"))
    return request


def strict_senders(case, phone, core):
    """16.4, from both sides."""
    call = phone.invite("sip:b@else.example")
    invite = core.get("INVITE")
    core.accept(invite)
    call.wait(200)
    core.get("ACK")
    request = as_strict(call.in_dialog("INFO"), call.route_set)
    phone.send(request)
    seen = core.get("INFO")
    check_equal((seen.start, seen.all("Route")), (f"INFO {call.target} SIP/2.0", []), "a strict phone's INFO")
    core.answer(seen, "200 OK")
    check_equal(phone.hears().status, 200, "INFO")

    back = core.request("BYE", phone.contact.strip("<>"), phone.aor)  # of the same dialog, the other way
    swap = {"From": f"{invite.get('To')};tag={call.peer_tag}", "To": invite.get("From"), "Call-ID": call.call_id}
    back.headers = [(k, swap.get(k, v)) for k, v in back.headers]
    core.send(as_strict(back, invite.routes("Record-Route")))
    bye = phone.expect("BYE")
    check_equal((bye.request.start.split(" ")[1], bye.request.all("Route")), (phone.contact.strip("<>"), []),
                "a strict core's BYE")
    bye.reply(200, "OK")
    core.get(200)
    core.forget()

    message = core.request("MESSAGE", phone.contact.strip("<>"), phone.aor)  # by the Path
    core.send(as_strict(message, [core.paths[phone.aor]]))
    phone.expect("MESSAGE").reply(200, "OK")
    core.get(200)
    case.say("a strict router in front: it is understood")


def strict_next(case, gateway, core):
    """16.6 item 6: a next hop that is strict, in a Service-Route and in a dialog's route set."""
    core.service_route = f"<sip:orig@127.0.0.1:{core.port}>, <sip:second@127.0.0.1:{core.port};lr>"
    phone = Phone(gateway.connect_tls(), "dora")
    phone.register()
    call = phone.invite("sip:b@else.example")
    invite = core.get("INVITE")
    wanted = (f"INVITE sip:orig@127.0.0.1:{core.port} SIP/2.0",
              [f"<sip:second@127.0.0.1:{core.port};lr>", "<sip:b@else.example>"])
    check_equal((invite.start, invite.routes("Route")), wanted, "INVITE by a strict Service-Route")
    strict = f"<sip:strict@127.0.0.1:{core.port}>"
    core.answer(invite, "200 OK", [("Contact", "<sip:callee@192.0.2.1>"), ("Record-Route", strict),
                                   *(("Record-Route", r) for r in invite.all("Record-Route"))])
    call.wait(200)
    for seen in (core.get("ACK"), (phone.send(call.in_dialog("BYE")), core.get("BYE"))[1]):
        check_equal((seen.start.split(" ")[1], seen.routes("Route")), (strict.strip("<>"), ["<sip:callee@192.0.2.1>"]),
                    f"{seen.method} by a strict route set")
    core.answer(seen, "200 OK")
    phone.hears()
    case.say("a strict router behind: it gets what it knows")


def test(case):
    core_port, edge_port = free_ports(2)
    core = ScriptedCore(case, core_port)
    gateway = Gateway(case, {"pcscf": {"core": [f"udp:127.0.0.1:{core_port}"], "reg_event": False, "core_probe": "0s",
                                       "core_address": f"127.0.0.1:{edge_port}"},
                             "sip": {"t1": "100ms", "t2": "400ms"}}, users=())
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge_port}")
    gateway.start()
    phone = Phone(gateway.connect_tls(), "alice")
    phone.register()
    what_may_go_on(case, phone, core)
    forms(case, gateway, phone, core)
    cancelling(case, phone, core)
    said_again(case, phone, core)
    which_response(case, phone, core)
    silence(case, phone, core)
    strict_senders(case, phone, core)
    strict_next(case, gateway, core)
    gateway.stop()


run(test)
