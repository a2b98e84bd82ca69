"""turn_client: a small TURN client (RFC 8489, RFC 8656, RFC 6062) over TLS, TCP or UDP, one step at a time.

It checks what a client must check: the transaction id, the integrity of every answer to a request that
carried credentials, and the framing of ChannelData on streams."""
import hashlib
import hmac
import ipaddress
import os
import socket
import struct
import zlib

COOKIE = 0x2112A442
BINDING, ALLOCATE, REFRESH, SEND, DATA, CREATE_PERMISSION, CHANNEL_BIND = 1, 3, 4, 6, 7, 8, 9
CONNECT, CONNECTION_BIND, CONNECTION_ATTEMPT, CONNECTION_ID = 10, 11, 12, 0x002A  # RFC 6062 6
REQUEST, INDICATION, SUCCESS, ERROR = 0x000, 0x010, 0x100, 0x110
(MAPPED_ADDRESS, USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, UNKNOWN_ATTRIBUTES, CHANNEL_NUMBER, LIFETIME,
 XOR_PEER_ADDRESS, DATA_ATTR, REALM, NONCE, XOR_RELAYED_ADDRESS, REQUESTED_FAMILY, EVEN_PORT, REQUESTED_TRANSPORT,
 DONT_FRAGMENT, MESSAGE_INTEGRITY_SHA256, PASSWORD_ALGORITHM, XOR_MAPPED_ADDRESS, RESERVATION_TOKEN,
 PASSWORD_ALGORITHMS, SOFTWARE, FINGERPRINT) = (
    0x0001, 0x0006, 0x0008, 0x0009, 0x000A, 0x000C, 0x000D, 0x0012, 0x0013, 0x0014, 0x0015, 0x0016, 0x0017, 0x0018,
    0x0019, 0x001A, 0x001C, 0x001D, 0x0020, 0x0022, 0x8002, 0x8022, 0x8028)
ADDITIONAL_FAMILY, ADDRESS_ERROR_CODE, ICMP, MOBILITY_TICKET = 0x8000, 0x8001, 0x8004, 0x8030
IPV4, IPV6 = b"\x01\0\0\0", b"\x02\0\0\0"
UDP_PROTOCOL, TCP_PROTOCOL = b"\x11\0\0\0", b"\x06\0\0\0"
SHA256_ALGORITHM, MD5_ALGORITHM = struct.pack("!HH", 2, 0), struct.pack("!HH", 1, 0)


class TurnError(Exception):
    """An error response."""

    def __init__(self, code, reason):
        super().__init__(f"{code} {reason}")
        self.code = code


class Closed(Exception):
    """The server closed the connection."""


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def xor_address(address, port, transaction):
    ip = ipaddress.ip_address(address)
    mask = struct.pack("!I", COOKIE) + transaction
    body = bytes(a ^ b for a, b in zip(ip.packed, mask))
    return struct.pack("!BBH", 0, 1 if ip.version == 4 else 2, port ^ (COOKIE >> 16)) + body


def read_xor_address(value, transaction):
    family, port = struct.unpack("!xBH", value[:4])
    mask = struct.pack("!I", COOKIE) + transaction
    raw = bytes(a ^ b for a, b in zip(value[4:], mask))
    return str(ipaddress.ip_address(raw[:4] if family == 1 else raw[:16])), port ^ (COOKIE >> 16)


class Stun:
    """A message that was received."""

    def __init__(self, raw):
        self.raw = raw
        self.type, length, cookie = struct.unpack("!HHI", raw[:8])
        if cookie != COOKIE or length != len(raw) - 20:
            raise ValueError("not a STUN message: " + raw[:20].hex())
        self.transaction, self.attributes, at = raw[8:20], [], 20
        self.offsets = {}
        while at < len(raw):
            kind, size = struct.unpack("!HH", raw[at:at + 4])
            self.offsets.setdefault(kind, at)
            self.attributes.append((kind, raw[at + 4:at + 4 + size]))
            at += 4 + size + (-size % 4)

    def get(self, kind):
        return next((v for k, v in self.attributes if k == kind), None)

    def address(self, kind):
        return read_xor_address(self.get(kind), self.transaction)

    def error(self):
        value = self.get(ERROR_CODE)
        return TurnError(value[2] * 100 + value[3], value[4:].decode("utf-8", "replace")) if value else None

    def integrity_ok(self, key, sha256):
        kind, name, size = ((MESSAGE_INTEGRITY_SHA256, "sha256", 32) if sha256 else (MESSAGE_INTEGRITY, "sha1", 20))
        at = self.offsets.get(kind)
        if at is None:
            return False
        head = self.raw[:2] + struct.pack("!H", at - 20 + 4 + size) + self.raw[4:at]
        return hmac.compare_digest(hmac.new(key, head, name).digest(), self.get(kind))


