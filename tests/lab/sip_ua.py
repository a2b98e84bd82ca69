"""sip_ua: a small SIP user agent (RFC 3261) over one TLS or TCP connection, driven step by step by a test.

    alice.register()
    call = alice.invite("sip:bob@ims.test")
    ring = bob.expect("INVITE"); ring.ring(); ring.answer()
    call.wait(200)            # sends the ACK
    hang_up(call, ring)

It keeps what the standard says a phone keeps (Service-Route, route sets, tags) and answers nothing by itself
but the ping of RFC 5626; every request from the other side waits until the test asks for it."""
import hashlib
import os
import re
import socket
import time

from lab.case import Failure, check

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
           "c": "content-type", "k": "supported", "s": "subject"}
SDP = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
       "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n")


def token(n=8):
    return os.urandom(n).hex()


class SipMessage:
    def __init__(self, start, headers, body=b""):
        self.start, self.headers, self.body = start, headers, body

    @classmethod
    def parse(cls, head, body):
        lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
        pairs = [line.split(":", 1) for line in lines[1:] if ":" in line]
        return cls(lines[0], [(k.strip(), v.strip()) for k, v in pairs], body)

    @property
    def status(self):
        match = re.match(r"SIP/2\.0 (\d{3})", self.start)
        return int(match.group(1)) if match else 0

    @property
    def method(self):
        return "" if self.status else self.start.split(" ", 1)[0]

    def all(self, name):
        name = name.lower()
        return [v for k, v in self.headers if COMPACT.get(k.lower(), k.lower()) == name]

    def get(self, name, preset=""):
        return (self.all(name) or [preset])[0]

    def routes(self, name):
        """The values of a header that lists name-addrs, one each, in order."""
        return [v.strip() for line in self.all(name) for v in re.findall(r"[^,<]*<[^>]*>[^,]*", line)]

    def cseq(self):
        number, method = self.get("CSeq").split()
        return int(number), method

    def tag(self, name):
        match = re.search(r";\s*tag=([^;\s>]+)", self.get(name))
        return match.group(1) if match else None

    def contact_uri(self):
        match = re.search(r"<([^>]+)>", self.get("Contact"))
        return match.group(1) if match else self.get("Contact").split(";")[0]

    def branch(self):
        return re.search(r"branch=([^;,\s]+)", self.get("Via")).group(1)

    def encode(self):
        lines = [self.start] + [f"{k}: {v}" for k, v in self.headers] + [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode() + self.body


def digest_answer(challenge, method, uri, user, password, cnonce, count=1):
    """The Authorization value for a WWW-Authenticate or Proxy-Authenticate value (RFC 7616)."""
    p = {k.lower(): v.strip('"') for k, v in re.findall(r'(\w+)\s*=\s*("[^"]*"|[^",\s]+)', challenge)}
    algorithm = p.get("algorithm", "MD5")
    name = {"MD5": "md5", "SHA-256": "sha256"}[algorithm.upper()]

    def h(*parts):
        return hashlib.new(name, ":".join(parts).encode()).hexdigest()
    ha1, ha2 = h(user, p["realm"], password), h(method, uri)
    if "qop" in p:
        answer = h(ha1, p["nonce"], f"{count:08x}", cnonce, "auth", ha2)
        tail = f', qop=auth, nc={count:08x}, cnonce="{cnonce}"'
    else:
        answer, tail = h(ha1, p["nonce"], ha2), ""
    if "opaque" in p:
        tail += f', opaque="{p["opaque"]}"'
    return (f'Digest username="{user}", realm="{p["realm"]}", nonce="{p["nonce"]}", uri="{uri}", '
            f'response="{answer}", algorithm={algorithm}{tail}')


class SipUa:
    """sock: connected to the gateway. algorithm: which digest it answers when both are offered."""

    def __init__(self, sock, user, password="secret", domain="ims.test", transport="TLS", algorithm="MD5",
                 outbound=True):
        self.socket, self.user, self.password, self.domain = sock, user, password, domain
        self.transport, self.algorithm = transport, algorithm
        self.aor = f"sip:{user}@{domain}"
        host, port = sock.getsockname()[:2]
        self.sent_by = f"{host}:{port}"
        self.instance = f'"<urn:uuid:{token(4)}-0000-4000-8000-{token(6)}>"' if outbound else None
        self.contact = f"<sip:{user}@{self.sent_by};transport={transport.lower()}>"
        self.service_route, self.associated = [], []
        self.inbox, self.left, self.pongs = [], b"", 0
        self.registration = {"call_id": token(), "tag": token(4), "cseq": 0}

    # --- the wire

    def send(self, message):
        self.socket.sendall(message.encode() if isinstance(message, SipMessage) else message)

    def cut(self):
        """One message from the bytes that have come, or None."""
        while self.left.startswith(b"\r\n"):
            if self.left.startswith(b"\r\n\r\n"):
                self.left = self.left[4:]
                self.send(b"\r\n")
            else:
                self.left = self.left[2:]
                self.pongs += 1
        end = self.left.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self.left[:end]
        match = re.search(rb"\r\n(?:content-length|l)\s*:\s*(\d+)", head, re.I)
        length = int(match.group(1)) if match else 0
        if len(self.left) < end + 4 + length:
            return None
        body, self.left = self.left[end + 4:end + 4 + length], self.left[end + 4 + length:]
        return SipMessage.parse(head, body)

    def pump(self, deadline):
        """Reads once, puts whole messages into the inbox."""
        self.socket.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            got = self.socket.recv(65536)
        except (TimeoutError, socket.timeout):
            return
        if not got:
            raise Failure(f"{self.user}: the gateway closed the connection")
        self.left += got
        while (message := self.cut()) is not None:
            self.inbox.append(message)

    def wait_message(self, wanted, seconds, what):
        """The first message for which wanted() holds; the others stay for later."""
        deadline = time.monotonic() + seconds
        while True:
            for i, message in enumerate(self.inbox):
                if wanted(message):
                    return self.inbox.pop(i)
            if time.monotonic() > deadline:
                raise Failure(f"{self.user}: no {what} within {seconds} s; has " +
                              (", ".join(m.start for m in self.inbox) or "nothing"))
            self.pump(deadline)

    def ping(self, seconds=5):
        """RFC 5626 4.4.1: CRLFCRLF is answered with CRLF."""
        before, deadline = self.pongs, time.monotonic() + seconds
        self.send(b"\r\n\r\n")
        while self.pongs == before:
            check(time.monotonic() < deadline, f"{self.user}: no pong within {seconds} s")
            self.pump(deadline)

    def close(self):
        self.socket.close()

    # --- requests

    def request(self, method, uri, to=None, call_id=None, cseq=1, tag=None, routes=(), extra=(), body=b"",
                branch=None, to_tag=None):
        to_value = f"<{to or uri}>" + (f";tag={to_tag}" if to_tag else "")
        headers = [("Via", f"SIP/2.0/{self.transport} {self.sent_by};rport;branch={branch or 'z9hG4bK' + token()}"),
                   ("Max-Forwards", "70"), ("From", f"<{self.aor}>;tag={tag or token(4)}"), ("To", to_value),
                   ("Call-ID", call_id or token()), ("CSeq", f"{cseq} {method}"),
                   *(("Route", r) for r in routes), *extra]
        return SipMessage(f"{method} {uri} SIP/2.0", headers, body.encode() if isinstance(body, str) else body)

    def response_to(self, request, seconds=10, final=True):
        branch, method = request.branch(), request.cseq()[1]
        return self.wait_message(
            lambda m: m.status >= (200 if final else 100) and m.branch() == branch and m.cseq()[1] == method,
            seconds, f"{'final ' if final else ''}response to {method}")

    def authorize(self, challenge, method, uri):
        """The credentials header for a 401 or 407; the challenge of this UA's algorithm is taken."""
        www = challenge.status == 401
        offered = challenge.all("WWW-Authenticate" if www else "Proxy-Authenticate")
        fit = [c for c in offered if (re.search(r"algorithm=\"?([\w-]+)", c, re.I) or [0, "MD5"])[1].upper()
               == self.algorithm]
        check(fit, f"{self.user}: no {self.algorithm} challenge in {offered}")
        return ("Authorization" if www else "Proxy-Authorization",
                digest_answer(fit[0], method, uri, self.user, self.password, token(4)))

    def transact(self, make, seconds=10):
        """make(extra headers, attempt) -> request. Sends it, answers one challenge; returns the final response."""
        request = make([], 0)
        self.send(request)
        response = self.response_to(request, seconds)
        if response.status in (401, 407):
            uri = request.start.split(" ")[1]
            request = make([self.authorize(response, request.method, uri)], 1)
            self.send(request)
            response = self.response_to(request, seconds)
        return response

    def register(self, expires=600, good=(200,), seconds=10):
        r = self.registration
        contact = self.contact
        if self.instance:
            contact += f";+sip.instance={self.instance};reg-id=1"

        def make(extra, _attempt):
            r["cseq"] += 1
            supported = [("Supported", "path, outbound")] if self.instance else [("Supported", "path")]
            return self.request("REGISTER", f"sip:{self.domain}", to=self.aor, call_id=r["call_id"], cseq=r["cseq"],
                                tag=r["tag"], extra=[("Contact", contact), ("Expires", str(expires)), *supported,
                                                     *extra])
        response = self.transact(make, seconds)
        check(response.status in good, f"{self.user}: REGISTER was answered {response.start}, wanted {good}")
        if response.status == 200 and expires:
            self.service_route = response.routes("Service-Route")
            self.associated = response.routes("P-Associated-URI")
        return response

    def message(self, uri, text, content_type="text/plain"):
        """Sends a MESSAGE (RFC 3428); response_to() it gives the answer."""
        request = self.request("MESSAGE", uri, routes=self.service_route, extra=[("Content-Type", content_type)],
                               body=text)
        self.send(request)
        return request

    def invite(self, uri, sdp=SDP, extra=()):
        call = OutgoingCall(self, uri, sdp, extra)
        call.send()
        return call

    def expect(self, method, seconds=10):
        """The next request of that method as something to answer."""
        return IncomingRequest(self, self.wait_message(lambda m: m.method == method, seconds, method))


class Dialog:
    """What both ends of a call share once there is a remote tag (RFC 3261 12)."""

    def in_dialog(self, method, extra=(), body=b"", cseq=None):
        if cseq is None:
            self.cseq = cseq = self.cseq + 1
        return self.ua.request(method, self.target, to=self.peer, call_id=self.call_id, cseq=cseq, tag=self.tag,
                               to_tag=self.peer_tag, routes=self.route_set,
                               extra=[("Contact", self.ua.contact), *extra], body=body)

    def ack(self, invite):
        self.ua.send(self.in_dialog("ACK", cseq=invite.cseq()[0]))


class OutgoingCall(Dialog):
    def __init__(self, ua, uri, sdp, extra):
        self.ua, self.uri, self.sdp, self.extra = ua, uri, sdp, list(extra)
        self.call_id, self.tag, self.cseq = token(), token(4), 0
        self.peer, self.peer_tag, self.target, self.route_set = uri, None, uri, []
        self.provisional = []

    def send(self, credentials=()):
        self.cseq += 1
        self.request = self.ua.request(
            "INVITE", self.uri, call_id=self.call_id, cseq=self.cseq, tag=self.tag, routes=self.ua.service_route,
            extra=[("Contact", self.ua.contact), ("Supported", "path, outbound"),
                   ("Content-Type", "application/sdp"), *self.extra, *credentials], body=self.sdp)
        self.ua.send(self.request)

    def wait(self, status, seconds=15):
        """Waits for that status (ACKs a final one); any other final status fails."""
        while True:
            response = self.ua.response_to(self.request, seconds, final=False)
            if response.status in (401, 407) and response.status != status:
                self.ack_failure(response)
                self.send([self.ua.authorize(response, "INVITE", self.uri)])
                continue
            if response.status >= 300:
                self.ack_failure(response)
            elif response.status >= 200:
                self.established(response)
            if response.status == status:
                return response
            check(response.status < 200, f"{self.ua.user}: INVITE was answered {response.start}, wanted {status}")
            self.provisional.append(response.status)

    def ack_failure(self, response):
        """RFC 3261 17.1.1.3: same branch, same Route, To of the response."""
        ack = self.ua.request("ACK", self.uri, call_id=self.call_id, cseq=self.cseq, tag=self.tag,
                              branch=self.request.branch(), routes=self.request.all("Route"))
        ack.headers = [(k, response.get("To") if k == "To" else v) for k, v in ack.headers]
        self.ua.send(ack)

    def established(self, response):
        self.peer_tag, self.target = response.tag("To"), response.contact_uri()
        self.route_set = list(reversed(response.routes("Record-Route")))
        self.ack(response)

    def cancel(self):
        """RFC 3261 9.1; its 200 comes from the next hop, the 487 from the other end."""
        request = self.ua.request("CANCEL", self.uri, call_id=self.call_id, cseq=self.cseq, tag=self.tag,
                                  branch=self.request.branch(), routes=self.request.all("Route"))
        self.ua.send(request)
        answer = self.ua.response_to(request)
        check(answer.status == 200, f"{self.ua.user}: CANCEL was answered {answer.start}")


class IncomingRequest(Dialog):
    """A request to this UA; for an INVITE also the callee's side of the call."""

    def __init__(self, ua, request):
        self.ua, self.request = ua, request
        self.call_id, self.tag, self.cseq = request.get("Call-ID"), token(4), 0
        match = re.search(r"<([^>]+)>", request.get("From"))
        self.peer = match.group(1) if match else request.get("From").split(";")[0]
        self.peer_tag = request.tag("From")
        self.target = request.contact_uri() if request.get("Contact") else None
        self.route_set = request.routes("Record-Route")

    def reply(self, status, reason="Test", extra=(), body=b""):
        r = self.request
        to = r.get("To") if status == 100 or r.tag("To") else f"{r.get('To')};tag={self.tag}"
        headers = [("Via", v) for v in r.all("Via")] + [("Record-Route", v) for v in r.all("Record-Route")]
        headers += [("From", r.get("From")), ("To", to), ("Call-ID", self.call_id), ("CSeq", r.get("CSeq"))]
        if r.method == "INVITE" and 101 <= status < 300:
            headers.append(("Contact", self.ua.contact))
        self.ua.send(SipMessage(f"SIP/2.0 {status} {reason}", headers + list(extra), body))

    def ring(self):
        self.reply(180, "Ringing")

    def answer(self):
        """200 with SDP; the ACK comes once the caller has it."""
        self.reply(200, "OK", [("Content-Type", "application/sdp")], SDP.encode())

    def refuse(self, status, seconds=10):
        self.reply(status)
        self.expect_ack(seconds)

    def expect_ack(self, seconds=10):
        number = self.request.cseq()[0]
        return self.ua.wait_message(lambda m: m.method == "ACK" and m.get("Call-ID") == self.call_id
                                    and m.cseq()[0] == number, seconds, "ACK")

    def expect_cancel(self, seconds=10):
        """The CANCEL of this INVITE: answers both as RFC 3261 9.2 says."""
        cancel = IncomingRequest(self.ua, self.ua.wait_message(
            lambda m: m.method == "CANCEL" and m.get("Call-ID") == self.call_id, seconds, "CANCEL"))
        cancel.tag = self.tag
        cancel.reply(200, "OK")
        self.refuse(487, seconds)


def hang_up(caller, callee):
    """BYE from one end, answered by the other."""
    request = caller.in_dialog("BYE")
    caller.ua.send(request)
    callee.ua.expect("BYE").reply(200, "OK")
    response = caller.ua.response_to(request)
    check(response.status == 200, f"BYE was answered {response.start}")


def talk(caller, callee, uri=None, record_route=None):
    """A whole call up to the answer; returns both ends. record_route: what a proxy before the callee would add."""
    out = caller.invite(uri or callee.aor)
    incoming = callee.expect("INVITE")
    if record_route:
        incoming.request.headers.insert(0, ("Record-Route", record_route))
    incoming.ring()
    out.wait(180)
    incoming.answer()
    out.wait(200)
    incoming.expect_ack()
    return out, incoming


def cancel(caller, callee):
    """A call that is given up while it rings."""
    out = caller.invite(callee.aor)
    incoming = callee.expect("INVITE")
    incoming.ring()
    out.wait(180)
    out.cancel()
    incoming.expect_cancel()
    out.wait(487)


def write_to(one, other, text):
    """A MESSAGE, delivered and answered."""
    request = one.message(other.aor, text)
    got = other.expect("MESSAGE")
    check(got.request.body == text.encode(), f"MESSAGE came as {got.request.body!r}")
    got.reply(200, "OK")
    response = one.response_to(request)
    check(response.status == 200, f"MESSAGE was answered {response.start}")
