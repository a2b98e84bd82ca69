#!/usr/bin/python3
"""Bad input through the door: each kind gets the answer its standard names or a counted close, memory stays flat
over many rounds, and a call that stands beside it does not notice."""
import os
import re
import socket
import ssl
import struct
import sys
import time
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import turn_client
from lab.case import Failure, check, run
from lab.gateway import Gateway
from lab.sip_ua import SipUa, hang_up, talk
from lab.turn_client import COOKIE

WARM_UP, ROUNDS, GROWTH_KIB = 8, 24, 8 * 1024
MEGABYTES_10 = 10 * 1024 * 1024
PLAIN, HANDSHAKE = {"plain"}, {"handshake", "plain"}
REFUSED = {"protocol", "too_big", "module"}  # by the door itself or by the protocol behind it
PEER = {"peer", "reset"}
NOISE = bytes((i * 197 + 61) % 251 for i in range(2000))  # bytes of no protocol, the same in every run
TRANSACTION = b"sallyporttst"


def sip(method="OPTIONS", version="SIP/2.0", more="", length="Content-Length: 0\r\n", body="", via=True):
    head = f"{method} sip:ims.test {version}\r\n"
    if via:
        head += "Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKbad\r\n"
    head += (f"Max-Forwards: 70\r\nFrom: <sip:x@ims.test>;tag=1\r\nTo: <sip:ims.test>\r\nCall-ID: bad\r\n"
             f"CSeq: 1 {method}\r\n{more}{length}\r\n")
    return (head + body).encode()


def stun(kind=turn_client.BINDING, body=b"", length=None):
    return struct.pack("!HHI", kind, len(body) if length is None else length, COOKIE) + TRANSACTION + body


ATTRIBUTE_TOO_LONG = stun(body=struct.pack("!HH", turn_client.SOFTWARE, 400) + b"four")
UNKNOWN_REQUIRED = stun(body=struct.pack("!HH", 0x7777, 4) + b"what")

