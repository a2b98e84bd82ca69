#!/usr/bin/python3
"""openssl s_client and curl: a handshake without SNI and ALPN works, either certificate is had by its cipher,
TLS 1.0 and 1.1 get the proper alert, and a browser gets the landing page on the same port while a call runs."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, need, run
from lab.gateway import Gateway
from lab.sip_ua import SipUa, hang_up, talk


def s_client(case, gateway, *options, send="", seconds=15):
    return case.run(["openssl", "s_client", "-connect", f"{gateway.address}:{gateway.port}", "-noservername",
                     "-CAfile", gateway.pki.ca, "-verify_return_error", "-ign_eof", *options], input=send,
                    seconds=seconds)


def handshakes(case, gateway):
    page = "GET / HTTP/1.1\r\nHost: gw.ims.test\r\nConnection: close\r\n\r\n"
    for options, wanted in (
            (["-tls1_3"], ["New, TLSv1.3", "Server Temp Key: X25519"]),
            (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], ["New, TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"]),
            (["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], ["New, TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"])):
        done = s_client(case, gateway, *options, send=page)
        for text in [*wanted, "Verify return code: 0 (ok)", "No ALPN negotiated", "HTTP/1.1 200"]:
            check(text in done.stdout, f"s_client {' '.join(options)}: no {text!r} in\n{done.stdout[-3000:]}")
    for alpn, wanted in (("http/1.1,stun.turn,stun.nat-discovery", "ALPN protocol: "), ("h2", "No ALPN negotiated")):
        done = s_client(case, gateway, "-alpn", alpn, send=page)
        check(wanted in done.stdout and "HTTP/1.1 200" in done.stdout, f"ALPN {alpn}:\n{done.stdout[-3000:]}")
    case.say("TLS 1.3 and 1.2, ECDSA and RSA, no SNI, with and without ALPN: served")


def old_versions(case, gateway):
    """RFC 8996, RFC 8446 6.2: protocol_version is alert 70."""
    before = gateway.closes("handshake")
    for version in ("-tls1", "-tls1_1"):
        done = s_client(case, gateway, version, "-cipher", "DEFAULT@SECLEVEL=0")
        check("alert protocol version" in done.stdout and "alert number 70" in done.stdout,
              f"s_client {version}:\n{done.stdout[-2000:]}")
    gateway.wait_stat("closes_total", before + 2, 'reason="handshake"')
    case.say("TLS 1.0 and 1.1: alert 70, counted")


def landing_page(case, gateway):
    done = case.run(["curl", "-sS", "-i", "--noproxy", "*", "--cacert", gateway.pki.ca, "--resolve",
                     f"gw.ims.test:{gateway.port}:{gateway.address}", f"https://gw.ims.test:{gateway.port}/"])
    check_equal(done.returncode, 0, f"curl: {done.stdout[-500:]}; exit code")
    check(done.stdout.startswith("HTTP/1.1 200") and "<html" in done.stdout.lower(), done.stdout[:500])
    check("sallyport" not in done.stdout.lower(), "the landing page names the program")


def test(case):
    need("openssl", "curl")
    gateway = Gateway(case).start()
    alice, bob = (SipUa(gateway.connect_tls(), user) for user in ("alice", "bob"))
    for ua in (alice, bob):
        ua.register()
    call = talk(alice, bob)
    handshakes(case, gateway)
    old_versions(case, gateway)
    for _ in range(5):
        landing_page(case, gateway)
    case.say("curl got the landing page while a call stood")
    for ua in (alice, bob):
        ua.ping()
    hang_up(*call)
    gateway.stop()


run(test)
