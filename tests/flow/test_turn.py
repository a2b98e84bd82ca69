#!/usr/bin/python3
"""TURN over TLS, TCP and UDP with our own client: addresses, permissions, channels, lifetimes, and the error that
RFC 8656 names for what must not be."""
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Failure, check, check_equal, run, wait_for
from lab.echo import Echo
from lab.gateway import Gateway, free_ports
from lab.turn_client import (CHANNEL_BIND, CHANNEL_NUMBER, REQUESTED_TRANSPORT, XOR_PEER_ADDRESS, ALLOCATE, TurnClient,
                             TurnError)


def refused(code, action, what):
    try:
        action()
    except TurnError as e:
        check_equal(e.code, code, f"{what}: error code")
        return
    raise Failure(f"{what}: was not refused with {code}")


def clients(gateway, tcp, udp):
    """One over each transport, to the same server."""
    yield "TLS", lambda **how: TurnClient(gateway.connect_tls(), **how)
    yield "TCP", lambda **how: TurnClient(gateway.connect_tcp(port=tcp), **how)

    def over_udp(**how):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(5)
        s.connect((gateway.address, udp))
        return TurnClient(s, stream=False, **how)
    yield "UDP", over_udp


def relay(client, peer, other):
    mapped = client.binding()
    check_equal(mapped, client.socket.getsockname(), "mapped address")
    relayed = client.allocate()
    check(client.mapped == mapped and client.lifetime == 600, f"Allocate: {client.mapped} {client.lifetime}")
    client.send(peer.address, b"no permission yet")
    check(client.nothing_comes(0.3), "data went through without a permission")
    client.permission(peer.address[0])
    for size in (0, 1, 2, 3, 4, 500, 1400):
        client.send(peer.address, b"x" * size)
        check_equal(client.receive_data(), (peer.address, b"x" * size), f"{size} bytes by Send and Data")
    client.channel(0x4abc, other.address)
    for size in (1, 2, 3, 4, 172, 1400):
        client.send_channel(0x4abc, b"y" * size)
        check_equal(client.receive_data(), (0x4abc, b"y" * size), f"{size} bytes on a channel")
    other.socket.sendto(b"unasked", relayed)
    check_equal(client.receive_data(), (0x4abc, b"unasked"), "data the peer began")
    check_equal(client.refresh(900), 900, "lifetime after Refresh")
    check_equal(client.refresh(0), 0, "lifetime after Refresh with 0")
    refused(437, lambda: client.permission(peer.address[0]), "CreatePermission after the end")


def errors(case, gateway):
    wrong = TurnClient(gateway.connect_tls(), password="wrong")
    refused(401, wrong.allocate, "wrong password")
    refused(401, TurnClient(gateway.connect_tls(), "nobody").allocate, "unknown user")
    c = TurnClient(gateway.connect_tls())
    refused(437, lambda: c.refresh(600), "Refresh without an allocation")
    refused(442, lambda: c.request(ALLOCATE, [(REQUESTED_TRANSPORT, b"\x84\0\0\0")]), "Allocate for SCTP")
    refused(400, lambda: c.request(ALLOCATE), "Allocate without REQUESTED-TRANSPORT")
    c.allocate()
    refused(437, lambda: c.allocate(), "a second Allocate")
    for address in ("127.0.0.3", "10.1.2.3", "192.168.1.1", "169.254.1.1", "224.0.0.1", "0.0.0.0", "255.255.255.255"):
        refused(403, lambda a=address: c.permission(a), f"permission for {address}")
    for number in (0x3fff, 0x7fff, 0xffff):
        refused(400, lambda n=number: c.channel(n, ("127.0.0.1", 9)), f"channel {number:#x}")
    refused(400, lambda: c.request(CHANNEL_BIND, [(CHANNEL_NUMBER, b"\x40\0\0\0")]), "ChannelBind without a peer")
    c.channel(0x4000, ("127.0.0.1", 9))
    refused(400, lambda: c.channel(0x4000, ("127.0.0.1", 10)), "a channel bound to another peer")
    refused(400, lambda: c.channel(0x4001, ("127.0.0.1", 9)), "a peer bound to another channel")
    bob = TurnClient(c.socket, "bob")
    bob.left = c.left
    refused(441, lambda: bob.request(8, [(XOR_PEER_ADDRESS, ("127.0.0.1", 0))]), "another user's credentials")
    c.close()
    case.say("400, 401, 403, 437, 441, 442")


