"""half_tls: a TLS client that can end its own side (close_notify) and go on reading (RFC 8446 6.1): Python's own
socket cannot, for its unwrap() waits for the other side and takes data for an error."""
import socket
import ssl


class HalfTls:
    def __init__(self, sock, context, host):
        self.socket, self.into, self.out = sock, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.into, self.out, server_hostname=host)
        self.until(self.tls.do_handshake)

    def flush(self):
        self.socket.sendall(self.out.read())

    def until(self, action, *args):
        """Does it, reading from the socket as often as it wants."""
        while True:
            try:
                done = action(*args)
            except ssl.SSLWantReadError:
                self.flush()
                got = self.socket.recv(65536)
                if not got:
                    raise ConnectionResetError("TCP ended without a close_notify") from None
                self.into.write(got)
                continue
            self.flush()
            return done

    def sendall(self, data):
        self.until(self.tls.write, data)

    def recv(self, size):
        """b"" after the close_notify of the other side."""
        try:
            return self.until(self.tls.read, size)
        except ssl.SSLZeroReturnError:
            return b""

    def shutdown(self, how):
        assert how == socket.SHUT_WR
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass  # for the other side's, which may come late
        self.flush()

    def settimeout(self, seconds):
        self.socket.settimeout(seconds)

    def close(self):
        self.socket.close()
