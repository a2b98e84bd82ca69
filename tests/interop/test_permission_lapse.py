#!/usr/bin/python3
"""A permission ends after 300 seconds, both ways, until it is made anew (RFC 8656 9). The standard fixes that time,
so this test takes it; uclient cannot be told to let a permission lapse, so our own client does it."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run
from lab.echo import Echo
from lab.gateway import Gateway
from lab.turn_client import TurnClient

LIFETIME = 300


def test(case):
    gateway = Gateway(case, {"turn": {"allow_peers": ["127.0.0.0/8"]}}).start()
    peer, other = Echo(case), Echo(case, "127.0.0.2")
    client = TurnClient(gateway.connect_tls())
    client.allocate(lifetime=3600)
    client.permission("127.0.0.1")
    client.channel(0x4001, other.address)  # a channel lasts 600 s, the permission it installs 300 s: RFC 8656 12
    client.send(peer.address, b"fresh")
    check_equal(client.receive_data(), (peer.address, b"fresh"), "echo under a fresh permission")
    client.send_channel(0x4001, b"fresh")
    check_equal(client.receive_data(), (0x4001, b"fresh"), "echo on a fresh channel")
    time.sleep(LIFETIME - 15)
    client.send(peer.address, b"late")
    check_equal(client.receive_data(), (peer.address, b"late"), "echo 15 s before the end: data does not refresh it")
    time.sleep(20)
    before = peer.got, other.got
    client.send(peer.address, b"lapsed")
    client.send_channel(0x4001, b"lapsed")  # goes out: RFC 8656 12.6 asks for the channel alone
    peer.socket.sendto(b"from outside", client.relayed)
    check(client.nothing_comes(1), "data came back after the permission had lapsed")
    check_equal((peer.got, other.got), (before[0], before[1] + 1), "messages the peers got after the lapse")
    client.permission("127.0.0.1", "127.0.0.2")
    client.send(peer.address, b"anew")
    check_equal(client.receive_data(), (peer.address, b"anew"), "echo under the permission made anew")
    client.send_channel(0x4001, b"anew")
    check_equal(client.receive_data(), (0x4001, b"anew"), "echo on the channel, which had not lapsed")
    client.close()
    gateway.stop()


run(test, deadline=LIFETIME + 90)
