#!/usr/bin/python3
"""Peers that take their time, at every stage: hello, first bytes, silence, a SIP head, a SIP body, a STUN message,
an HTTP head, and a peer that does not read. Each is closed at its deadline and counted; a phone beside them is not."""
import os
import socket
import ssl
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Failure, check, run
from lab.gateway import Gateway
from lab.sip_ua import SipUa
from lab.turn_client import BINDING, COOKIE

SETTINGS = {"door": {"handshake_timeout": "2s", "first_bytes_timeout": "2s", "silent_timeout": "4s",
                     "frame_timeout": "2s", "write_timeout": "3s"},
            "turn": {"frame_timeout": "2s"}}
PATIENCE = 15

HEAD = (b"OPTIONS sip:ims.test SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKs\r\n"
        b"From: <sip:x@ims.test>;tag=1\r\nTo: <sip:ims.test>\r\nCall-ID: slow\r\nCSeq: 1 OPTIONS\r\n")
# stage: over TLS?, sent at once, then dripped, the reason it is counted under
STAGES = {
    "hello": (False, b"\x16\x03\x01", b"\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 200, "handshake_late"),
    "nothing at all": (False, b"", b"", "handshake_late"),
    "first bytes": (True, b"O", b"PTIONS sip:a-very-long-name-that-never-ends" + b"." * 200, "slow"),
    "silence": (True, b"", b"", "silent"),
    "SIP head": (True, HEAD, b"Subject: " + b"s" * 200, "slow"),
    "SIP body": (True, HEAD + b"Content-Length: 1000\r\n\r\n", b"b" * 200, "slow"),
    "STUN message": (True, struct.pack("!HHI", BINDING, 1000, COOKIE) + b"t" * 12, b"a" * 200, "slow"),
    "HTTP head": (True, b"GET / HTTP/1.1\r\n", b"Host: " + b"h" * 200, "protocol"),  # with a 408
}


class Slow:
    def __init__(self, gateway, stage):
        self.stage = stage
        over_tls, first, self.drops, _ = STAGES[stage]
        self.socket = gateway.connect_tls() if over_tls else gateway.connect_tcp()
        self.began, self.ended, self.got = time.monotonic(), None, b""
        if first:
            self.socket.sendall(first)

    def drip(self):
        """One byte more; notices the end."""
        try:
            if self.drops:
                self.socket.sendall(self.drops[:1])
                self.drops = self.drops[1:]
            self.socket.settimeout(0.01)
            chunk = self.socket.recv(4096)
            self.got += chunk
            if not chunk:
                self.ended = time.monotonic()
        except (TimeoutError, socket.timeout, ssl.SSLWantReadError):
            pass
        except OSError:
            self.ended = time.monotonic()


def drip_all(case, gateway, phone):
    slow = [Slow(gateway, stage) for stage in STAGES]
    end = time.monotonic() + PATIENCE
    while any(s.ended is None for s in slow) and time.monotonic() < end:
        for s in slow:
            if s.ended is None:
                s.drip()
        phone.ping()
        time.sleep(0.2)
    for s in slow:
        check(s.ended, f"{s.stage}: not closed within {PATIENCE} s")
        case.say(f"{s.stage}: closed after {s.ended - s.began:.1f} s {s.got[:30]!r}")
        check(s.got.startswith(b"HTTP/1.1 408 ") == (s.stage == "HTTP head"), f"{s.stage}: answered {s.got[:60]!r}")


def deaf(gateway, phone):
    """Asks without end and never reads, until the gateway ends it; returns by how many KiB memory had grown then."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect((gateway.address, gateway.port))
    s = gateway.tls_context().wrap_socket(raw, server_hostname="gw.ims.test")
    s.settimeout(0.2)
    memory, end = gateway.rss_kib(), time.monotonic() + 20
    request = struct.pack("!HHI", BINDING, 0, COOKIE) + b"t" * 12
    try:
        while time.monotonic() < end:
            try:
                s.sendall(request * 500)
            except (TimeoutError, socket.timeout):
                phone.ping()
    except OSError:
        return gateway.rss_kib() - memory
    raise Failure("a peer that does not read was not closed within 20 s")


def test(case):
    gateway = Gateway(case, SETTINGS).start()
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    drip_all(case, gateway, phone)
    for reason in ("handshake_late", "slow", "silent", "protocol"):
        stages = [name for name, stage in STAGES.items() if stage[3] == reason]
        check(gateway.closes(reason) >= len(stages), f"{gateway.closes(reason)} closes counted as {reason}: {stages}")
    before = gateway.closes("backlog")
    for _ in range(3):  # fills what a sanitizer holds back of freed memory, on every worker
        deaf(gateway, phone)
    memory = gateway.rss_kib()
    worst = max(deaf(gateway, phone) for _ in range(3))
    case.say(f"a peer that does not read: closed; memory at most {worst:+d} KiB, {gateway.rss_kib() - memory:+d} after")
    # What may stand unsent is 256 KiB a peer, sealed and not; the sanitizer holds back up to 8 MiB of what was freed.
    # Without a bound it would be all that a peer can ask for in 20 s, some hundred MiB.
    check(max(worst, gateway.rss_kib() - memory) < 12 * 1024, "answers that nobody reads pile up")
    check(gateway.closes("backlog") >= before + 6, "the deaf peers' closes were not counted")
    phone.ping()
    gateway.stop()


run(test)
