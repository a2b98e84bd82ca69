"""echo: a UDP peer that sends back what it gets; in any namespace, on its own thread."""
import socket
import threading

from lab import net


class Echo:
    def __init__(self, case, address="127.0.0.1", space=None):
        with net.inside(space):
            self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.address = self.socket.getsockname()[:2]
        self.got = 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        case.undo.callback(self.stop)

    def serve(self):
        while True:
            data, sender = self.socket.recvfrom(65535)
            if data == b"stop" and sender[0] == self.address[0] and self.stopping:
                return
            self.got += 1
            try:
                self.socket.sendto(data, sender)
            except OSError:
                return

    stopping = False

    def stop(self):
        self.stopping = True
        self.socket.sendto(b"stop", self.address)
        self.thread.join(2)
        self.socket.close()
