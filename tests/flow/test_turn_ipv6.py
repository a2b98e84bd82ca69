#!/usr/bin/python3
"""TURN with clients on IPv6: TLS, TCP and UDP, with relays of either family and dual ones, TCP relays (RFC 6062), and
a client that moves from IPv4 to IPv6 and back (RFC 8016)."""
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run
from lab.echo import Echo
from lab.gateway import Gateway, free_ports
from lab.turn_client import ADDITIONAL_FAMILY, IPV4, IPV6, REQUESTED_FAMILY, TCP_PROTOCOL, TurnClient
from lab.turn_phone import Phone, TcpPeer, refused

V4, V6 = "127.0.0.1", "::1"


def relays(case, name, make, peers):
    for family, address in ((IPV4, V4), (IPV6, V6)):
        c, peer = make(), peers[address]
        check_equal(c.binding(), c.socket.getsockname()[:2], f"{name}: XOR-MAPPED-ADDRESS of Binding")
        relayed = c.allocate(extra=[(REQUESTED_FAMILY, family)])
        check_equal(relayed[0], address, f"{name}: XOR-RELAYED-ADDRESS")
        check_equal(c.mapped, c.socket.getsockname()[:2], f"{name}: XOR-MAPPED-ADDRESS of Allocate")
        c.channel(0x4001, peer.address)
        for size in (1, 3, 172, 1200):
            c.send_channel(0x4001, b"c" * size)
            check_equal(c.receive_data(), (0x4001, b"c" * size), f"{name}: echo by channel, {address}")
        c.channel(0x4002, (address, 9))
        other = Echo(case, address)
        c.send(other.address, b"by Send")
        check_equal(c.receive_data(), (other.address, b"by Send"), f"{name}: echo by Send and Data, {address}")
        other_family = V4 if address == V6 else V6
        refused(443, lambda: c.permission(other_family), f"{name}: a permission for the other family")
        check_equal(c.refresh(0), 0, "Refresh with 0")
        c.close()
    c = make()
    c.allocate(extra=[(ADDITIONAL_FAMILY, IPV6)])
    check_equal([a for a, _ in c.all_relayed], [V4, V6], f"{name}: a dual allocation")
    for address in (V4, V6):
        c.permission(address)
        c.send(peers[address].address, b"dual")
        check_equal(c.receive_data(), (peers[address].address, b"dual"), f"{name}: dual, {address}")
    c.refresh(0)
    c.close()
    case.say(f"{name}: relays of both families, dual")


def tcp_relays(case, name, make):
    for family, address in ((IPV4, V4), (IPV6, V6)):
        control, peer = make(), TcpPeer(case, address)
        relayed = control.allocate(transport=TCP_PROTOCOL, extra=[(REQUESTED_FAMILY, family)])
        check_equal(relayed[0], address, f"{name}: XOR-RELAYED-ADDRESS")
        number = control.connect(peer.address)
        far, data = peer.take(), make()
        check_equal(far.getpeername()[:2], relayed, f"{name}: the peer sees the relayed address")
        data.bind_connection(number)
        control.permission(address)
        other = socket.create_connection(relayed, 5)
        other_number, seen = control.attempt()
        check_equal(seen, other.getsockname()[:2], f"{name}: XOR-PEER-ADDRESS of ConnectionAttempt")
        other_data = make()
        other_data.bind_connection(other_number)
        for near, end in ((data.socket, far), (other_data.socket, other)):
            near.sendall(b"to the peer")
            check_equal(end.recv(100), b"to the peer", name)
            end.sendall(b"to the client")
            check_equal(near.recv(100), b"to the client", name)
            end.close()
        control.refresh(0)
        for c in (control, data, other_data):
            c.close()
    case.say(f"{name}: TCP relays of both families")


def changes_family(case, name, makes, peer):
    """The phone's network changes from one family to the other."""
    phone = Phone(makes)
    phone.client.channel(0x4abc, peer.address)
    for i in range(6):
        phone.break_before_make()
        phone.client.send_channel(0x4abc, b"%d" % i)
        check_equal(phone.client.receive_data(), (0x4abc, b"%d" % i), "the call goes on")
    phone.client.refresh(0)
    phone.client.close()
    case.say(f"{name}: from IPv4 to IPv6 and back, the call goes on")


def test(case):
    tcp, udp = free_ports(2)
    gateway = Gateway(case, {"turn": {"allow_peers": [f"{V4}/32", f"{V6}/128"], "relay_addresses": [V4, V6]}})
    gateway.settings["door"]["listen"] += [f"tls://[{V6}]:{gateway.port}", f"turn+tcp://[{V6}]:{tcp}",
                                           f"turn+udp://[{V6}]:{udp}", f"turn+udp://{V4}:{udp}"]
    gateway.start()
    peers = {address: Echo(case, address) for address in (V4, V6)}

    def over_tls(address=V6):
        return TurnClient(gateway.connect_tls(address=address, name=address))

    def over_tcp():
        return TurnClient(gateway.connect_tcp(port=tcp, address=V6))

    def over_udp(address=V6):
        s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(5)
        s.connect((address, udp))
        return TurnClient(s, stream=False)
    for name, make in (("TLS", over_tls), ("TCP", over_tcp), ("UDP", over_udp)):
        relays(case, name, make, peers)
    for name, make in (("TLS", over_tls), ("TCP", over_tcp)):
        tcp_relays(case, name, make)
    changes_family(case, "TLS", [over_tls, lambda: over_tls(V4)], peers[V4])
    changes_family(case, "UDP", [over_udp, lambda: over_udp(V4)], peers[V4])
    changes_family(case, "TLS and UDP", [over_tls, lambda: over_udp(V4)], peers[V4])
    check(gateway.stat("turn_allocations") == 0, "allocations are left")
    gateway.check_alive()
    gateway.stop()


run(test)
