"""stub_core: an IMS core that a test plays: one address by one transport, that answers what it is asked, falls silent,
refuses or hangs up as it is told. It answers OPTIONS, registers everybody, takes every call and every message."""
import socket
import ssl
import threading
import time

from lab.sip_ua import SDP, SipMessage, SipUa, token


class StubCore:
    """silent, refuses: methods. hangs_up: methods at which a connection is closed without a word (streams).
    `seen`: the requests that came, in their order."""

    def __init__(self, case, name, transport, port, tls=None, service_route=None):
        self.name, self.transport, self.port, self.tls = name, transport, port, tls
        self.service_route = service_route or f"<sip:orig@127.0.0.1:{port};lr>"
        self.silent, self.refuses, self.hangs_up = set(), {}, set()
        self.record_route = []  # what it puts before those of an INVITE
        self.seen, self.connections, self.failed_handshakes = [], [], 0
        self.ended = False
        self.open()
        case.undo.callback(self.close)

    def open(self):
        kind = socket.SOCK_DGRAM if self.transport == "udp" else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", self.port))
        if self.transport != "udp":
            self.socket.listen(8)
        self.spawn(self.serve_udp if self.transport == "udp" else self.serve_streams, self.socket)

    @staticmethod
    def spawn(function, *args):
        threading.Thread(target=function, args=args, daemon=True).start()

    def close(self):
        """As if the machine had lost its power: nothing is said to anybody."""
        self.ended = True
        for s in [self.socket, *self.connections]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
        self.connections = []

    def reopen(self):
        self.ended = False
        self.open()

    def requests(self, method):
        return [m for m in self.seen if m.method == method]

    # --- the wire

    def serve_udp(self, s):
        while True:
            try:
                data, peer = s.recvfrom(65536)
            except OSError:
                return
            if not peer:  # shut down
                return
            head, _, body = data.partition(b"\r\n\r\n")
            self.take_datagram(SipMessage.parse(head, body), peer)

    def take_datagram(self, message, peer):
        for answer in self.answers(message):
            self.socket.sendto(answer.encode(), peer)

    def serve_streams(self, s):
        while True:
            try:
                c, _ = s.accept()
            except OSError:
                return
            self.spawn(self.serve_stream, c)

    def serve_stream(self, c):
        try:
            if self.tls:
                c = self.tls.wrap_socket(c, server_side=True)
        except (OSError, ssl.SSLError):
            self.failed_handshakes += 1
            return
        self.converse(c)

    def dial(self, c):
        """c: a connection that this core has opened to the gateway; it serves what comes back on it, too."""
        self.spawn(self.converse, c)
        return c

    def stop_listening(self):
        """Nobody gets through to it any more, and whoever had is cut off; what it has opened itself stands."""
        accepted = [c for c in self.connections if c.getsockname()[1] == self.port]
        for s in [self.socket, *accepted]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def converse(self, c):
        self.connections.append(c)
        ua = SipUa(c, self.name)
        while not self.ended:
            try:
                ua.pump(time.monotonic() + 60)
            except Exception:  # the other side has gone
                return
            for message in ua.inbox:
                message.connection = c
                if message.method in self.hangs_up:
                    self.seen.append(message)
                    self.connections.remove(c)
                    c.close()
                    return
                for answer in self.answers(message):
                    ua.send(answer)
            ua.inbox = []

    # --- what it says

    def answers(self, request):
        if request.status:
            return
        self.seen.append(request)
        if request.method in self.silent or "*" in self.silent or request.method == "ACK":
            return
        if request.method in self.refuses:
            yield self.reply(request, *self.refuses[request.method])
            return
        if request.method == "INVITE":
            yield self.reply(request, "100 Trying")
            yield self.reply(request, "200 OK", [("Contact", f"<sip:callee@127.0.0.1:{self.port}>"),
                                                 *(("Record-Route", r) for r in self.record_route),
                                                 *(("Record-Route", r) for r in request.all("Record-Route")),
                                                 ("Content-Type", "application/sdp")], SDP)
            return
        extra = []
        if request.method == "REGISTER" and request.get("Expires") != "0":
            extra = [("Contact", request.get("Contact") + ";expires=600"), ("Service-Route", self.service_route),
                     ("P-Associated-URI", request.get("To").split(";")[0]), ("Path", request.get("Path"))]
        yield self.reply(request, "200 OK", extra)

    @staticmethod
    def reply(request, status, extra=(), body=""):
        to = request.get("To")
        if status[:3] != "100" and ";tag=" not in to:
            to += ";tag=" + token(4)
        return SipMessage("SIP/2.0 " + status,
                          [("Via", v) for v in request.all("Via")] +
                          [("From", request.get("From")), ("To", to), ("Call-ID", request.get("Call-ID")),
                           ("CSeq", request.get("CSeq")), *extra], body.encode())
