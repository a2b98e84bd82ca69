"""turn_phone: who the tests of TURN are about: a client that moves, a TCP peer, and what is to be refused."""
import socket

from lab.case import Failure, check, check_equal
from lab.turn_client import UDP_PROTOCOL, TurnError


def refused(code, action, what):
    try:
        action()
    except TurnError as e:
        check_equal(e.code, code, f"{what}: error code")
        return
    raise Failure(f"{what}: was not refused with {code}")


class Phone:
    """A client that changes its access; `makes` opens a connection each, in turn. It has a mobile allocation
    (RFC 8016) from the beginning."""

    def __init__(self, makes, transport=UDP_PROTOCOL):
        self.makes, self.n = makes, 0
        self.client = self.connect()
        self.relayed = self.client.allocate_mobile(transport)
        check(self.client.ticket, "no MOBILITY-TICKET in the answer to Allocate")

    def connect(self):
        self.n += 1
        return self.makes[self.n % len(self.makes)]()

    def break_before_make(self):
        ticket = self.client.ticket
        self.client.reset()
        self.client = self.connect()
        check_equal(self.client.resume(ticket), 600, "lifetime after the move")

    def make_before_break(self):
        """Returns the old one, which works until data came on the new one."""
        old, self.client = self.client, self.connect()
        self.client.resume(old.ticket)
        return old


class TcpPeer:
    """A TCP peer: listens, and takes connections one by one."""

    def __init__(self, case, address="127.0.0.1"):
        self.listener = socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.listener.settimeout(10)
        self.address = self.listener.getsockname()[:2]
        case.undo.callback(self.listener.close)

    def take(self):
        s, _ = self.listener.accept()
        s.settimeout(30)
        return s