def build(kind, attributes, transaction=None, key=None, sha256=False, fingerprint=False):
    """attributes: (type, bytes), or (type, (address, port)) for the XOR-ed ones."""
    transaction = transaction or os.urandom(12)
    body = b"".join(attribute(k, xor_address(*v, transaction) if isinstance(v, tuple) else v) for k, v in attributes)

    def head(extra):
        return struct.pack("!HHI", kind, len(body) + extra, COOKIE) + transaction
    if key:
        size, which, name = (32, MESSAGE_INTEGRITY_SHA256, "sha256") if sha256 else (20, MESSAGE_INTEGRITY, "sha1")
        body += attribute(which, hmac.new(key, head(4 + size) + body, name).digest())
    if fingerprint:
        body += attribute(FINGERPRINT, struct.pack("!I", zlib.crc32(head(8) + body) ^ 0x5354554E))
    return head(0) + body


class TurnClient:
    """socket: connected; TLS, TCP (stream=True) or UDP (stream=False). sha256: messages are protected by
    MESSAGE-INTEGRITY-SHA256, and the key is made by SHA-256 too where the server offers that."""

    def __init__(self, sock, user="alice", password="secret", stream=True, sha256=False):
        self.socket, self.stream = sock, stream
        self.user, self.password, self.sha256 = user, password, sha256
        self.realm = self.nonce = self.algorithms = None
        self.left = b""
        self.waiting = []  # channel data and indications that came between an answer and its request
        self.relayed = self.mapped = self.ticket = None

    # --- frames

    def read_exactly(self, n):
        while len(self.left) < n:
            got = self.socket.recv(65536)
            if not got:
                raise Closed("the server closed the connection")
            self.left += got
        out, self.left = self.left[:n], self.left[n:]
        return out

    def receive(self):
        """The next frame: a Stun message, or (channel number, data)."""
        if not self.stream:
            raw = self.socket.recv(65535)
            if raw[0] & 0xC0 == 0:
                return Stun(raw)
            number, size = struct.unpack("!HH", raw[:4])
            return number, raw[4:4 + size]
        first = self.read_exactly(4)
        kind, size = struct.unpack("!HH", first)
        if kind < 0x4000:
            return Stun(first + self.read_exactly(16 + size))
        return kind, self.read_exactly(size + (-size % 4))[:size]  # padded on streams: RFC 8656 12.5

    # --- requests

    def key(self):
        text = f"{self.user}:{self.realm.decode()}:{self.password}".encode()
        return (hashlib.sha256 if self.sha256 and self.algorithms else hashlib.md5)(text).digest()

    def credentials(self):
        out = [(USERNAME, self.user.encode()), (REALM, self.realm), (NONCE, self.nonce)]
        if self.sha256 and self.algorithms:  # RFC 8489 9.2.5: the offered list comes back unchanged beside the choice
            out += [(PASSWORD_ALGORITHMS, self.algorithms), (PASSWORD_ALGORITHM, SHA256_ALGORITHM)]
        return out

    def exchange(self, method, attributes, signed):
        key = self.key() if signed else None
        message = build(method | REQUEST, list(attributes) + (self.credentials() if signed else []), key=key,
                        sha256=self.sha256)
        self.socket.sendall(message)
        while True:
            answer = self.receive()
            if isinstance(answer, Stun) and answer.transaction == message[8:20]:
                break
            self.waiting.append(answer)
        if answer.type not in (method | SUCCESS, method | ERROR):
            raise ValueError(f"answer of type {answer.type:#06x} to method {method:#x}")
        if signed and answer.type == method | SUCCESS and not answer.integrity_ok(key, self.sha256 and self.algorithms):
            raise ValueError("success response without a good MESSAGE-INTEGRITY (RFC 8489 9.2.4)")
        return answer

    def request(self, method, attributes=(), first_unsigned=True):
        """Sends it, with credentials once the server has told its realm; follows 401 and 438 once each."""
        signed = self.realm is not None or not first_unsigned
        tried = set()
        while True:
            answer = self.exchange(method, attributes, signed)
            error = answer.error()
            if not error:
                return answer
            if error.code not in (401, 438) or error.code in tried or (error.code == 401 and signed):
                raise error
            tried.add(error.code)
            self.realm, self.nonce = answer.get(REALM) or self.realm, answer.get(NONCE)
            self.algorithms = answer.get(PASSWORD_ALGORITHMS)
            signed = True

    def binding(self):
        return self.request(BINDING).address(XOR_MAPPED_ADDRESS)

    def allocate(self, lifetime=None, extra=(), transport=UDP_PROTOCOL):
        attributes = [(REQUESTED_TRANSPORT, transport), *extra]
        if lifetime is not None:
            attributes.append((LIFETIME, struct.pack("!I", lifetime)))
        answer = self.request(ALLOCATE, attributes)
        self.relayed = answer.address(XOR_RELAYED_ADDRESS)
        self.mapped = answer.address(XOR_MAPPED_ADDRESS)
        self.lifetime = struct.unpack("!I", answer.get(LIFETIME))[0]
        self.ticket = answer.get(MOBILITY_TICKET)
        self.all_relayed = [read_xor_address(v, answer.transaction) for k, v in answer.attributes
                            if k == XOR_RELAYED_ADDRESS]
        self.address_error = answer.get(ADDRESS_ERROR_CODE)
        return self.relayed

    def allocate_mobile(self, transport=UDP_PROTOCOL):
        """RFC 8016 3.1: an empty MOBILITY-TICKET asks for one."""
        return self.allocate(extra=[(MOBILITY_TICKET, b"")], transport=transport)

    def resume(self, ticket, lifetime=600):
        """RFC 8016 3.2: takes over, on this socket, the allocation that the ticket is for."""
        answer = self.request(REFRESH, [(LIFETIME, struct.pack("!I", lifetime)), (MOBILITY_TICKET, ticket)])
        self.ticket = answer.get(MOBILITY_TICKET)
        return struct.unpack("!I", answer.get(LIFETIME))[0]

    def refresh(self, lifetime):
        answer = self.request(REFRESH, [(LIFETIME, struct.pack("!I", lifetime))])
        return struct.unpack("!I", answer.get(LIFETIME))[0]

    def permission(self, *addresses):
        self.request(CREATE_PERMISSION, [(XOR_PEER_ADDRESS, (a, 0)) for a in addresses])

    def channel(self, number, peer):
        self.request(CHANNEL_BIND, [(CHANNEL_NUMBER, struct.pack("!HH", number, 0)),
                                    (XOR_PEER_ADDRESS, peer)])

    # --- TCP allocations (RFC 6062)

    def connect(self, peer):
        """Connect: the peer answers before this returns. The connection's id."""
        return self.request(CONNECT, [(XOR_PEER_ADDRESS, peer)]).get(CONNECTION_ID)

    def attempt(self, timeout=5):
        """The next ConnectionAttempt: (id, peer)."""
        self.socket.settimeout(timeout)
        got = self.waiting.pop(0) if self.waiting else self.receive()
        if not isinstance(got, Stun) or got.type != CONNECTION_ATTEMPT | INDICATION:
            raise ValueError(f"no ConnectionAttempt: {got}")
        return got.get(CONNECTION_ID), got.address(XOR_PEER_ADDRESS)

    def bind_connection(self, number):
        """ConnectionBind, on a new connection: then its socket is a pipe; what came of the peer already is
        returned."""
        self.request(CONNECTION_BIND, [(CONNECTION_ID, number)])
        early, self.left = self.left, b""
        return early

    # --- data

    def send(self, peer, data):
        self.socket.sendall(build(SEND | INDICATION, [(XOR_PEER_ADDRESS, peer), (DATA_ATTR, data)]))

    def send_channel(self, number, data):
        frame = struct.pack("!HH", number, len(data)) + data
        self.socket.sendall(frame + (b"\0" * (-len(data) % 4) if self.stream else b""))

    def receive_data(self, timeout=5):
        """The next data: (peer or channel number, bytes). Times out with TimeoutError."""
        self.socket.settimeout(timeout)
        got = self.waiting.pop(0) if self.waiting else self.receive()
        if isinstance(got, Stun):
            if got.type != DATA | INDICATION:
                raise ValueError(f"unasked message of type {got.type:#06x}")
            return got.address(XOR_PEER_ADDRESS), got.get(DATA_ATTR)
        return got

    def nothing_comes(self, seconds=0.5):
        try:
            return self.receive_data(seconds) is None
        except (TimeoutError, socket.timeout):
            return True

    def close(self):
        self.socket.close()

    def reset(self):
        """RST instead of an orderly end; over UDP simply no more."""
        if self.stream:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
