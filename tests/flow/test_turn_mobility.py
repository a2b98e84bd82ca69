#!/usr/bin/python3
"""RFC 8016 over TLS, TCP and UDP and across them, with two workers, so that about every second move lands on the
one that has not the allocation; and dual allocations (RFC 8656) with peers of both families."""
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Failure, check, check_equal, run, wait_for
from lab.echo import Echo
from lab.gateway import Gateway, free_ports
from lab.turn_client import (ADDITIONAL_FAMILY, DATA, DONT_FRAGMENT, ICMP, INDICATION, IPV4, IPV6, REFRESH,
                             REQUESTED_FAMILY, XOR_PEER_ADDRESS, Closed, LIFETIME, Stun, TurnClient)
from lab.turn_phone import Phone, refused

MOVES = 20


def call_goes_on(phone, peer, text):
    phone.client.send_channel(0x4abc, text)
    check_equal(phone.client.receive_data(), (0x4abc, text), "data by channel after the move")
    phone.client.send(peer.address, text)
    check_equal(phone.client.receive_data(), (0x4abc, text), "data by Send after the move")


def moves(case, gateway, name, makes, peer):
    """The network goes away MOVES times; the call stays."""
    phone = Phone(makes)
    phone.client.channel(0x4abc, peer.address)
    before = gateway.stat("turn_roaming_total")
    for i in range(MOVES):
        phone.break_before_make()
        for size in (1, 3, 172, 1200):
            call_goes_on(phone, peer, b"%d:" % i + b"x" * size)
    elsewhere = gateway.stat("turn_roaming_total") - before
    check(0 < elsewhere < 2 * MOVES, f"{elsewhere} of {MOVES} moves to another worker")
    phone.client.permission("127.0.0.1")
    check_equal(phone.client.refresh(700), 700, "Refresh after the moves")
    peer.socket.sendto(b"unasked", phone.relayed)
    check_equal(phone.client.receive_data(), (0x4abc, b"unasked"), "data that the peer began")
    check_equal(phone.client.refresh(0), 0, "Refresh with 0")
    refused(437, lambda: phone.client.permission("127.0.0.1"), "CreatePermission after the end")
    phone.client.allocate()  # the connection is an ordinary one again
    phone.client.refresh(0)
    phone.client.reset()
    case.say(f"{name}: {MOVES} moves, {elsewhere} of them to the other worker")


def both_paths(case, makes, peer):
    """RFC 8016 3.2.2: peers are heard on the old path until data comes on the new one, then it is closed."""
    phone = Phone(makes)
    phone.client.channel(0x4abc, peer.address)
    for i in range(10):
        old = phone.make_before_break()
        old.send_channel(0x4abc, b"old%d" % i)
        check_equal(old.receive_data(), (0x4abc, b"old%d" % i), "the old path while both are open")
        call_goes_on(phone, peer, b"new%d" % i)
        try:
            old.receive_data(5)
            raise Failure("data on the old path after the move")
        except (Closed, ConnectionError, OSError):
            pass
        old.close()
    phone.client.reset()
    case.say("make before break, the old path closed each time")


def storm(phone, peer):
    """Bursts both ways right after a move; TLS loses nothing, the relay's loopback neither."""
    for i in range(5):
        phone.break_before_make()
        for k in range(200):
            phone.client.send_channel(0x4abc, b"%d-%d" % (i, k))
        for k in range(200):
            check_equal(phone.client.receive_data(), (0x4abc, b"%d-%d" % (i, k)), "burst after a move")


def is_refused(case, gateway, make):
    phone = Phone([make])
    ticket = phone.client.ticket
    refused(400, lambda: phone.client.resume(ticket), "a ticket on its own path")
    other = make()
    refused(400, lambda: other.resume(ticket[:-1] + bytes([ticket[-1] ^ 1])), "a forged ticket")
    refused(400, lambda: other.resume(b""), "an empty ticket")
    for i in range(8):  # on either worker
        bob = make(user="bob")
        refused(441, lambda c=bob: c.resume(ticket), "another user's ticket")
        bob.allocate()  # the connection is an ordinary one again
        refused(437, lambda c=bob: c.resume(ticket), "a ticket on a 5-tuple with an allocation")
        bob.close()
    phone.client.refresh(0)
    for i in range(4):
        late = make()
        refused(437, lambda c=late: c.resume(ticket), "a dead allocation's ticket")
        late.close()
    case.say("400, 437, 441")