# name, over TLS?, bytes, answer (pattern; None: not looked at; b"": none), close reasons (None: it stays open)
CASES = [
    ("noise instead of TLS", False, NOISE, None, HANDSHAKE),
    ("plain HTTP on the TLS port", False, b"GET / HTTP/1.1\r\nHost: gw.ims.test\r\n\r\n", None, PLAIN),
    ("plain SIP on the TLS port", False, sip(), None, PLAIN),
    ("plain STUN on the TLS port", False, stun(), None, PLAIN),
    # RFC 8446 6: a fatal alert says that the handshake is over (content type 21)
    ("a TLS record full of noise", False, b"\x16\x03\x01\x02\x00" + NOISE[:512], b"\x15\x03", HANDSHAKE),
    ("a TLS record longer than may be", False, b"\x16\x03\x01\xff\xff" + NOISE, b"\x15\x03", HANDSHAKE),
    ("an alert as the first record", False, b"\x15\x03\x01\x00\x02\x02\x28", None, HANDSHAKE | PEER),
    ("noise inside TLS", True, NOISE, b"", {"unknown"}),
    ("a zero byte flood inside TLS", True, b"\0" * 5000, b"", {"unknown"}),
    # SIP: RFC 3261 21.4.1 (400), 21.5.6 (505), 21.5.7 (513), 21.4.22 (483), 18.3 (framing on streams)
    ("SIP of another version", True, sip(version="SIP/9.9"), rb"SIP/2.0 505 ", None),
    ("SIP without Via", True, sip(via=False), None, "either"),
    ("SIP without CSeq and From", True, b"OPTIONS sip:ims.test SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKx"
     b"\r\nCall-ID: x\r\nTo: <sip:ims.test>\r\nContent-Length: 0\r\n\r\n", rb"SIP/2.0 400 ", "either"),
    ("Content-Length: -5", True, sip(length="Content-Length: -5\r\n"), rb"SIP/2.0 400 ", REFUSED),
    ("Content-Length: 99999999999999999999", True, sip(length="Content-Length: 99999999999999999999\r\n"),
     rb"SIP/2.0 (400|513) ", REFUSED),
    ("two Content-Lengths that differ", True, sip(length="Content-Length: 0\r\nContent-Length: 7\r\n"),
     rb"SIP/2.0 400 ", REFUSED),
    ("a Content-Length that is too small", True,
     sip("MESSAGE", length="Content-Length: 2\r\n", body="hi and what follows is no SIP\r\n" + "x" * 3000 + "\r\n\r\n"),
     rb"SIP/2.0 [4-6]", "either"),
    ("a message that announces 10 MB", True, sip("MESSAGE", length=f"Content-Length: {MEGABYTES_10}\r\n"),
     rb"SIP/2.0 513 ", REFUSED),
    ("a message of 10 MB", True, sip("MESSAGE", length=f"Content-Length: {MEGABYTES_10}\r\n", body="x" * MEGABYTES_10),
     None, REFUSED | PEER),
    ("a head of 10 MB", True, b"OPTIONS sip:ims.test SIP/2.0\r\nSubject: " + b"x" * MEGABYTES_10, None, REFUSED | PEER),
    ("a flood of headers", True, sip(more="X: y\r\n" * 2000), rb"SIP/2.0 (400|513) ", "either"),
    ("a flood of headers without end", True, sip()[:-21] + b"X: y\r\n" * 100000, None, REFUSED | PEER),
    ("a first line without end", True, b"OPTIONS sip:" + b"a" * 20000, None, {"unknown", "too_big"}),
    # STUN: RFC 8489 6.3.1 (unknown required: 420), 6.3 (what is malformed is discarded, or 400 for a request)
    ("a STUN attribute that is longer than its message", True, ATTRIBUTE_TOO_LONG, None, "either"),
    ("a STUN length that is no multiple of four", True, stun(body=b"abc"), None, {"protocol", "unknown"}),
    ("a STUN attribute nobody knows", True, UNKNOWN_REQUIRED, b"\x01\x11", None),
    ("an Allocate without credentials", True, stun(turn_client.ALLOCATE), b"\x01\x13", None),
    ("ChannelData on no channel", True, stun() + b"\x40\x01\x00\x04data", b"\x01\x01", None),
    ("what is no frame behind a STUN message", True, stun() + b"\xff" * 100, b"\x01\x01", {"protocol"}),
    # HTTP: RFC 9112 3.2 (no Host: 400), RFC 6585 5 (431)
    ("HTTP without Host", True, b"GET / HTTP/1.1\r\n\r\n", rb"HTTP/1.1 400 ", "either"),
    ("HTTP with a flood of headers", True, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 50000 + b"\r\n",
     None, REFUSED | PEER),
    ("HTTP that announces 10 MB", True, f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {MEGABYTES_10}\r\n\r\n".encode(),
     rb"HTTP/1.1 4\d\d ", "either"),
]


def converse(s, payload, answer):
    """Sends, reads until the answer or the end has come. Returns (bytes, closed by the gateway)."""
    s.settimeout(4)
    got, closed = b"", False
    try:
        s.sendall(payload)
    except OSError:
        closed = True  # refused before it was all sent
    end = time.monotonic() + (4 if answer is not None else 0.3)
    try:
        while time.monotonic() < end and not (answer and re.search(answer, got)):
            s.settimeout(max(0.01, end - time.monotonic()))
            chunk = s.recv(65536)
            if not chunk:
                return got, True
            got += chunk
    except (TimeoutError, socket.timeout):
        pass
    except OSError:
        closed = True
    return got, closed


def wait_closed(s, seconds=5):
    """True when the gateway ends the connection."""
    s.settimeout(seconds)
    try:
        while s.recv(65536):
            pass
    except (TimeoutError, socket.timeout):
        return False
    except OSError:
        pass
    return True


