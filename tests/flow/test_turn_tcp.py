#!/usr/bin/python3
"""TCP allocations (RFC 6062) over TLS and TCP: megabytes both ways with a slow reader on either side and flat
memory, connections that the client and that the peer begins, data connections on either worker, the errors of the
RFC, and its 30 seconds."""
import hashlib
import os
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway, free_ports
from lab.half_tls import HalfTls
from lab.turn_client import CONNECT, CONNECTION_BIND, CONNECTION_ID, EVEN_PORT, TCP_PROTOCOL, TurnClient
from lab.turn_phone import TcpPeer, refused

MEGABYTES = 40  # more than the kernel's buffers on the way hold
PEER = "127.0.0.1"


class Flow(threading.Thread):
    """Sends n bytes that a seed names, or reads until the end, and sums them up."""

    def __init__(self, job, *args):
        super().__init__(daemon=True)
        self.job, self.args, self.error, self.sum, self.bytes = job, args, None, hashlib.sha256(), 0
        self.start()

    def run(self):
        try:
            self.job(self, *self.args)
        except OSError as e:
            self.error = e

    def done(self, what, seconds=60):
        self.join(seconds)
        check(not self.is_alive() and not self.error, f"{what}: {self.error or 'still not done'}, {self.bytes} bytes")
        return self.sum.hexdigest()


def send(flow, sock, size):
    block = os.urandom(65536)
    while flow.bytes < size:
        sock.sendall(block)
        flow.sum.update(block)
        flow.bytes += len(block)


def read(flow, sock, size, first=b"", slow=0.0):
    flow.sum.update(first)
    flow.bytes = len(first)
    while flow.bytes < size:
        got = sock.recv(65536)
        if not got:
            return
        flow.sum.update(got)
        flow.bytes += len(got)
        if slow:
            time.sleep(slow)


def exchange(flow, sock, size):
    """Sends and reads at once, on one thread: OpenSSL has one state for both. flow.sum is of what was read; what was
    sent stands in flow.sent."""
    block, flow.sent, sent, at = os.urandom(65536), hashlib.sha256(), 0, 0
    sock.setblocking(False)
    end = time.monotonic() + 60
    while (sent < size or flow.bytes < size) and time.monotonic() < end:
        moved = False
        try:
            at += sock.send(block[at:]) if sent < size else 0
            moved = True
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        if at == len(block):
            flow.sent.update(block)
            sent, at = sent + at, 0
        try:
            got = sock.recv(65536)
            flow.sum.update(got)
            flow.bytes += len(got)
            moved = moved or got
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        if not moved:
            time.sleep(0.001)
    sock.settimeout(30)


def data_connection(case, make, number):
    c = make()
    early = c.bind_connection(number)
    c.socket.settimeout(30)
    return c.socket, early


def both_ways(case, gateway, name, make):
    """The reader waits before it reads, then reads as fast as it likes; meanwhile the daemon must not grow."""
    control, peer = make(), TcpPeer(case)
    control.allocate(transport=TCP_PROTOCOL)
    number = control.connect(peer.address)
    far = peer.take()
    far.sendall(b"before the bind")
    near, early = data_connection(case, make, number)
    while len(early) < 15:
        early += near.recv(15 - len(early))
    check_equal(early, b"before the bind", "data that came before ConnectionBind")
    size = MEGABYTES << 20
    # First both at once, which also makes the buffers that are kept, and fills the sanitizer's quarantine.
    ends = [Flow(exchange, near, size), Flow(exchange, far, size)]
    sums = [f.done(f"{name}, both at once", 90) for f in ends]
    check([f.sent.hexdigest() for f in reversed(ends)] == sums, "checksums, both at once")
    for way, source, sink in (("to the peer", near, far), ("to the client", far, near)):
        before = gateway.rss_kib()
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        source.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
        sender = Flow(send, source, size)
        time.sleep(2)  # nobody reads
        check(sender.bytes < size, f"{way}: all {size} bytes went into somebody's buffer")
        grown = gateway.rss_kib() - before
        check(grown < 3000, f"{way}: {grown} KiB more while nobody reads")
        reader = Flow(read, sink, size, b"", 0.002)
        check_equal(reader.done(f"{name} {way}"), sender.done(f"{name} {way}"), f"checksum {way}")
        grown = gateway.rss_kib() - before
        check(grown < 4000, f"{way}: {grown} KiB more")
    # The peer's end reaches the client after its last byte.
    sender = Flow(send, far, 1 << 20)
    reader = Flow(read, near, 2 << 20, b"", 0.02)
    expected = sender.done("the last megabyte")
    far.close()
    check_equal(reader.done("what came before the end"), expected, "checksum of what came before the peer's end")
    check_equal(reader.bytes, 1 << 20, "bytes before the peer's end")
    control.close()
    case.say(f"{MEGABYTES} MB each way over {name}, slow readers, memory flat")


