#!/usr/bin/python3
"""PROXY protocol v1 and v2 in front of TLS from a trusted balancer: the real address is what STUN sees; what is
wrong, missing or from elsewhere is a counted close."""
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run
from lab.gateway import Gateway
from lab.turn_client import TurnClient

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command, family, addresses, length=None):
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(addresses) if length is None else length) + addresses


IPV4 = socket.inet_aton("192.0.2.7") + socket.inet_aton("192.0.2.1") + struct.pack("!HH", 4242, 443)
IPV6 = (socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
        + struct.pack("!HH", 4343, 443))
GOOD = {
    "v1 TCP4": (b"PROXY TCP4 192.0.2.7 192.0.2.1 4242 443\r\n", ("192.0.2.7", 4242)),
    "v1 TCP6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 4343 443\r\n", ("2001:db8::7", 4343)),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", None),
    "v2 TCP4": (v2(1, 0x11, IPV4), ("192.0.2.7", 4242)),
    "v2 TCP6": (v2(1, 0x21, IPV6), ("2001:db8::7", 4343)),
    "v2 with more behind the addresses": (v2(1, 0x11, IPV4 + b"\x04\x00\x03abc"), ("192.0.2.7", 4242)),
    "v2 LOCAL": (v2(0, 0x00, b""), None),
}
BAD = {
    "v1 without an end": b"PROXY TCP4 192.0.2.7 192.0.2.1 4242 443 " + b"x" * 200,
    "v1 with a bad address": b"PROXY TCP4 999.0.2.7 192.0.2.1 4242 443\r\n",
    "v1 with a bad port": b"PROXY TCP4 192.0.2.7 192.0.2.1 99999 443\r\n",
    "v1 of another family": b"PROXY TCP4 2001:db8::7 2001:db8::1 1 443\r\n",
    "v2 of version 3": b"\r\n\r\n\0\r\nQUIT\n\x31\x11" + struct.pack("!H", 12) + IPV4,
    "v2 with short addresses": v2(1, 0x11, IPV4[:4]),
    "v2 of an unknown command": v2(7, 0x11, IPV4),
    "no header": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 300,
}


def connect(gateway, header):
    """TLS behind the header; the header leaves in two pieces, as it may."""
    raw = gateway.connect_tcp()
    raw.sendall(header[:7])
    time.sleep(0.05)
    raw.sendall(header[7:])
    return gateway.tls_context().wrap_socket(raw, server_hostname="gw.ims.test")


def test(case):
    gateway = Gateway(case, {"door": {"proxy_trusted": ["127.0.0.1/32"], "handshake_timeout": "3s"}}).start()
    for name, (header, wanted) in GOOD.items():
        with connect(gateway, header) as s:
            seen = TurnClient(s).binding()
            check_equal(seen, wanted or s.getsockname(), f"{name}: mapped address")
        case.say("good: " + name)
    for name, header in BAD.items():
        before = gateway.closes("proxy")
        with gateway.connect_tcp() as s:
            s.sendall(header)
            try:
                check_equal(s.recv(100), b"", f"{name}: answer")
            except ConnectionError:
                pass
        gateway.wait_stat("closes_total", before + 1, 'reason="proxy"')
        case.say("refused: " + name)
    before = gateway.closes("proxy") + gateway.closes("handshake_late")
    with gateway.connect_tcp() as s:
        s.sendall(b"PROXY TCP4 192.0")
        check_equal(s.recv(100), b"", "half a header: answer")
    check(gateway.closes("proxy") + gateway.closes("handshake_late") > before, "half a header: close not counted")
    case.say("refused: half a header, at the handshake's deadline")
    gateway.stop()


def test_untrusted(case):
    """Without a trusted network the header is just what stands where a hello should."""
    gateway = Gateway(case).start()
    for header, _ in GOOD.values():
        before = sum(gateway.closes(r) for r in ("plain", "handshake", "proxy"))
        with gateway.connect_tcp() as s:
            s.sendall(header)
            try:
                s.recv(100)
            except ConnectionError:
                pass
        check(sum(gateway.closes(r) for r in ("plain", "handshake", "proxy")) > before, "close not counted")
    case.say("refused: headers from an address that is not trusted")
    gateway.stop()


def both(case):
    test(case)
    test_untrusted(case)


run(both)
