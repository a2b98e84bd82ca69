"""throw: many messages, good and bad, at the gateway, and a count of what it says to them.

Each kind of sender has one connection that is used until the gateway closes it. A message whose Content-Length is
not that of its body would swallow its followers on a stream, so it has a connection of its own."""
import collections
import re
import select
import socket
import ssl
import time

from lab.case import check
from lab.sip_ua import SipUa

LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d+)[ \t]*\r?$", re.I | re.M)


def frames_itself(message):
    """Does a stream know where this message ends?"""
    head, found, body = message.partition(b"\r\n\r\n")
    lengths = LENGTH.findall(head)
    return bool(found) and len(lengths) == 1 and int(lengths[0]) == len(body)


class Thrower:
    """connect(): a new way to the gateway, registered or whatever the sender is."""

    def __init__(self, connect):
        self.connect, self.socket, self.thrown = connect, None, 0
        self.classes = collections.Counter()  # "4xx", "closed"

    def drop(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def count(self, data):
        for status in re.findall(rb"^SIP/2\.0 (\d)\d\d ", data, re.M):
            self.classes[f"{status.decode()}xx"] += 1

    def read(self, seconds):
        """What has come, for so long as nothing comes. False: it was closed."""
        while True:
            pending = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()
            if not pending and not select.select([self.socket], [], [], seconds)[0]:
                return True
            try:
                self.socket.settimeout(0)
                got = self.socket.recv(65536)
            except (ssl.SSLWantReadError, BlockingIOError):  # a session ticket
                continue
            except (ssl.SSLError, ConnectionError):
                got = b""
            finally:
                self.socket.settimeout(10)
            if not got:
                return False
            self.count(got)

    def throw(self, message, seconds=0.0):
        """Sends it; waits so long for what may be said to it."""
        if not self.socket:
            self.socket = self.connect()
        self.thrown += 1
        stream = self.socket.type == socket.SOCK_STREAM
        try:
            self.socket.sendall(message) if stream else self.socket.send(message[:60000])
            alive = self.read(seconds)
        except (ssl.SSLError, ConnectionError):
            alive = False
        if not alive:
            self.classes["closed"] += 1
        if not alive or (stream and not frames_itself(message)):
            self.drop()

    def finish(self, seconds=0.5):
        if self.socket:
            self.read(seconds)
        self.drop()

    def said(self):
        return ", ".join(f"{k} {v}" for k, v in sorted(self.classes.items())) or "nothing"


class Blind:
    """The core's own socket, whose address the edge knows, for a Thrower that does not read: the core does."""

    type = socket.SOCK_DGRAM

    def __init__(self, core):
        self.core, self.quiet = core, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.quiet.bind(("127.0.0.1", 0))

    def fileno(self):
        return self.quiet.fileno()

    def send(self, data):
        return self.core.socket.sendto(data, self.core.edge)

    def close(self):
        self.quiet.close()


class Watch:
    """A good request beside it has to be answered at once, however bad the others are."""

    def __init__(self, request, limit):
        self.request, self.limit, self.worst, self.asked = request, limit, 0.0, 0

    def look(self, what):
        began = time.monotonic()
        self.request()
        took = time.monotonic() - began
        self.worst, self.asked = max(self.worst, took), self.asked + 1
        check(took <= self.limit, f"a good request took {took:.2f} s after {what}")


def from_all_sides(case, gateway, core, messages, every=1):
    """Throws all messages from a phone that is not registered, from one that is, and from the core. messages: a list
    of (name, bytes). After every so many of them a REGISTER and an OPTIONS have to be answered at once."""
    def registered():
        ua = SipUa(gateway.connect_tls(), "alice")
        ua.register()
        return ua.socket
    watcher = SipUa(gateway.connect_tls(), "bob")
    watch = Watch(lambda: check(watcher.register() and core.ask_options(), "the edge does not answer the core"), 2.0)
    for who, connect in (("a stranger", gateway.connect_tls), ("a registered phone", registered),
                         ("the core", lambda: Blind(core))):
        thrower, before = Thrower(connect), gateway.stat("sip_requests_total", 'from="core"')
        for i, (name, message) in enumerate(messages):
            thrower.throw(message)
            if i % every == every - 1:
                watch.look(f"{name} from {who}")
        thrower.finish()
        taken = gateway.stat("sip_requests_total", 'from="core"') - before
        case.say(f"{thrower.thrown} from {who}: {thrower.said() if who != 'the core' else f'{taken} requests taken'}")
    case.say(f"good ones beside them: {watch.asked}, the slowest {watch.worst * 1000:.0f} ms")
    gateway.check_alive()
