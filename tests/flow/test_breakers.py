#!/usr/bin/python3
"""Who tries to break it: half-closed connections, records of one byte, ten thousand values in a header, answers and
relayed data that nobody reads, allocations left behind, data connections that nobody binds, clients and phones that
move while they are deleted. Beside them a phone and a relay are served, each connection ends with a counted reason, and
descriptors come back."""
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Failure, check, check_equal, run, wait_for
from lab.gateway import Gateway
from lab.sip_ua import SipUa
from lab.turn_client import TCP_PROTOCOL, TurnClient, TurnError

SETTINGS = {"door": {"handshake_timeout": "2s", "frame_timeout": "2s", "first_bytes_timeout": "2s", "write_timeout": "2s",
                     "close_timeout": "1s"},
            "turn": {"allow_peers": ["127.0.0.1/32"], "user_allocations": 0, "mobility_hold": "1s"}}


class Bystander(threading.Thread):
    """A phone that pings and a relay that refreshes: how long they had to wait at worst."""

    def __init__(self, gateway):
        super().__init__(daemon=True)
        self.phone, self.relay = SipUa(gateway.connect_tls(), "alice"), TurnClient(gateway.connect_tls())
        self.phone.register()
        self.relay.allocate()
        self.worst, self.failure, self.ended = 0.0, None, False
        self.start()

    def run(self):
        while not self.ended and not self.failure:
            began = time.monotonic()
            try:
                self.phone.ping(10)
                self.relay.refresh(600)
            except Exception as e:  # whatever it is, the attack has reached somebody else
                self.failure = e
            self.worst = max(self.worst, time.monotonic() - began)
            time.sleep(0.02)


