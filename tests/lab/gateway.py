"""gateway: the daemon under test: its configuration, users, readiness, counters, memory, and what the
sanitizers have to say about it once it has ended."""
import glob
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess

from lab import net
from lab.case import Failure, Skip, check, check_equal, wait_for
from lab.pki import Pki

REALM, PASSWORD = "ims.test", "secret"
USERS = ("alice", "bob")
FLOW_PORTS = (24000, 24999)

# Exit codes of a daemon can get lost, so every report also goes to a file, and any such file fails the test. The
# small quarantine keeps freed memory from looking like growth.
SANITIZERS = {
    "ASAN_OPTIONS": "log_path={log}:exitcode=66:detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1:"
                    "quarantine_size_mb=8:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "log_path={log}:exitcode=66:halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "log_path={log}:exitcode=66:halt_on_error=0:second_deadlock_stack=1:history_size=4:"
                    "allocator_may_return_null=1",
    "LSAN_OPTIONS": "log_path={log}:exitcode=66:report_objects=1",
}


def program(name):
    folder = os.environ.get("SALLYPORT_BIN")
    if not folder:
        raise Skip("SALLYPORT_BIN does not name the folder with the built programs (ctest sets it)")
    path = os.path.join(folder, name)
    if not os.access(path, os.X_OK):
        raise Skip(f"{path} is not built")
    return path


def sanitizer_options(log):
    return {key: value.format(log=log) for key, value in SANITIZERS.items()}


given_out = set()


def free_ports(count):
    """Ports of the range that nobody holds, TCP and UDP. Each test process begins at another place of the range."""
    first, last = FLOW_PORTS
    found, port = [], first + os.getpid() * 16 % (last - first + 1)
    for _ in range(last - first + 1):
        port = port + 1 if port < last else first
        if port in given_out:
            continue
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(("127.0.0.1", port))
        except OSError:
            continue
        found.append(port)
        given_out.add(port)
        if len(found) == count:
            return found
    raise Failure("no free ports between %d and %d" % FLOW_PORTS)