def client_end_delivers(case, gateway, make):
    """What the client sent before it closed reaches a peer that is slow to read (RFC 6062 5.5)."""
    control, peer = make(), TcpPeer(case)
    control.allocate(transport=TCP_PROTOCOL)
    number = control.connect(peer.address)
    far = peer.take()
    near, _ = data_connection(case, make, number)
    sender = Flow(send, near, 8 << 20)
    reader = Flow(read, far, 16 << 20, b"", 0.005)
    expected = sender.done("eight megabytes")
    near.close()
    check_equal(reader.done("what came before the client's end"), expected, "checksum before the client's end")
    # The peer has not closed: it is not waited for without end, be it half closed (TCP) or cut off (TLS).
    wait_for(lambda: gateway.stat("turn_tcp_connections") == 0, 10, "the connection's record has gone")
    far.close()
    control.close()
    case.say("what either side sent before its end is delivered")


def half_closes(case, gateway, name, make_half, make):
    """One side sends much to a slow reader and ends; what it sent arrives, then its end; the other side answers at
    length and ends too. From either side."""
    control, size = make(), 6 << 20
    control.allocate(transport=TCP_PROTOCOL)
    for by_client in (True, False):
        peer = TcpPeer(case)
        number = control.connect(peer.address)
        far = peer.take()
        data = make_half()
        check_equal(data.bind_connection(number), b"", "data before any was sent")
        near = data.socket
        near.settimeout(30)
        asks, answers = (near, far) if by_client else (far, near)
        sender, reader = Flow(send, asks, size), Flow(read, answers, 2 * size, b"", 0.005)
        expected = sender.done("the question")
        asks.shutdown(socket.SHUT_WR)
        check_equal(reader.done("what came before the end"), expected, "checksum of the question")
        check_equal(reader.bytes, size, "bytes before the end")
        sender, reader = Flow(send, answers, size), Flow(read, asks, 2 * size, b"", 0.005)
        expected = sender.done("the answer")
        answers.shutdown(socket.SHUT_WR)
        check_equal(reader.done("the answer before its end"), expected, "checksum of the answer")
        check_equal(reader.bytes, size, "bytes of the answer")
        wait_for(lambda: gateway.stat("turn_tcp_connections") == 0, 5, "the pipe ends when both sides have ended")
        near.close()
        far.close()
        case.say(f"{name}: half closed by {'the client' if by_client else 'the peer'}, {size >> 20} MB each way")
    control.close()


def from_peer(case, gateway, make):
    control = make()
    relayed = control.allocate(transport=TCP_PROTOCOL)
    with socket.create_connection(relayed, 5) as s:
        check_equal(s.recv(1), b"", "a peer without a permission: closed at once")
    control.permission(PEER)
    with socket.create_connection(relayed, 5, ("127.0.0.3", 0)) as s:
        check_equal(s.recv(1), b"", "a peer at another address: closed at once")
    far = socket.create_connection(relayed, 5)
    far.sendall(b"hello")
    number, peer = control.attempt()
    check_equal(peer, far.getsockname(), "XOR-PEER-ADDRESS of ConnectionAttempt")
    near, early = data_connection(case, make, number)
    while len(early) < 5:
        early += near.recv(5)
    check_equal(early, b"hello", "from the peer")
    near.sendall(b"world")
    check_equal(far.recv(5), b"world", "to the peer")
    check_equal(control.refresh(0), 0, "Refresh with 0")
    check_equal(near.recv(1), b"", "the data connection ends with the allocation")
    check_equal(far.recv(1), b"", "and so does the peer's")
    control.close()
    case.say("a connection that the peer begins: permission, ConnectionAttempt, end with the allocation")


