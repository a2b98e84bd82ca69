#!/usr/bin/python3
"""sipp on both sides: as the core over UDP (pcscf.core names it) and as phones over TLS by stunnel. Register with
Path and Service-Route, calls both ways, CANCEL, failure responses, MESSAGE both ways."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import sipp
from lab.case import need, run
from lab.gateway import Gateway, free_ports
from lab.sipp import SDP, Scenario, Sipp


def start_line(method, uri, cseq, to="<sip:bob@ims.test>", more="", call="", branch="[branch]"):
    """A request of the phone, up to its last header."""
    contact = "Contact: <sip:alice@[local_ip]:[local_port];transport=tls>\n" if method in ("REGISTER", "INVITE") else ""
    return f"""{method} {uri} SIP/2.0
Via: SIP/2.0/TLS [local_ip]:[local_port];branch={branch};rport
Max-Forwards: 70
From: <sip:alice@ims.test>;tag=phone[call_number]
To: {to}
Call-ID: {call}[call_id]
CSeq: {cseq} {method}
{contact}{more}"""


def phone(name):
    """A phone that has registered: everything else happens on that connection."""
    s = Scenario("phone-" + name)
    s.send(start_line("REGISTER", "sip:ims.test", 1, "<sip:alice@ims.test>", "Supported: path\nExpires: 600\n",
                      "register///"))
    # The phone learns the way to the core (RFC 3608)
    return s.expect("200", headers={"Service-Route": "sip:orig@127.0.0.1:[0-9]+;lr"})


def core(name):
    """The core's side of that registration: it sees Path and P-Visited-Network-ID, and answers as an S-CSCF."""
    s = Scenario("core-" + name)
    s.expect("REGISTER", headers={"Path": "<sip:[^@]+@[^>]*;lr", "Require": "path", "Via": "SIP/2.0/UDP"},
             keep={"path": ("Path", "<[^>]*>"), "contact": ("Contact", "sip:[^>]*")})
    return s.reply(200, "OK", """Path: [$path]
Contact: <[$contact]>;expires=600
Service-Route: <sip:orig@[local_ip]:[local_port];lr>
P-Associated-URI: <sip:alice@ims.test>
""")


ROUTE = "Route: <sip:orig@CORE;lr>\n"
OWN_INVITE = dict(headers={"Route": "sip:orig@", "P-Asserted-Identity": "sip:alice@ims.test",
                           "Record-Route": "<sip:[^@]+@[^>]*;lr"}, route=True)


def to_phone(s, method):
    """A request of the core to the phone: its contact, by the Path it registered with."""
    contact = "Contact: <sip:bob@[local_ip]:[local_port]>\n" if method == "INVITE" else ""
    return s.send(f"""{method} [$contact] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
Route: [$path]
From: <sip:bob@ims.test>;tag=core[call_number]
To: <sip:alice@ims.test>
Call-ID: [call_id]
CSeq: 7 {method}
{contact}""", SDP if method == "INVITE" else "hello phone")


def outgoing(route):
    """name -> (phone's steps, core's steps): calls the phone makes."""
    invite = start_line("INVITE", "sip:bob@ims.test", 2, more=route)

    def begin(name):
        p = phone(name).send(invite, SDP)
        c = core(name).expect("INVITE", **OWN_INVITE)
        return p, c
    p, c = begin("calls")
    p.expect("100", optional=True).expect("180").expect("200", route=True)
    p.send(start_line("ACK", "[next_url]", 2, "<sip:bob@ims.test>[peer_tag_param]", "[routes]\n"))
    p.send(start_line("BYE", "[next_url]", 3, "<sip:bob@ims.test>[peer_tag_param]", "[routes]\n")).expect("200")
    c.reply(180, "Ringing").reply(200, "OK", "Contact: <sip:bob@[local_ip]:[local_port]>\n", SDP).expect("ACK")
    c.expect("BYE", absent=["Route"]).reply(200, "OK", to_tag="")
    yield p, c

    p, c = begin("cancels")
    p.expect("100", optional=True).expect("180")
    p.send(start_line("CANCEL", "sip:bob@ims.test", 2, branch="[branch-3]", more=route)).expect("200").expect("487")
    p.send(start_line("ACK", "sip:bob@ims.test", 2, "<sip:bob@ims.test>[peer_tag_param]", route, branch="[branch-6]"))
    c.reply(180, "Ringing").expect("CANCEL").reply(200, "OK")
    c.send("""SIP/2.0 487 Request Terminated
[last_Via:]
[last_From:]
[last_To:];tag=core[call_number]
[last_Call-ID:]
CSeq: 2 INVITE
""").expect("ACK")
    yield p, c

    # RFC 3261 16.7 step 6: a 503 is not passed on, it becomes a 500
    for name, sent, seen in (("busy", 486, "486"), ("unavailable", 503, "500"), ("declined", 603, "603")):
        p, c = begin(name)
        p.expect("100", optional=True).expect(seen)
        p.send(start_line("ACK", "sip:bob@ims.test", 2, "<sip:bob@ims.test>[peer_tag_param]", route,
                          branch="[branch-3]"))
        c.reply(sent, "No").expect("ACK")
        yield p, c

    p = phone("writes").send(start_line("MESSAGE", "sip:bob@ims.test", 2, more=route), "hello core")
    p.expect("202")
    c = core("writes").expect("MESSAGE", headers={"P-Asserted-Identity": "sip:alice@ims.test", "Route": "sip:orig@"})
    yield p, c.reply(202, "Accepted")


def incoming():
    """Calls that the core makes to the phone, by Path, over the phone's own connection."""
    p = phone("is-called").expect("INVITE", headers={"Record-Route": "transport=tls"}, absent=["Route"], route=True)
    p.reply(180, "Ringing", to_tag=";tag=called")
    p.reply(200, "OK", "Contact: <sip:alice@[local_ip]:[local_port];transport=tls>\n", SDP, to_tag=";tag=called")
    p.expect("ACK").expect("BYE").reply(200, "OK", to_tag="")
    c = to_phone(core("is-called"), "INVITE").expect("100", optional=True).expect("180")
    c.expect("200", route=True)
    for method, cseq in (("ACK", 7), ("BYE", 8)):
        c.send(f"""{method} [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
[routes]
From: <sip:bob@ims.test>;tag=core[call_number]
To: <sip:alice@ims.test>[peer_tag_param]
Call-ID: [call_id]
CSeq: {cseq} {method}
""")
    yield p, c.expect("200")

    p = phone("is-written-to").expect("MESSAGE").reply(200, "OK", to_tag=";tag=called")
    c = to_phone(core("is-written-to"), "MESSAGE").expect("200")
    yield p, c


def test(case):
    need("sipp", "stunnel")
    core_port, edge_port = free_ports(2)
    gateway = Gateway(case, {"pcscf": {"core": f"udp:127.0.0.1:{core_port}", "core_probe": "0s", "reg_event": False}})
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge_port}")
    gateway.start()
    tunnel = sipp.tunnel(case, gateway, None, port=free_ports(1)[0])
    route = ROUTE.replace("CORE", f"127.0.0.1:{core_port}")
    for p, c in [*outgoing(route), *incoming()]:
        core_side = Sipp(case, c, local="127.0.0.1", port=core_port, transport="u1", seconds=15)
        phone_side = Sipp(case, p, tunnel, local="127.0.0.1", transport="t1", seconds=15)
        phone_side.done()
        core_side.done()
        case.say(p.name)
    gateway.check_alive()
    gateway.stop()


run(test)
