#!/usr/bin/python3
"""A real IMS core behind the edge: HSS, S-CSCF and I-CSCF of Debian's Kamailio, with Cx between them. Phones over TLS
register (UAR, MAR, SAR), call, write, watch their own registration; the edge watches it too (RFC 3680), and ends what
the network has ended. sallyport-ue proves the rest of the way with media."""
import os
import re
import socket
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import PASSWORD, program
from lab.ims_core import ImsCore
from lab.sip_ua import SipUa, cancel, hang_up, talk, write_to


def watch_registration(ua):
    """The phone's own subscription to its registration: an ordinary request to the edge. Gives the NOTIFY's body."""
    request = ua.request("SUBSCRIBE", ua.aor, routes=ua.service_route, extra=[
        ("Event", "reg"), ("Accept", "application/reginfo+xml"), ("Expires", "600"), ("Contact", ua.contact),
        ("P-Preferred-Identity", f"<{ua.aor}>")])
    ua.send(request)
    answer = ua.response_to(request)
    check_equal(answer.status, 200, f"{ua.user}: SUBSCRIBE to its own registration: {answer.start}")
    notify = ua.expect("NOTIFY")
    notify.reply(200, "OK")
    check_equal(notify.request.get("Event"), "reg", "Event of the NOTIFY to the phone")
    return notify.request.body.decode()


def wait_closed(ua, seconds=10):
    """The gateway closes the connection, in order."""
    ua.socket.settimeout(seconds)
    try:
        check(not ua.socket.recv(4096), f"{ua.user}: more came on a connection that should be closed")
    except (ssl.SSLError, ConnectionResetError) as e:
        check(False, f"{ua.user}: the connection was not closed in order: {e}")
    except (TimeoutError, socket.timeout):
        check(False, f"{ua.user}: the connection is still open after {seconds} s")


def registrations(gateway):
    """What the operator sees: {address of record: reg-event state}."""
    out = gateway.ctl("registrations").stdout
    return dict(re.findall(r"^(sip:\S+) .* (\w+)$", out, re.M)), out


def register(core, gateway, names):
    phones = [SipUa(gateway.connect_tls(), name) for name in names]
    for ua in phones:
        ua.register()
        check(any("sip:orig@" in r for r in ua.service_route), f"no Service-Route: {ua.service_route}")
        check_equal(ua.associated, [f"<sip:{ua.user}@ims.test>", f"<sip:{ua.user}.office@ims.test>"],
                    "P-Associated-URI")
        for command in ("UAR", "MAR", "SAR"):
            check(core.cx(command, ua.user), f"the HSS never got {command} for {ua.user}")
    gateway.wait_stat("sip_reg_event_subscriptions", len(phones))
    return phones


def test(case):
    core = ImsCore(case).start()
    gateway = core.gateway().start()
    SipUa(gateway.connect_tls(), "alice", "wrong").register(good=(401, 403))
    alice, bob = register(core, gateway, ("alice", "bob"))
    seen, shown = registrations(gateway)
    check_equal(seen, {alice.aor: "active", bob.aor: "active"}, f"sallyportctl registrations:\n{shown}")
    case.say("registered with Cx; the edge watches both at the S-CSCF")

    for one, other in ((alice, bob), (bob, alice)):
        out, incoming = talk(one, other)
        check(one.aor in incoming.request.get("P-Asserted-Identity"), "no P-Asserted-Identity")
        hang_up(out, incoming)
        write_to(one, other, "hello " + other.user)
    cancel(alice, bob)
    out, incoming = talk(alice, bob, "sip:bob.office@ims.test")
    hang_up(out, incoming)
    alice.invite("sip:nobody@ims.test").wait(404)
    case.say("INVITE, CANCEL and MESSAGE both ways, bob by his other identity too, nobody is 404")

    core.deregister(alice.aor)
    wait_closed(alice)
    check_equal(gateway.stat("sip_revoked_total"), 1, "registrations that the network has ended")
    check_equal(gateway.stat("sip_registered"), 1, "registrations left")
    check("sip.revoked" in gateway.process.output(), "no log line says that the network ended it")
    case.say("dereg_impu at the S-CSCF: ended at the edge, the connection closed")

    alice, = register(core, gateway, ("alice",))
    write_to(bob, alice, "welcome back")
    case.say("registered again")
    alice.register(expires=0)
    bob.register(expires=0)
    wait_for(lambda: gateway.stat("sip_registered") == 0, 5, "nobody is registered any more")
    bob.close()
    alice.close()

    # last of all: from then on this S-CSCF (5.6.3) locks itself up when it ends that registration
    carol, = register(core, gateway, ("carol",))
    check('state="active"' in watch_registration(carol), "the phone's own NOTIFY does not say active")
    case.say("the phone's own reg-event subscription passes through")

    passwords = [case.write(f"{name}.password", PASSWORD + "\n") for name in ("alice", "bob")]
    done = case.run([program("sallyport-ue"), "prove", "--server", f"gw.ims.test:{gateway.port}", "--connect",
                     f"127.0.0.1:{gateway.port}", "--ca", gateway.pki.ca, "--domain", "ims.test", "--user", "alice",
                     "--password-file", passwords[0], "--peer", "bob", "--peer-password-file", passwords[1],
                     "--seconds", "2"], seconds=60)
    check_equal(done.returncode, 0, f"sallyport-ue prove:\n{done.stdout}")
    case.say("sallyport-ue: registered, called, talked through its relays")
    core.running()
    gateway.check_alive()
    gateway.stop()


run(test)