def quote(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(quote(v) for v in value) + "}"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def config_text(sections):
    lines = []
    for section, keys in sections.items():
        lines.append(f"{section} {{")
        lines += [f"    {key} = {quote(value)}" for key, value in keys.items()]
        lines.append("}")
    return "\n".join(lines) + "\n"


class Gateway:
    """settings: {section: {key: value}}, laid over the presets below. With `space` the daemon runs in that network
    namespace on 10.44.0.1:443, else on 127.0.0.1 with a free port (self.port)."""

    def __init__(self, case, settings=None, space=None, users=USERS, threads=2, name="gateway"):
        self.case, self.space, self.users = case, space, users
        self.folder = case.path(name, "x")[:-2]
        self.pki = Pki(os.path.join(self.folder, "pki"))
        self.certificates = [self.pki.issue("ecdsa"), self.pki.issue("rsa")]
        self.address = net.GATEWAY if space else "127.0.0.1"
        if space:
            self.port, self.relay_ports = 443, (49152, 49999)
        else:
            self.port = free_ports(1)[0]
            self.relay_ports = (25000, 25999)
        self.socket = os.path.join(self.folder, "control.sock")
        self.config_path = os.path.join(self.folder, "sallyport.conf")
        self.state = os.path.join(self.folder, "state")
        os.makedirs(self.state, mode=0o700, exist_ok=True)
        self.settings = self.presets(threads)
        for section, keys in (settings or {}).items():
            self.settings.setdefault(section, {}).update(keys)
        self.process, self.log_to = None, None  # log_to: a path instead of the test's own log
        self.generation = 0

    def presets(self, threads):
        return {
            "process": {"threads": threads},
            "log": {"level": "debug"},
            "store": {"path": self.state},
            "control": {"socket": self.socket},
            "door": {"listen": [f"tls://{self.address}:{self.port}"]},
            "tls": {"certificates": [c for c, _ in self.certificates], "keys": [k for _, k in self.certificates]},
            "turn": {"realm": REALM, "relay_addresses": [self.address],
                     "relay_ports": "%d-%d" % self.relay_ports},
            "pcscf": {"host": "gw.ims.test"},
            "registrar": {"domains": [REALM]},
        }

    def write_config(self):
        with open(self.config_path, "w", encoding="utf-8") as f:
            f.write(config_text(self.settings))

    def start(self, seconds=30):
        """Starts the daemon, waits until it answers, and makes the users."""
        self.write_config()
        self.generation += 1
        self.san_log = self.case.path(f"san.gateway-{self.generation}")
        argv = [program("sallyportd"), "-c", self.config_path]
        if self.log_to:
            argv = ["sh", "-c", 'exec "$0" "$1" "$2" 2>"$3"', *argv, self.log_to]
        self.process = self.case.start(argv, name=f"sallyportd-{self.generation}", space=self.space,
                                       env=sanitizer_options(self.san_log))
        self.case.finally_check(self.check_sanitizers)

        def ready():
            check(self.process.running(), "the daemon ended at start")
            return self.ctl("ping", good=None).returncode == 0
        wait_for(ready, seconds, "the daemon answers sallyportctl ping")
        if self.generation == 1:
            for user in self.users:
                self.ctl("user", "add", user, "--realm", REALM, input=PASSWORD + "\n")
        return self

    def ctl(self, *args, input=None, good=0):
        """sallyportctl; fails the test unless it exits with `good` (None: any)."""
        path = program("sallyportctl")
        try:
            done = subprocess.run([path, "-s", self.socket, *args], input=input, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=20, check=False,
                                  env={**os.environ, **sanitizer_options(self.case.path("san.ctl"))})
        except subprocess.TimeoutExpired:
            raise Failure(f"sallyportctl {' '.join(args)} hangs") from None
        if good is not None:
            check_equal(done.returncode, good, f"sallyportctl {' '.join(args)}: {done.stdout}{done.stderr}; exit code")
        return done

    # --- what it counts and what it costs

    def stats(self):
        """All counters and gauges, {'sallyport_closes_total{reason="plain"}': 3, ...}."""
        out = {}
        for line in self.ctl("stats", "--prometheus").stdout.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                out[name] = float(value)
        return out

    def stat(self, name, labels=""):
        """One number; `name` without the sallyport_ prefix. An unknown name is an error of the test."""
        key = f"sallyport_{name}" + (f"{{{labels}}}" if labels else "")
        stats = self.stats()
        check(key in stats, f"no counter {key}; there are: " + ", ".join(sorted(stats)))
        return int(stats[key])

    def closes(self, reason):
        return self.stat("closes_total", f'reason="{reason}"')

    def wait_stat(self, name, at_least, labels="", seconds=10):
        wait_for(lambda: self.stat(name, labels) >= at_least, seconds,
                 f"{name}{{{labels}}} at least {at_least} (is {self.stat(name, labels)})", pause=0.2)

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def rows(self, table, columns="*"):
        """Rows of a table in either of the store's files."""
        for path in sorted(glob.glob(os.path.join(self.state, "*.db")) +
                           glob.glob(os.path.join(self.state, "*.sqlite*"))):
            if path.endswith(("-wal", "-shm")):
                continue
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as db:
                if db.execute("SELECT 1 FROM sqlite_master WHERE type='table' AND name=?", (table,)).fetchone():
                    return db.execute(f"SELECT {columns} FROM {table}").fetchall()
        raise Failure(f"no table {table} in {os.listdir(self.state)}")

    # --- ways in

    def tls_context(self, ca=None, alpn=None, version=None, verify=True):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if verify:
            context.load_verify_locations(ca or self.pki.ca)
        else:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols(alpn)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def connect_tcp(self, space=None, port=None, timeout=10, address=None, source=None):
        address = address or self.address
        with net.inside(space):
            s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        s.settimeout(timeout)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if source:
                s.bind((source, 0))
            s.connect((address, port or self.port))
        except OSError:
            s.close()
            raise
        return s

    def connect_tls(self, space=None, port=None, timeout=10, context=None, name="gw.ims.test", session=None,
                    address=None, source=None):
        raw = self.connect_tcp(space, port, timeout, address, source)
        try:
            return (context or self.tls_context()).wrap_socket(raw, server_hostname=name, session=session)
        except (OSError, ssl.SSLError):
            raw.close()
            raise

    # --- the end

    def stop(self, seconds=30):
        """SIGTERM must end it in order: exit code 0 and no sanitizer report."""
        self.process.signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self.check_sanitizers()
        check_equal(code, 0, "exit code of sallyportd after SIGTERM")

    def check_alive(self):
        check(self.process.running(), "the daemon has ended")
        self.ctl("ping")

    def check_sanitizers(self):
        """Reports of ASan, UBSan, TSan and LSan, and an end by anything but our own signal."""
        for path in sorted(glob.glob(self.case.path("san.*"))):
            with open(path, encoding="utf-8", errors="replace") as f:
                raise Failure(f"sanitizer report {os.path.basename(path)}:\n{f.read()[:6000]}")
        code = self.process.popen.poll()
        if code is not None and code not in (0, -signal.SIGKILL):
            raise Failure(f"sallyportd ended with {code}")
