#!/usr/bin/python3
"""RFC 8016 with TCP allocations (RFC 6062), with two workers, so that about every second move lands on the one that
has not the allocation: data connections go on, what waits for ConnectionBind waits on, and what came while the client
was away is told when it is back."""
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway, free_ports
from lab.turn_client import TCP_PROTOCOL, TurnClient
from lab.turn_phone import Phone, TcpPeer, refused

MOVES = 12


def bind(make, number):
    data = make()
    early = data.bind_connection(number)
    data.socket.settimeout(10)
    return data.socket, early


def talk(near, far, text):
    near.sendall(text)
    check_equal(far.recv(100), text, "to the peer")
    far.sendall(text[::-1])
    check_equal(near.recv(100), text[::-1], "from the peer")


def connections_outlive_moves(case, gateway, name, makes):
    phone, standing = Phone(makes, TCP_PROTOCOL), []
    elsewhere = gateway.stat("turn_roaming_total")
    for i in range(MOVES):
        peer = TcpPeer(case)
        number = phone.client.connect(peer.address)
        far = peer.take()
        far.sendall(b"early")
        phone.break_before_make()  # between Connect and ConnectionBind
        near, early = bind(phone.makes[0], number)
        while len(early) < 5:
            early += near.recv(5)
        check_equal(early, b"early", "what the peer sent before the move")
        standing.append((near, far))
        for pair in standing:
            talk(*pair, b"after move %d" % i)
    elsewhere = gateway.stat("turn_roaming_total") - elsewhere
    check(0 < elsewhere < 2 * MOVES, f"{elsewhere} of {MOVES} moves to another worker")
    check_equal(gateway.stat("turn_tcp_connections"), MOVES, "connections with peers")
    check_equal(phone.client.refresh(0), 0, "Refresh with 0")
    for near, far in standing:
        check_equal(near.recv(1), b"", "the data connection ends with the allocation")
        check_equal(far.recv(1), b"", "and so does the peer's")
    phone.client.close()
    case.say(f"{name}: {MOVES} data connections through {MOVES} moves, {elsewhere} of them to the other worker")


def told_when_back(case, gateway, name, makes):
    """A peer connects while the client is away."""
    for i in range(6):
        phone = Phone(makes, TCP_PROTOCOL)
        phone.client.permission("127.0.0.1")
        ticket = phone.client.ticket
        phone.client.reset()
        wait_for(lambda: gateway.stat("turn_allocations_away") == 1, 5, "the client is away")
        far = socket.create_connection(phone.relayed, 5)
        far.sendall(b"hello")
        wait_for(lambda: gateway.stat("turn_tcp_connections") == 1, 5, "the peer's connection is held")
        phone.client = phone.connect()
        phone.client.resume(ticket)
        number, address = phone.client.attempt()
        check_equal(address, far.getsockname(), "XOR-PEER-ADDRESS of ConnectionAttempt")
        near, early = bind(phone.makes[0], number)
        while len(early) < 5:
            early += near.recv(5)
        check_equal(early, b"hello", "from the peer")
        talk(near, far, b"at last")
        near.close()
        far.close()
        phone.client.refresh(0)
        phone.client.close()
        wait_for(lambda: gateway.stat("turn_tcp_connections") == 0, 5, "all has ended")
    case.say(f"{name}: a ConnectionAttempt for who comes back")


def both_paths(case, makes):
    """The old path stands until a request comes on the new one."""
    phone = Phone(makes, TCP_PROTOCOL)
    phone.client.permission("127.0.0.1")
    for _ in range(6):
        old = phone.make_before_break()
        with socket.create_connection(phone.relayed, 5):
            old.attempt()
        peer = TcpPeer(case)
        number = phone.client.connect(peer.address)
        near, _ = bind(phone.makes[0], number)
        far = peer.take()
        talk(near, far, b"by the new path")
        near.close()
        far.close()
        old.socket.settimeout(5)
        try:
            check_equal(old.socket.recv(1), b"", "the old path ends")
        except ConnectionError:
            pass
        old.close()
        with socket.create_connection(phone.relayed, 5):
            phone.client.attempt()
    phone.client.refresh(0)
    phone.client.close()
    case.say("make before break, the old path closed by the first request on the new one")


def test(case):
    tcp, udp = free_ports(2)
    gateway = Gateway(case, {"turn": {"allow_peers": ["127.0.0.1/32"]}})
    gateway.settings["door"]["listen"] += [f"turn+tcp://127.0.0.1:{tcp}", f"turn+udp://127.0.0.1:{udp}"]
    gateway.start()

    def over_tls(**how):
        return TurnClient(gateway.connect_tls(), **how)

    def over_tcp(**how):
        return TurnClient(gateway.connect_tcp(port=tcp), **how)
    for name, makes in (("TLS", [over_tls]), ("TCP", [over_tcp]), ("TLS and TCP in turn", [over_tls, over_tcp])):
        connections_outlive_moves(case, gateway, name, makes)
        told_when_back(case, gateway, name, makes)
        both_paths(case, makes)
    phone = Phone([over_tls], TCP_PROTOCOL)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect((gateway.address, udp))
    for _ in range(4):
        refused(400, lambda: TurnClient(s, stream=False).resume(phone.client.ticket), "a move to UDP")
    phone.client.refresh(0)
    gateway.check_alive()
    gateway.stop()


run(test)
