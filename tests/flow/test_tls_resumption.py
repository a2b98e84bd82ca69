#!/usr/bin/python3
"""A phone's ticket opens every door of ours: what one connection was given shortens the next handshake, on any worker,
for SIP and TURN alike whatever ALPN and SNI say, after a restart and after kill -9, in TLS 1.2 and 1.3. Counted."""
import os
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Failure, check, run, wait_for
from lab.gateway import Gateway
from lab.sip_ua import SipUa
from lab.turn_client import TurnClient

VERSIONS = {"-tls1_2": ssl.TLSVersion.TLSv1_2, "-tls1_3": ssl.TLSVersion.TLSv1_3}
WORKERS, TURNS = 3, 8


def speak_sip(s, _):
    SipUa(s, "alice").register()


def speak_turn(s, _):
    TurnClient(s).allocate()


def speak(gateway, context, how, session=None, **more):
    """One connection; the session it leaves behind, and whether it was a short handshake. In TLS 1.3 the ticket comes
    with the first bytes read."""
    with gateway.connect_tls(context=context, session=session, **more) as s:
        how(s, gateway)
        check(s.session is not None and s.session.has_ticket, f"{s.version()}: no ticket")
        return s.session, s.session_reused


def between_sip_and_turn(case, gateway, version):
    """The same client: first SIP, then TURN, then SIP, each with its own ALPN id or none, with SNI or without."""
    context = gateway.tls_context(version=version)
    context.check_hostname = False
    ways = ((speak_sip, ["sip/2"], "gw.ims.test"), (speak_turn, ["stun.turn"], "gw.ims.test"),
            (speak_turn, None, None), (speak_sip, ["sip/2"], "gw.ims.test"), (speak_turn, ["http/1.1"], None),
            (speak_sip, None, "gw.ims.test"))
    session, reused = None, False
    before = gateway.stat("tls_resumptions_total")
    for how, alpn, name in ways:
        context.set_alpn_protocols(alpn or ["unknown"])
        fresh = session is None
        session, reused = speak(gateway, context, how, session, name=name)
        check(reused != fresh, f"{version.name}: {how.__name__} with ALPN {alpn} and SNI {name}: reused is {reused}")
    gateway.wait_stat("tls_resumptions_total", before + len(ways) - 1)
    case.say(f"{version.name}: SIP and TURN resume each other's sessions")


def across_starts(case, gateway, version):
    context = gateway.tls_context(version=version)
    session, _ = speak(gateway, context, speak_sip)
    gateway.stop()
    gateway.start()
    for _ in range(TURNS):
        session, reused = speak(gateway, context, speak_turn, session)
        check(reused, f"{version.name}: a ticket from before the restart was not taken")
    gateway.process.popen.kill()
    gateway.process.wait(10)
    gateway.start()
    for _ in range(TURNS):
        session, reused = speak(gateway, context, speak_sip, session)
        check(reused, f"{version.name}: a ticket from before kill -9 was not taken")
    gateway.wait_stat("tls_resumptions_total", TURNS)
    case.say(f"{version.name}: sessions resume after a restart and after kill -9, on {WORKERS} workers")


def s_client(gateway, flag, *more, until=lambda: True):
    """How it was done: "New, TLSv1.3, ..." or "Reused, ..."."""
    with subprocess.Popen(["openssl", "s_client", "-connect", f"{gateway.address}:{gateway.port}", "-CAfile",
                           gateway.pki.ca, flag, *more], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        process.stdin.write("\r\n\r\n")
        process.stdin.flush()
        wait_for(until, 10, "s_client has its session")
        out = process.communicate(timeout=20)[0]
    return next((line for line in out.splitlines() if line.startswith(("New,", "Reused,"))), out)


def with_s_client(case, gateway):
    """OpenSSL's own client keeps the session in a file, so that it comes to another process, with another SNI and ALPN."""
    for flag in VERSIONS:
        kept = case.path("session" + flag)
        first = s_client(gateway, flag, "-servername", "gw.ims.test", "-alpn", "sip/2", "-sess_out", kept,
                         until=lambda path=kept: os.path.exists(path) and os.path.getsize(path))
        check(first.startswith("New,"), f"{flag}: {first}")
        for more in (["-servername", "gw.ims.test", "-alpn", "stun.turn"], ["-noservername"]):
            again = s_client(gateway, flag, "-sess_in", kept, *more)
            check(again.startswith("Reused,"), f"{flag} {more}: {again}")
    case.say("openssl s_client: sess_out of SIP, sess_in for TURN and without a name")


def without_tickets(case, gateway):
    gateway.settings["tls"]["tickets"] = False
    gateway.write_config()
    gateway.ctl("reload")
    for version in VERSIONS.values():
        context = gateway.tls_context(version=version)
        with gateway.connect_tls(context=context) as s:
            SipUa(s, "alice").register()
            session = s.session
        if session is None or not session.has_ticket:
            continue
        raise Failure(f"{version.name}: a ticket though tls.tickets is off")
    case.say("tls.tickets = false: none is given out")


def test(case):
    gateway = Gateway(case, threads=WORKERS).start()
    for version in VERSIONS.values():
        between_sip_and_turn(case, gateway, version)
        across_starts(case, gateway, version)
    with_s_client(case, gateway)
    without_tickets(case, gateway)
    gateway.check_alive()
    gateway.stop()


run(test)