def own_listeners(case, gateway, tcp, udp):
    """The network of the gateway is allowed here, its listeners never are: a client would come to them as us."""
    c = TurnClient(gateway.connect_tls())
    c.allocate(transport=b"\x06\0\0\0")
    for port in (gateway.port, tcp, udp):
        refused(403, lambda p=port: c.connect(("127.0.0.1", p)), f"Connect to our own port {port}")
    c.close()
    c = TurnClient(gateway.connect_tls())
    c.allocate()
    for port in (gateway.port, tcp, udp):
        refused(403, lambda p=port: c.channel(0x4000, ("127.0.0.1", p)), f"a channel to our own port {port}")
    c.close()
    case.say("403 for our own listeners")


def relay_to_relay(case, gateway):
    """Two relays of the gateway may talk to each other: that is every call between two phones behind it."""
    a, b = TurnClient(gateway.connect_tls(), "alice"), TurnClient(gateway.connect_tls(), "bob")
    ra, rb = a.allocate(), b.allocate()
    a.channel(0x4001, rb)
    b.permission(ra[0])
    for i in range(200):
        a.send_channel(0x4001, b"%d" % i)
        check_equal(b.receive_data(), (ra, b"%d" % i), "a to b")
        b.send(ra, b"-%d" % i)
        check_equal(a.receive_data(), (0x4001, b"-%d" % i), "b to a")
    for client in (a, b):
        client.close()
    case.say("relay to relay, both on the gateway")


def many_addresses(case, gateway, port):
    """A listener on all addresses: what a peer sends leaves from the address that the client speaks to, too; its
    socket takes nothing from another one, as no firewall would."""
    peer = Echo(case)
    for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.connect((address, port))
            c = TurnClient(s, stream=False)
            c.allocate()
            c.channel(0x4000, peer.address)
            for i in range(3):
                c.send_channel(0x4000, b"%d" % i)
                check_equal(c.receive_data(), (0x4000, b"%d" % i), f"data by way of {address}")
            c.refresh(0)
    case.say("a wildcard listener answers and relays from the address that was asked")


def ends_with_connection(case, gateway):
    wait_for(lambda: gateway.stat("turn_allocations") == 0, 10, "what came before has ended")
    c = TurnClient(gateway.connect_tls())
    relayed = c.allocate()
    check_equal(gateway.stat("turn_allocations"), 1, "allocations")
    c.close()

    def port_free():
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.bind(relayed)
            return True
        except OSError:
            return False
    wait_for(port_free, 10, "the relayed port is free after the connection's end")
    case.say("an allocation ends with its connection (RFC 8656 3.1)")


def test(case):
    tcp, udp, all_udp = free_ports(3)
    gateway = Gateway(case, {"turn": {"allow_peers": ["127.0.0.1/32", "127.0.0.2/32"]}})
    gateway.settings["door"]["listen"] += [f"turn+tcp://127.0.0.1:{tcp}", f"turn+udp://127.0.0.1:{udp}",
                                           f"turn+udp://0.0.0.0:{all_udp}"]
    gateway.start()
    peer, other = Echo(case), Echo(case, "127.0.0.2")
    for name, make in clients(gateway, tcp, udp):
        for sha256 in (False, True):
            relay(make(sha256=sha256), peer, other)
        case.say(f"relayed over {name}, MD5 and SHA-256")
    errors(case, gateway)
    own_listeners(case, gateway, tcp, udp)
    relay_to_relay(case, gateway)
    many_addresses(case, gateway, all_udp)
    ends_with_connection(case, gateway)
    gateway.check_alive()
    gateway.stop()


run(test)