def is_held(case, gateway, make):
    """The allocation waits for mobility_hold, and no longer."""
    wait_for(lambda: gateway.stat("turn_allocations") == 0, 10, "what came before has ended")
    phone = Phone([make])
    phone.client.reset()
    wait_for(lambda: gateway.stat("turn_allocations_away") == 1, 5, "the allocation waits")
    check_equal(gateway.stat("turn_allocations"), 1, "allocations that stand")
    wait_for(lambda: gateway.stat("turn_allocations") == 0, 10, "the wait has ended")
    case.say("an allocation without its client ends after turn.mobility_hold")


def dual(case, gateway, make):
    v4 = Echo(case)
    v6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    v6.bind(("::1", 0))
    v6.settimeout(5)
    v6_address = v6.getsockname()[:2]
    c = make()
    c.allocate(extra=[(ADDITIONAL_FAMILY, IPV6), (DONT_FRAGMENT, b"")])
    check_equal([a for a, _ in c.all_relayed], ["127.0.0.1", "::1"], "relayed addresses of a dual allocation")
    c.channel(0x4001, v4.address)
    c.channel(0x4002, v6_address)
    c.send_channel(0x4001, b"four")
    check_equal(c.receive_data(), (0x4001, b"four"), "echo over IPv4")
    c.send_channel(0x4002, b"six")
    check_equal(v6.recvfrom(100)[0], b"six", "at the IPv6 peer")
    v6.sendto(b"back", c.all_relayed[1])
    check_equal(c.receive_data(), (0x4002, b"back"), "from the IPv6 peer")
    v6.close()
    c.send_channel(0x4002, b"anybody?")
    icmp = c.receive()
    check(isinstance(icmp, Stun) and icmp.type == DATA | INDICATION, "no Data indication about the ICMP error")
    check_equal(icmp.address(XOR_PEER_ADDRESS), v6_address, "XOR-PEER-ADDRESS of the ICMP error")
    check_equal(icmp.get(ICMP), b"\0\0\x01\x04\0\0\0\0", "ICMPv6 port unreachable")
    c.request(REFRESH, [(LIFETIME, b"\0\0\0\0"), (REQUESTED_FAMILY, IPV4)])
    refused(443, lambda: c.permission("127.0.0.1"), "permission of the deleted family")
    c.permission("::1")
    c.request(REFRESH, [(LIFETIME, b"\0\0\0\0"), (REQUESTED_FAMILY, IPV6)])
    refused(437, lambda: c.permission("::1"), "after both halves are gone")
    c.allocate(extra=[(REQUESTED_FAMILY, IPV6)])
    check_equal(c.relayed[0], "::1", "an IPv6 relay")
    c.close()
    case.say("dual allocation, IPv6 relay, ICMP")


def test(case):
    tcp, udp = free_ports(2)
    gateway = Gateway(case, {"turn": {"allow_peers": ["127.0.0.1/32", "::1/128"], "mobility_hold": "2s",
                                      "relay_addresses": ["127.0.0.1", "::1"]}})
    gateway.settings["door"]["listen"] += [f"turn+tcp://127.0.0.1:{tcp}", f"turn+udp://127.0.0.1:{udp}"]
    gateway.start()
    peer = Echo(case)

    def over_tls(**how):
        return TurnClient(gateway.connect_tls(), **how)

    def over_tcp(**how):
        return TurnClient(gateway.connect_tcp(port=tcp), **how)

    def over_udp(**how):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(5)
        s.connect((gateway.address, udp))
        return TurnClient(s, stream=False, **how)
    moves(case, gateway, "TLS", [over_tls], peer)
    moves(case, gateway, "TCP", [over_tcp], peer)
    moves(case, gateway, "UDP", [over_udp], peer)
    moves(case, gateway, "TLS, UDP and TCP in turn", [over_tls, over_udp, over_tcp], peer)
    both_paths(case, [over_tls, over_tcp], peer)
    phone = Phone([over_tls])
    phone.client.channel(0x4abc, peer.address)
    storm(phone, peer)
    phone.client.reset()
    is_refused(case, gateway, over_tls)
    is_held(case, gateway, over_tls)
    dual(case, gateway, over_tls)
    check_equal(gateway.stat("turn_dropped_total", 'reason="roaming"'), 0, "drops between the workers")
    gateway.check_alive()
    gateway.stop()


run(test)