class Breaker:
    def __init__(self, gateway):
        self.gateway, self.context = gateway, gateway.tls_context()

    def tls(self, small=False):
        raw = socket.socket()
        raw.settimeout(5)
        if small:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect((self.gateway.address, self.gateway.port))
        return self.context.wrap_socket(raw, server_hostname="gw.ims.test")

    def client(self, **how):
        return TurnClient(self.tls(**how))

    def phone(self, user="bob", **how):
        return SipUa(self.tls(**how), user)

    # --- what they try

    def half_closed(self):
        peers = []
        for i in range(20):
            peers.append(self.tls())
            peers[-1].sendall(b"OPTIONS sip:x SIP/2.0\r\n")
            if i % 2:
                socket.socket.shutdown(peers[-1], socket.SHUT_WR)
            peers.append(self.gateway.connect_tcp())
            peers[-1].sendall(b"\x16\x03\x01")
            peers[-1].shutdown(socket.SHUT_WR)
        for peer in peers:
            wait_for(lambda p=peer: is_over(p), 5, "a half-closed connection ends")
            peer.close()

    def one_byte_records(self):
        phone = self.phone()
        request = phone.request("OPTIONS", "sip:ims.test").encode()
        for byte in request:
            phone.socket.sendall(bytes([byte]))
        phone.wait_message(lambda m: m.status == 403, 5, "the answer to a request in records of one byte")
        phone.close()

    def ten_thousand(self):
        """As many values as fit are read, more are refused; both are answered."""
        for header, value in (("Via", "SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKx"), ("Route", "<sip:a.example;lr>"),
                              ("Contact", "<sip:a@b.example>"), ("Subject", "x")):
            for n, between in ((10000, ","), (500, ","), (10000, f"\r\n{header}: "), (600, f"\r\n{header}: ")):
                phone = self.phone()
                text = phone.request("OPTIONS", "sip:ims.test").encode()
                phone.send(text.replace(b"Max-Forwards", f"{header}: {between.join([value] * n)}\r\nMax-Forwards"
                                        .encode(), 1))
                phone.wait_message(lambda m: m.status in (400, 403, 513), 5, f"answer to {n} {header} values")
                phone.close()

    def unread_answers(self):
        phone, end = self.phone(small=True), time.monotonic() + 15
        requests = b"".join(phone.request("REGISTER", "sip:ims.test", to=phone.aor).encode() for _ in range(50))
        phone.socket.settimeout(0.2)
        try:
            while time.monotonic() < end:
                try:
                    phone.socket.sendall(requests)
                except (TimeoutError, socket.timeout):
                    pass
        except OSError:
            phone.close()
            return
        raise Failure("who reads no answers is not closed")

    def unread_data(self):
        client = self.client(small=True)
        relayed = client.allocate()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            client.channel(0x4000, peer.getsockname())

            def dropped():
                for _ in range(500):
                    peer.sendto(b"x" * 1200, relayed)
                return self.gateway.stat("turn_dropped_total", 'reason="client_full"')
            wait_for(dropped, 5, "media that nobody reads is dropped")
        client.close()

    def left_behind(self):
        for mobile in (False, True):
            clients = [self.client() for _ in range(40)]
            for client in clients:
                client.allocate_mobile() if mobile else client.allocate()
                client.permission("127.0.0.1")
            for client in clients:
                client.reset()
            wait_for(lambda: self.gateway.stat("turn_allocations") == 1, 10, "allocations left behind are gone")

    def full_tables(self):
        client = self.client()
        client.allocate()
        for attempt in (lambda i: client.permission(f"9.9.9.{i}"),
                        lambda i: client.channel(0x4000 + i, ("127.0.0.1", 1000 + i))):
            try:
                for i in range(1, 200):
                    attempt(i)
            except TurnError as e:
                check_equal(e.code, 508, "answer when the table is full")
            else:
                raise Failure("a table of 128 has room for 199")
        client.close()

    def unbound(self):
        client = self.client()
        client.allocate(transport=TCP_PROTOCOL)
        client.permission("127.0.0.1")
        peers = [socket.create_connection(client.relayed, 5) for _ in range(80)]
        wait_for(lambda: self.gateway.stat("turn_tcp_connections") == 64, 5, "turn.max_tcp_connections wait to be bound")
        client.reset()
        for peer in peers:
            wait_for(lambda p=peer: is_over(p), 5, "a peer's connection ends with the allocation")
            peer.close()

    def moved_while_deleted(self):
        def clients(seed):
            chance = random.Random(seed)
            for _ in range(8):
                old, new = self.client(), self.client()
                old.allocate_mobile()
                mover = threading.Thread(target=quietly, args=(new.resume, old.ticket, chance.choice((0, 600))))
                mover.start()
                quietly(old.refresh, 0) if chance.random() < 0.5 else old.reset()
                mover.join()
                new.reset()
                old.close()
        threads = [threading.Thread(target=clients, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_for(lambda: self.gateway.stat("turn_allocations") == 1, 10, "what was moved and deleted is gone")

    def phones_that_move(self):
        instance = self.phone().instance
        for i in range(20):
            old, new = self.phone(), self.phone()
            old.instance = new.instance = instance
            old.register()
            mover = threading.Thread(target=quietly, args=(new.register,))
            mover.start()
            old.close() if i % 2 else quietly(old.register, expires=0)
            mover.join()
            old.close()
            new.close()
        wait_for(lambda: self.gateway.stat("sip_registered") == 1, 10, "the registrations of closed phones are gone")


def quietly(action, *args, **kwargs):
    """Whether it works is left to chance."""
    try:
        action(*args, **kwargs)
    except Exception:
        pass


def is_over(peer):
    peer.settimeout(0.05)
    try:
        return not peer.recv(4096)
    except TimeoutError:
        return False
    except OSError:
        return True


def accepted_and_closed(gateway):
    stats = gateway.stats()
    closed = sum(v for k, v in stats.items() if k.startswith("sallyport_closes_total"))
    return int(stats["sallyport_accepts_total"]), int(closed)


def test(case):
    gateway = Gateway(case, SETTINGS).start()
    bystander, breaker = Bystander(gateway), Breaker(gateway)
    descriptors = gateway.descriptors()
    standing = accepted_and_closed(gateway)
    for attack in (breaker.half_closed, breaker.one_byte_records, breaker.ten_thousand, breaker.unread_answers,
                   breaker.unread_data, breaker.left_behind, breaker.full_tables, breaker.unbound,
                   breaker.moved_while_deleted, breaker.phones_that_move):
        bystander.worst = 0.0
        attack()
        wait_for(lambda: gateway.descriptors() <= descriptors, 10, f"descriptors come back after {attack.__name__}")
        check(not bystander.failure, f"{attack.__name__} has reached somebody else: {bystander.failure!r}")
        check(bystander.worst < 3, f"{attack.__name__}: others waited {bystander.worst:.1f} s")
        case.say(f"{attack.__name__}: others waited at most {bystander.worst * 1000:.0f} ms")
    accepted, closed = accepted_and_closed(gateway)
    check_equal(closed - standing[1], accepted - standing[0], "connections closed with a counted reason")
    bystander.ended = True
    bystander.join()
    gateway.stop()


run(test)
