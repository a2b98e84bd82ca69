"""scripted_core: a core over UDP that answers REGISTER by itself and nothing else: every other message waits until the
test asks for it, and is answered, repeated or left alone as the test says."""
import time

from lab.case import check, wait_for
from lab.sip_ua import SipMessage, token
from lab.stub_core import StubCore


class ScriptedCore(StubCore):
    def __init__(self, case, port, granted=()):
        """granted: further headers of a 200 to REGISTER."""
        self.granted, self.edge, self.paths = list(granted), None, {}
        super().__init__(case, "core", "udp", port)

    def take_datagram(self, message, peer):
        self.edge = peer
        if message.method == "REGISTER":
            self.send(self.registers(message))
        else:
            self.seen.append(message)

    def registers(self, request):
        self.registered = request
        self.paths[request.get("To").split(";")[0].strip("<>")] = request.get("Path")
        gone = request.get("Expires") == "0"
        contact = [] if gone else [("Contact", request.get("Contact") + ";expires=600")]
        return self.reply(request, "200 OK", contact + [("Service-Route", self.service_route),
                                                        ("Path", request.get("Path")), *self.granted])

    def send(self, message):
        self.socket.sendto(message.encode(), self.edge)

    def answer(self, request, status, extra=()):
        self.send(self.reply(request, status, extra))

    def accept(self, invite):
        """200 with all that a dialog needs."""
        self.answer(invite, "200 OK", [("Contact", f"<sip:callee@127.0.0.1:{self.port}>"),
                                       *(("Record-Route", r) for r in invite.all("Record-Route"))])

    def get(self, wanted, seconds=5):
        """The oldest request of that method, or response of that status."""
        def look():
            for i, m in enumerate(self.seen):
                if wanted in (m.method, m.status):
                    return self.seen.pop(i)
            return None
        return wait_for(look, seconds, f"the core gets {wanted}", pause=0.01)

    def get_none(self, wanted):
        """Nothing of the kind was under way: what is asked for next has come, and it has not."""
        check(not [m for m in self.seen if wanted in (m.method, m.status)], f"the core got {wanted}")

    def forget(self):
        """What is still being sent again, too."""
        time.sleep(0.05)
        self.seen.clear()

    def request(self, method, uri, user, extra=(), cseq=1, more_vias=()):
        """To a registered user, by the Path of his registration."""
        return SipMessage(f"{method} {uri} SIP/2.0",
                          [("Via", f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{token()}"),
                           *(("Via", v) for v in more_vias), ("Max-Forwards", "70"), ("Route", self.paths[user]),
                           ("From", "<sip:caller@else.example>;tag=far"), ("To", f"<{user}>"), ("Call-ID", token()),
                           ("CSeq", f"{cseq} {method}"), ("Contact", f"<sip:caller@127.0.0.1:{self.port}>"), *extra])

    def follow(self, request, method, to=None):
        """ACK of a refusal, or CANCEL: the same transaction."""
        swap = {"CSeq": f"{request.cseq()[0]} {method}"}
        if to:
            swap["To"] = to
        return SipMessage(request.start.replace(request.method, method, 1),
                          [(k, swap.get(k, v)) for k, v in request.headers if k != "Contact"])
