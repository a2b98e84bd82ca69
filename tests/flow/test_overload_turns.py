#!/usr/bin/python3
"""Overload by how long a worker is busy, at the running daemon and under real load: six phones that write as fast as
they can keep the only worker from looking up in time; then new phones are refused with a Retry-After that is spread,
while a registered phone's refresh and a call for help still get their answers. When it is over, everybody may come."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway
from lab.sip_ua import SipUa

BATCH = 128
WRITERS = 6


def registers(gateway, user):
    """A slow machine may be too busy for a moment before there is any load."""
    def tries():
        ua = SipUa(gateway.connect_tls(timeout=20), user)
        if ua.register(good=(200, 503), seconds=20).status == 200:
            return ua
        ua.close()
        return None
    return wait_for(tries, 30, f"{user} is registered", pause=0.2)


class Writer:
    """A registered phone that sends MESSAGEs to nobody, a batch at a time, and reads what comes."""

    def __init__(self, gateway, user):
        self.ua = registers(gateway, user)
        self.ended = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        self.ua.socket.settimeout(20)
        while not self.ended:
            requests = [self.ua.request("MESSAGE", "sip:nobody@ims.test", routes=self.ua.service_route) for _ in range(BATCH)]
            try:
                self.ua.socket.sendall(b"".join(r.encode() for r in requests))
                got = 0
                while got < BATCH:
                    got += self.ua.socket.recv(65536).count(b"SIP/2.0 ")
            except OSError:
                return

    def stop(self):
        self.ended = True
        self.thread.join(10)


def refused(gateway, waits):
    """A new phone's REGISTER; one that was lucky is not counted."""
    ua = SipUa(gateway.connect_tls(timeout=20), "late")
    answer = ua.register(good=(200, 503), seconds=20)
    ua.close()
    if answer.status == 503 and answer.get("Retry-After"):
        waits.append(int(answer.get("Retry-After")))
    return len(waits) >= 4


def test(case):
    gateway = Gateway(case, {"pcscf": {"overload_lag": "10ms"}, "sip": {"max_pending": "16m"}, "log": {"level": "warn"}},
                      users=("alice", "late", *(f"w{i}" for i in range(WRITERS))), threads=1).start()
    writers = [Writer(gateway, f"w{i}") for i in range(WRITERS)]
    alice = registers(gateway, "alice")
    wait_for(lambda: gateway.stat("sip_overloaded") == 0, 5, "an idle worker is not overloaded")
    for w in writers:
        w.thread.start()
    wait_for(lambda: gateway.stat("sip_overloaded") == 1, 20, "the worker's turns are too long")
    waits = []
    wait_for(lambda: refused(gateway, waits), 60, "new phones are refused", pause=0)
    check(all(5 <= w <= 10 for w in waits), f"Retry-After: {waits}")
    check_equal(alice.register(seconds=30).status, 200, "a registered phone's refresh")
    alice.invite("urn:service:sos").wait(380, 30)
    check(gateway.stat("sip_shed_total", 'what="register"') >= 4, "sip_shed_total")
    case.say(f"too busy: new phones wait {waits} s; a refresh and a call for help pass")
    for w in writers:
        w.stop()
    registers(gateway, "late")
    wait_for(lambda: gateway.stat("sip_overloaded") == 0, 5, "and said so")
    gateway.check_alive()
    gateway.stop()


run(test)
