#!/usr/bin/python3
"""TLS at the door: resumption across workers, a new certificate without dropping a connection, a bad one refused
while the old stays in use."""
import os
import shutil
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway
from lab.sip_ua import SipUa, hang_up, talk
from lab.turn_client import TurnClient


def resumption(case, gateway):
    """Tickets are shared by all workers, so whichever of them accepts, the handshake is short."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = gateway.tls_context(version=version)
        with gateway.connect_tls(context=context) as s:
            TurnClient(s).binding()  # TLS 1.3: the ticket comes with the first bytes read
            session = s.session
        check(session is not None and session.has_ticket, f"{version.name}: no ticket")
        before, reused = gateway.stat("tls_resumptions_total"), 0
        for _ in range(16):
            with gateway.connect_tls(context=context, session=session) as s:
                TurnClient(s).binding()
                reused += s.session_reused
                session = s.session
        check_equal(reused, 16, f"{version.name}: resumed handshakes")
        gateway.wait_stat("tls_resumptions_total", before + 16)
    case.say("sessions resume, TLS 1.2 and 1.3, on any worker")


def serial_of(gateway, cipher="ECDHE-ECDSA-AES128-GCM-SHA256"):
    context = gateway.tls_context(version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(cipher)
    with gateway.connect_tls(context=context) as s:
        return s.getpeercert()["serialNumber"]


def test(case):
    gateway = Gateway(case, threads=3).start()
    resumption(case, gateway)

    alice, bob = (SipUa(gateway.connect_tls(), user) for user in ("alice", "bob"))
    for ua in (alice, bob):
        ua.register()
    call = talk(alice, bob)
    relay = TurnClient(gateway.connect_tls())
    relay.allocate()

    old = serial_of(gateway)
    for (certificate, key), kind in zip(gateway.certificates, ("ecdsa", "rsa")):
        new_certificate, new_key = gateway.pki.issue(kind, "new-" + kind)
        shutil.copy(new_certificate, certificate)
        shutil.copy(new_key, key)
    gateway.ctl("reload")
    wait_for(lambda: all(serial_of(gateway) != old for _ in range(12)), 5, "every worker has the new certificate")
    for ua in (alice, bob):
        ua.ping()
    relay.refresh(600)
    case.say("a new certificate for new handshakes; the call, the phones and the relay stood")

    new = serial_of(gateway)
    with open(gateway.certificates[0][0], "w", encoding="ascii") as f:
        f.write("-----BEGIN CERTIFICATE-----\nnothing of the kind\n-----END CERTIFICATE-----\n")
    refused = gateway.ctl("reload", good=None)
    check(refused.returncode != 0, "reload of a broken certificate was reported as done")
    check_equal(serial_of(gateway), new, "certificate in use after a refused reload")
    case.say("a broken certificate: " + (refused.stderr or refused.stdout).strip().splitlines()[0])
    hang_up(*call)
    gateway.check_alive()
    gateway.stop()


run(test)
