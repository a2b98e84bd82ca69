#!/usr/bin/python3
"""Why did this call, this registration, this allocation fail? Each failure leaves one line in the log (at the level
that is preset) that names whose it was and why, and no line ever has a secret in it."""
import base64
import hashlib
import hmac
import os
import re
import ssl
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Failure, check, run, wait_for
from lab.gateway import PASSWORD, Gateway, free_ports
from lab.sip_ua import SipUa, talk
from lab.stub_core import StubCore
from lab.turn_client import ALLOCATE, IPV6, REQUESTED_FAMILY, REQUESTED_TRANSPORT, UDP_PROTOCOL, TurnClient

SECRET = "a-secret-of-the-web-application"


class Log:
    """What the daemon has said since the last look. `secrets`: what must never be in it."""

    def __init__(self, case, gateway):
        self.case, self.gateway, self.seen, self.secrets = case, gateway, 0, {PASSWORD + "-wrong", SECRET}

    def expect(self, what, pattern):
        def there():
            return re.search(pattern, self.gateway.process.output()[self.seen:])
        try:
            wait_for(there, 5, "")
        except Failure:
            raise Failure(f"{what}: no line like {pattern!r} in\n{self.gateway.process.output()[self.seen:]}") from None
        self.seen = len(self.gateway.process.output())

    def check_secrets(self):
        text = self.gateway.process.output()
        for secret in self.secrets:
            check(secret not in text, f"{secret!r} is in the log")
        check(not re.search(r"nonce=|response=|cnonce=", text), "credentials are in the log")


def rest_user(expires, name="carol"):
    """The user name and password that a shared secret vouches for."""
    user = f"{expires}:{name}"
    mac = hmac.new(SECRET.encode(), user.encode(), hashlib.sha1).digest()
    return {"user": user, "password": base64.b64encode(mac).decode()}


def fails(action, *args, **kwargs):
    """It is refused: every way in which that shows is good enough, the log is what counts."""
    try:
        action(*args, **kwargs)
    except Exception:
        return
    raise Failure(f"{action} went well")


def ask(ua, request):
    """Sends a request (or bytes) and waits for whatever answer comes."""
    ua.send(request)
    return ua.wait_message(lambda m: m.status >= 200, 5, "answer")


def registrations(gateway, log):
    wrong = SipUa(gateway.connect_tls(), "alice", PASSWORD + "-wrong")
    fails(wrong.register)
    log.expect("wrong password", rf"registrar.auth_failed call_id={wrong.registration['call_id']} aor=sip:alice@ims.test"
               ' because="wrong password')
    fails(SipUa(gateway.connect_tls(), "zoe").register)
    log.expect("unknown user", 'registrar.auth_failed .*aor=sip:zoe@ims.test because="no such user')
    fails(SipUa(gateway.connect_tls(), "alice", domain="other.test").register)
    log.expect("unknown domain", 'registrar.refused .*aor=sip:alice@other.test status=404 because=".*registrar.domains')
    fails(SipUa(gateway.connect_tls(), "alice").register, expires=1)
    log.expect("too brief", 'registrar.refused .*status=423 because=".*registrar.min_expires')
    stranger = SipUa(gateway.connect_tls(), "alice")
    fails(stranger.invite("sip:bob@ims.test").wait, 200)
    log.expect("not registered", r'sip.refused_stranger .*method=INVITE .*peer=127\.\S+ status=403 because="nobody is reg')


def calls(gateway, log):
    alice = SipUa(gateway.connect_tls(), "alice")
    alice.register()
    for uri, because in (("sip:bob@ims.test", "registered nowhere"), ("sip:zoe@ims.test", "no such user")):
        call = alice.invite(uri)
        fails(call.wait, 200)
        log.expect(uri, rf'registrar.not_routed call_id={call.call_id} .*uri={uri} .*because=".*{because}')
    fails(alice.invite("urn:service:sos").wait, 200)
    log.expect("emergency", 'sip.emergency_elsewhere call_id=.* because="no emergency.ecscf')
    options = alice.request("OPTIONS", "sip:bob@ims.test")
    ask(alice, options.encode().replace(b"CSeq: 1", b"CSeq: x"))
    log.expect("malformed", rf'sip.malformed call_id={options.get("Call-ID")} .*status=400 because="Malformed CSeq')
    ask(alice, alice.request("BYE", "sip:bob@ims.test", to_tag="x", routes=["<sip:elsewhere.example;lr>"]))
    log.expect("a Route of its own", "sip.refused .*method=BYE aor=sip:alice@ims.test .*status=403 because=\"its Route")
    ask(alice, alice.request("OPTIONS", "sip:bob@ims.test", extra=[("Proxy-Require", "teleport")]))
    log.expect("unknown extension", "sip.refused .*status=420 because=\"Proxy-Require")
    large = SipUa(gateway.connect_tls(), "alice")
    ask(large, large.request("MESSAGE", "sip:bob@ims.test", body="x" * 70000))
    log.expect("too large", "sip.malformed .*method=MESSAGE .*status=513 .*\n.* conn.closed .*reason=too_big")
    bob = SipUa(gateway.connect_tls(), "bob")
    bob.register()
    call, _ = talk(alice, bob)
    bob.close()
    log.expect("flow lost", rf'sip.call_ended call_id={call.call_id} aor=sip:bob@ims.test .*by=edge why="the phone\'s conn')