def relay_to_relay(case, gateway, make):
    """Two TCP relays of the gateway, one connects to the other."""
    a, b = make(), make(user="bob")
    ra, rb = a.allocate(transport=TCP_PROTOCOL), b.allocate(transport=TCP_PROTOCOL)
    b.permission(ra[0])
    number = a.connect(rb)
    other, peer = b.attempt()
    check_equal(peer, ra, "the peer is the other relay")
    near, _ = data_connection(case, make, number)
    far, _ = data_connection(case, lambda: make(user="bob"), other)
    for sock, sink in ((near, far), (far, near)):
        sender, reader = Flow(send, sock, 1 << 20), Flow(read, sink, 1 << 20)
        check_equal(reader.done("relay to relay"), sender.done("relay to relay"), "checksum, relay to relay")
    a.close()
    b.close()
    case.say("relay to relay")


def errors(case, gateway, make, udp):
    peer = TcpPeer(case)
    c = make()
    refused(437, lambda: c.connect(peer.address), "Connect without an allocation")
    for kind, value in ((EVEN_PORT, b"\0"), (0x0022, b"12345678")):
        refused(400, lambda k=kind, v=value: c.allocate(transport=TCP_PROTOCOL, extra=[(k, v)]), f"attribute {kind:#x}")
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect((gateway.address, udp))
    over_udp = TurnClient(s, stream=False)
    refused(400, lambda: over_udp.allocate(transport=TCP_PROTOCOL), "a TCP allocation over UDP")
    refused(400, lambda: over_udp.request(CONNECTION_BIND, [(CONNECTION_ID, b"\0\0\0\1")]), "ConnectionBind over UDP")
    c.allocate(transport=TCP_PROTOCOL)
    for address in ("127.0.0.9", "10.1.2.3", "0.0.0.0", "169.254.169.254", "224.0.0.1"):
        refused(403, lambda a=address: c.connect((a, 80)), f"Connect to {address}")
    refused(443, lambda: c.connect(("::1", 80)), "Connect to another family")
    refused(400, lambda: c.request(CONNECT), "Connect without a peer")
    refused(403, lambda: c.channel(0x4000, peer.address), "ChannelBind on a TCP allocation")
    closed = TcpPeer(case)
    closed.listener.close()
    refused(447, lambda: c.connect(closed.address), "Connect to a closed port")
    number = c.connect(peer.address)
    refused(446, lambda: c.connect(peer.address), "a second Connect to the same peer")
    data = make()
    refused(400, lambda: data.request(CONNECTION_BIND), "ConnectionBind without CONNECTION-ID")
    for wrong in (b"\0\0\0\0", b"\xff\xff\xff\xff", bytes([number[0] ^ 4]) + number[1:], number[:3] + bytes([number[3] ^ 1])):
        refused(400, lambda w=wrong: data.bind_connection(w), f"ConnectionBind with {wrong.hex()}")
    for _ in range(4):  # on whatever worker
        refused(441, lambda: make(user="bob").bind_connection(number), "another user's ConnectionBind")
    refused(400, lambda: c.request(CONNECTION_BIND, [(CONNECTION_ID, number)]), "ConnectionBind on the control connection")
    data.bind_connection(number)
    refused(400, lambda: make().bind_connection(number), "ConnectionBind of a bound connection")
    u = make()
    u.allocate()
    refused(403, lambda: u.connect(peer.address), "Connect on a UDP allocation")
    for client in (c, data, u):
        client.close()
    case.say("400, 403, 437, 441, 443, 446, 447")


