"""chromium: Debian's browser without a screen, in any namespace, that trusts a CA of ours and nothing else of ours. The
page it opens comes from a server of the test's own, and says how it went by a POST to that server."""
import http.server
import json
import os
import queue
import threading

from lab import net
from lab.case import Failure, need

# No first-run pages, no calls home: it speaks to our gateway or to nobody.
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
         "--no-default-browser-check", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-extensions", "--disable-default-apps", "--metrics-recording-only",
         "--autoplay-policy=no-user-gesture-required"]


class Page:
    """Serves one page at `url` in that namespace; result() waits for what it posts."""

    def __init__(self, case, text, space=None):
        results = self.results = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, code, kind, body):
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                if self.path == "/":
                    self.answer(200, "text/html; charset=utf-8", text.encode())
                else:
                    self.answer(404, "text/plain", b"")

            def do_POST(self):
                results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.answer(200, "text/plain", b"")

            def log_message(self, *args):
                pass
        with net.inside(space):
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        case.undo.callback(self.server.server_close)
        case.undo.callback(self.server.shutdown)

    def result(self, seconds):
        try:
            return self.results.get(timeout=seconds)
        except queue.Empty:
            raise Failure(f"the page said nothing for {seconds} s") from None


def open_page(case, url, ca, space=None, name="chromium"):
    """Starts the browser on it; ca: a file with the CA's certificate, or None."""
    need("chromium", "certutil")
    home = case.path(name, "x")[:-2]
    store = case.path(name, ".pki", "nssdb", "x")[:-2]
    case.run(["certutil", "-d", f"sql:{store}", "-N", "--empty-password"])
    if ca:
        done = case.run(["certutil", "-d", f"sql:{store}", "-A", "-t", "C,,", "-n", "ca", "-i", ca])
        if done.returncode != 0:
            raise Failure(f"certutil: {done.stdout}")
    return case.start(["chromium", *QUIET, f"--user-data-dir={os.path.join(home, 'profile')}", url], name=name,
                      space=space, env={"HOME": home})