def relays(gateway, log):
    def client(**who):
        return TurnClient(gateway.connect_tls(), **who)
    fails(client(password=PASSWORD + "-wrong").allocate)
    log.expect("wrong password", 'turn.auth_failed user=alice realm=ims.test .*because="wrong password"')
    fails(client(user="zoe").allocate)
    log.expect("unknown user", 'turn.auth_failed user=zoe .*because="no such user')
    late = rest_user(int(time.time()) - 100)
    log.secrets.add(late["password"])
    fails(client(**late).allocate)
    log.expect("expired", 'turn.auth_failed .*because="the time in the name is over')
    foreign = client()
    foreign.realm, foreign.nonce = b"other.test", b"n" * 30
    check(foreign.exchange(ALLOCATE, [(REQUESTED_TRANSPORT, UDP_PROTOCOL)], True).error(), "a foreign realm was taken")
    log.expect("realm", 'turn.auth_failed .*realm=other.test .*because="the client\'s realm')
    bobs = [client(user="bob") for _ in range(3)]
    bobs[0].allocate()
    log.expect("allocated", r"turn.allocated user=bob client=\S+ relayed=127.0.0.1:\d+ transport=UDP")
    bobs[1].allocate()
    fails(bobs[2].allocate)
    log.expect("quota", 'turn.refused user=bob .*method=Allocate code=486 because="the user holds turn.user_allocations')
    fails(bobs[0].permission, "10.0.0.1")
    log.expect("denied peer", r'turn.peer_denied user=bob .*peer=10\.0\.0\.1\S* because=')
    fails(bobs[0].allocate)
    log.expect("twice", 'turn.refused user=bob .*code=437 because="the client has an allocation')
    fails(client(user="alice").permission, "192.0.2.1")
    log.expect("none", 'turn.refused user=alice .*method=CreatePermission code=437 because="no allocation')
    fails(client(user="alice").allocate, extra=[(REQUESTED_FAMILY, IPV6)])
    log.expect("family", 'turn.refused user=alice .*code=440 because=".*turn.relay_addresses')
    bobs[0].send(("192.0.2.1", 9), b"nobody let it")
    wait_for(lambda: re.search(r"(?m)^bob .* 1/0$", gateway.ctl("allocations").stdout), 5,
             "sallyportctl allocations shows what had no permission")
    bobs[0].refresh(0)
    log.expect("deleted", 'turn.ended user=bob .*because="the client deleted it" .*to_peer_without_permission=1')
    gateway.settings["turn"]["require_registration"] = True
    gateway.write_config()
    gateway.ctl("reload")
    fails(client(**rest_user(int(time.time()) + 100, "dave")).allocate)
    log.expect("not registered", 'turn.refused user=dave .*code=403 because=".*turn.require_registration')


def door(gateway, log):
    fails(gateway.connect_tls, context=ssl.create_default_context())
    log.expect("wrong CA", r'tls.certificate_refused peer=\S+ why=".*unknown ca" hint=')
    old = gateway.tls_context(version=ssl.TLSVersion.TLSv1_2)
    old.set_ciphers("AES128-SHA")
    fails(gateway.connect_tls, context=old)
    log.expect("old cipher", r'tls.failed peer=\S+ why="no shared cipher')


def core(case):
    port, edge = free_ports(2)
    gateway = Gateway(case, {"log": {"level": "info"},
                             "pcscf": {"core": [f"udp:127.0.0.1:{port}"], "core_probe": "500ms", "reg_event": False}},
                      name="edge")
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge}")
    stub = StubCore(case, "core", "udp", port)
    gateway.start()
    log = Log(case, gateway)
    log.expect("core up", "sip.next_hop_up hop=0 transport=UDP")
    alice, bob = (SipUa(gateway.connect_tls(), user) for user in ("alice", "bob"))
    alice.register()
    stub.refuses.update({"REGISTER": ("403 Not Today",), "INVITE": ("404 Not Found",), "MESSAGE": ("415 Not This",)})
    fails(bob.register)
    log.expect("refused", 'sip.register_refused call_id=.*aor=sip:bob@.*status=403 by=network why="Not Today"')
    fails(alice.invite("sip:zoe@ims.test").wait, 200)
    log.expect("refused", "sip.call_failed call_id=.*uri=sip:zoe@ims.test status=404 by=network")
    alice.response_to(alice.message("sip:zoe@ims.test", "hello"))
    log.expect("refused", "sip.request_failed call_id=.*method=MESSAGE .*status=415 by=network")
    stub.close()
    log.expect("core down", "sip.next_hop_down hop=0 .*why=")
    wait_for(lambda: gateway.stat("sip_next_hop_up", 'hop="0"') == 0, 10, "both workers know")
    for _ in range(2):  # one request a second tries all the same
        alice.invite("sip:zoe@ims.test")
    log.expect("no core", 'sip.call_failed .*status=503 by=edge why="no next hop .*sallyportctl core')
    for _ in range(2):
        bob.send(bob.request("REGISTER", "sip:ims.test", to=bob.aor, extra=[("Contact", bob.contact)]))
    log.expect("no core", 'sip.refused_stranger .*method=REGISTER .*status=503 because="no next hop')
    log.check_secrets()
    gateway.stop()
    case.say("what the core refuses, and that it is down, is said of each request")


def test(case):
    gateway = Gateway(case, {"log": {"level": "info"}, "pcscf": {"flow_grace": "500ms"},
                             "turn": {"user_allocations": 2, "shared_secrets": [f"ims.test:{SECRET}"]}}).start()
    log = Log(case, gateway)
    for part in (registrations, calls, relays, door):
        part(gateway, log)
        case.say(f"{part.__name__}: each failure is in the log, with whose it was and why")
    log.check_secrets()
    gateway.stop()
    core(case)


run(test)