def attempt(gateway, context, row):
    name, over_tls, payload, answer, ends = row
    s = gateway.connect_tls(context=context) if over_tls else gateway.connect_tcp()
    with s:
        got, closed = converse(s, payload, answer)
        if answer:
            check(re.search(answer, got), f"{name}: answered {got[:200]!r}, wanted {answer!r}")
        elif answer == b"":
            check(not got, f"{name}: answered {got[:200]!r}, wanted nothing")
        if isinstance(ends, set):
            check(closed or wait_closed(s), f"{name}: the connection was not closed")
        elif ends is None:
            check(not closed, f"{name}: the connection was closed")


def closes(gateway):
    return {re.search(r'reason="(\w+)"', k).group(1): int(v) for k, v in gateway.stats().items() if "closes_total" in k}


def one_by_one(case, gateway, context):
    """Each case alone, its close found in the right counter."""
    wrong = []
    for row in CASES:
        name, ends = row[0], row[4]
        before = closes(gateway)
        try:
            attempt(gateway, context, row)
            if isinstance(ends, set):
                end = time.monotonic() + 5
                while not any(closes(gateway)[r] > before[r] for r in ends) and time.monotonic() < end:
                    time.sleep(0.1)
                after = closes(gateway)
                counted = [r for r in after if after[r] > before[r]]
                check(set(counted) & ends, f"{name}: counted as {counted}, wanted one of {sorted(ends)}")
            case.say("ok: " + name)
        except Failure as e:
            wrong.append(str(e))
            case.say("WRONG: " + str(e))
    return wrong


def abandoned(gateway, context):
    """Halves of things, and the peer is gone: half a record, half a hello, half a message."""
    with gateway.connect_tcp() as s:
        s.sendall(b"\x16\x03\x01\x02")
    with gateway.connect_tcp() as s:
        s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + NOISE[:100])
    for half in (sip()[:40], sip("MESSAGE", length="Content-Length: 100\r\n", body="half"), stun(length=100),
                 stun() + b"\x40\x01\x01\x00half", b"GET / HT", b"\r\n\r"):
        with gateway.connect_tls(context=context) as s:
            s.sendall(half)
    s = gateway.connect_tls(context=context)
    s.sendall(sip()[:40])
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()  # a reset instead of an end


def old_tls(gateway):
    """TLS 1.0: alert protocol_version (RFC 8446 6.2, RFC 8996)."""
    context = gateway.tls_context(verify=False)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings():  # that it is deprecated is the point
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    try:
        gateway.connect_tls(context=context).close()
    except ssl.SSLError as e:
        check("PROTOCOL_VERSION" in str(e).upper(), f"TLS 1.0 got {e}")
        return
    raise Failure("TLS 1.0 was accepted")


def test(case):
    gateway = Gateway(case).start()
    context = gateway.tls_context()
    alice, bob = (SipUa(gateway.connect_tls(), user) for user in ("alice", "bob"))
    for ua in (alice, bob):
        ua.register()
    call = talk(alice, bob)

    wrong = one_by_one(case, gateway, context)
    old_tls(gateway)
    case.say("ok: TLS 1.0")
    quick = [row for row in CASES if len(row[2]) < 100000]

    def rounds(n):
        for _ in range(n):
            for row in quick:
                try:
                    attempt(gateway, context, row)
                except Failure:
                    pass  # told above
            abandoned(gateway, context)
            for ua in (alice, bob):
                ua.ping()
    rounds(WARM_UP)
    before = gateway.rss_kib()
    rounds(ROUNDS)
    for row in CASES:
        if len(row[2]) >= 100000:
            for _ in range(3):
                try:
                    attempt(gateway, context, row)
                except Failure:
                    pass
    grown = gateway.rss_kib() - before
    case.say(f"{ROUNDS} rounds of {len(quick)} kinds: memory {before} KiB, {grown:+d} KiB")
    hang_up(*call)
    gateway.check_alive()
    gateway.stop()
    check(grown < GROWTH_KIB, f"memory grew by {grown} KiB over {ROUNDS} rounds")
    check(not wrong, "\n".join(wrong))


run(test)