def both_workers(case, gateway, make):
    """So many data connections that some are on the allocation's worker and some on the other."""
    control, peer = make(), TcpPeer(case)
    control.allocate(transport=TCP_PROTOCOL)
    pairs = []
    for i in range(16):
        other = TcpPeer(case)
        number = control.connect(other.address)
        far = other.take()
        near, _ = data_connection(case, make, number)
        pairs.append((near, far))
    check_equal(gateway.stat("turn_tcp_connections"), 16, "connections with peers")
    for i, (near, far) in enumerate(pairs):
        near.sendall(b"to %d" % i)
        check_equal(far.recv(100), b"to %d" % i, "to the peer")
        far.sendall(b"from %d" % i)
        check_equal(near.recv(100), b"from %d" % i, "from the peer")
    for near, far in pairs[:8]:
        far.close()
        check_equal(near.recv(1), b"", "the client's end after the peer's")
        near.close()
    wait_for(lambda: gateway.stat("turn_tcp_connections") == 8, 10, "eight connections are left")
    control.close()
    for near, far in pairs[8:]:
        check_equal(near.recv(1), b"", "the client's end after the allocation's")
        check_equal(far.recv(1), b"", "the peer's end after the allocation's")
    wait_for(lambda: gateway.stat("turn_tcp_connections") == 0, 10, "no connection is left")
    case.say("16 data connections over two workers end with their peers and with their allocation")


def thirty_seconds(case, gateway, make):
    """No ConnectionBind: closed after 30 seconds, not before 29 (RFC 6062 5.2, 5.3)."""
    control, peer = make(), TcpPeer(case)
    relayed = control.allocate(transport=TCP_PROTOCOL)
    control.permission(PEER)
    control.connect(peer.address)
    outgoing = peer.take()
    incoming = socket.create_connection(relayed, 5)
    control.attempt()
    begun = time.monotonic()

    def end():
        for s in (outgoing, incoming):
            s.settimeout(35)
            check_equal(s.recv(1), b"", "the pending connection")
        passed = time.monotonic() - begun
        check(29 <= passed <= 33, f"pending connections were closed after {passed:.1f} s")
        refused(447, lambda: control.connect(("127.0.0.1", 1)), "the control connection still answers")
        control.close()
        case.say(f"unbound connections end after {passed:.1f} s")
    return end


def test(case):
    tcp, udp = free_ports(2)
    gateway = Gateway(case, {"turn": {"allow_peers": [f"{PEER}/32", "127.0.0.3/32"], "tcp_half_closed_timeout": "3s"}})
    gateway.settings["door"]["listen"] += [f"turn+tcp://127.0.0.1:{tcp}", f"turn+udp://127.0.0.1:{udp}"]
    gateway.start()

    def over_tls(**how):
        return TurnClient(gateway.connect_tls(), **how)

    def over_tcp(**how):
        return TurnClient(gateway.connect_tcp(port=tcp), **how)
    def over_half_tls():
        return TurnClient(HalfTls(gateway.connect_tcp(), gateway.tls_context(), "gw.ims.test"))

    in_the_end = thirty_seconds(case, gateway, over_tls)
    for name, make in (("TLS", over_tls), ("TCP", over_tcp)):
        both_ways(case, gateway, name, make)
    in_the_end()
    wait_for(lambda: gateway.stat("turn_tcp_connections") == 0, 10, "what came before has ended")
    half_closes(case, gateway, "TLS", over_half_tls, over_tls)
    half_closes(case, gateway, "TCP", over_tcp, over_tcp)
    for make in (over_tls, over_tcp):
        client_end_delivers(case, gateway, make)
        from_peer(case, gateway, make)
        both_workers(case, gateway, make)
    relay_to_relay(case, gateway, over_tls)
    errors(case, gateway, over_tls, udp)
    wait_for(lambda: gateway.stat("turn_allocations") == 0, 10, "all allocations have ended")
    gateway.check_alive()
    gateway.stop()


run(test)
