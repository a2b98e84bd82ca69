"""plain_core: an IMS core over UDP of one thread: takes every registration, is there (OPTIONS), refuses all else with
404, and says nothing to what is no request, or to anything while it is silent. `load`: what it puts into the edge's Via
where that asks for it (RFC 7339)."""
import re
import socket
import threading

from lab.sip_ua import SipMessage, token


class PlainCore:
    def __init__(self, port, edge_port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", port))
        self.edge, self.port, self.ended, self.requests = ("127.0.0.1", edge_port), port, False, 0
        self.silent, self.load = False, ""
        self.options = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended:
            try:
                data = self.socket.recv(65536)
            except OSError:
                return
            head, _, body = data.partition(b"\r\n\r\n")
            message = SipMessage.parse(head, body)
            if message.status == 200 and message.cseq()[1] == "OPTIONS":
                self.options.set()
            elif not self.silent and not message.status and message.method != "ACK" and message.get("CSeq"):
                self.requests += 1
                self.answer(message)

    def answer(self, request):
        probe = request.method == "OPTIONS" and len(request.all("Via")) == 1
        good = request.method == "REGISTER" or probe
        headers = [("Via", v.replace(";oc;", f";{self.load};") if self.load else v) for v in request.all("Via")]
        headers += [("From", request.get("From")), ("To", f"{request.get('To')};tag={token(4)}"),
                    ("Call-ID", request.get("Call-ID")), ("CSeq", request.get("CSeq"))]
        if request.method == "REGISTER":
            headers += [("Contact", re.sub(r";expires=\d+", "", v) + ";expires=600") for v in request.all("Contact")]
            headers += [("Path", v) for v in request.all("Path")]
            headers.append(("Service-Route", f"<sip:orig@127.0.0.1:{self.port};lr>"))
        elif not good:
            headers.append(("P-Asserted-Identity", "<sip:core@ims.test>"))
        start = "SIP/2.0 200 OK" if good else "SIP/2.0 404 Not Found"
        self.socket.sendto(SipMessage(start, headers).encode(), self.edge)

    def ask_options(self):
        """RFC 3261 11: is the edge there? True once it has said so."""
        self.options.clear()
        self.socket.sendto(
            (f"OPTIONS sip:127.0.0.1:{self.edge[1]} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self.port};"
             f"branch=z9hG4bK{token()}\r\nMax-Forwards: 70\r\nFrom: <sip:core@ims.test>;tag=c\r\n"
             f"To: <sip:127.0.0.1:{self.edge[1]}>\r\nCall-ID: {token()}\r\nCSeq: 1 OPTIONS\r\n"
             "Content-Length: 0\r\n\r\n").encode(), self.edge)
        return self.options.wait(2)

    def stop(self):
        self.ended = True
        self.socket.close()
