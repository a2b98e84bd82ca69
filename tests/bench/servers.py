"""servers: who is under load, started alike: same certificate, realm, user, relay ports, one core."""
import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REALM, USER, PASSWORD = "bench.test", "bench", "secret"
FIRST_PORT, LAST_PORT = 28500, 28749   # of the servers; for UDP the next ones, since some look at the number alone
RELAY_PORTS = (10000, 23999)           # below the kernel's own range; 9000 allocations must fit
PATIENCE = 30


class Trouble(Exception):
    """A server or the driver did not do its part; `ended`: the server that is no more."""

    def __init__(self, text, ended=None):
        super().__init__(text)
        self.ended = ended


def is_free(port, kind):
    with socket.socket(socket.AF_INET, kind) as s:
        if kind == socket.SOCK_STREAM:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(kind=socket.SOCK_STREAM):
    beyond = LAST_PORT - FIRST_PORT + 1 if kind == socket.SOCK_DGRAM else 0
    for port in range(FIRST_PORT + beyond, LAST_PORT + beyond):
        if is_free(port, kind):
            return port
    raise Trouble(f"no free port from {FIRST_PORT} to {LAST_PORT}")


def make_certificate(folder):
    cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "30", "-subj", "/CN=localhost"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return cert, key


def descriptors():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pinned(core):
    """What a child does before it becomes its program. Servers and driver alike go before whatever else the machine
    is doing, where that is allowed. Without a core it is one of many."""
    def prepare():
        descriptors()
        if core is None:
            return
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, -19)
        os.sched_setaffinity(0, {core})
    return prepare


class Server:
    """One process and those below it; `folder` is its own. Subclasses say how it is configured and when it is ready."""
    name, host = "", "127.0.0.1"

    def __init__(self, folder, certificate, core):
        self.folder = os.path.join(folder, self.name)
        os.makedirs(self.folder, exist_ok=True)
        self.cert, self.key = certificate
        self.core = core
        self.port = None
        self.process = None
        self.code = None  # how it ended
        self.fresh = True

    def start(self):
        self.port = free_port()
        command = self.configure()
        with open(f"{self.folder}/log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=pinned(self.core), cwd=self.folder,
                                            process_group=0)  # not a session: the kernel shares a core out by those
        self.fresh = True
        end = time.monotonic() + PATIENCE
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise Trouble(f"{self.name} does not start; its log: {self.tail()}")
            time.sleep(0.05)
        self.after_start()
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                pass
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # a leader that fell may leave the others behind
            self.code = self.process.wait()
        self.process = None

    def tail(self, most=1500):
        try:
            with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as f:
                return f.read()[-most:]
        except OSError:
            return ""

    def configure(self):
        raise NotImplementedError

    def is_ready(self):
        raise NotImplementedError

    def after_start(self):
        pass

    def accepts(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0


class Sallyport(Server):
    """One worker, since it has one core; everything else as shipped, but for the limits of one address and user, and
    that a full core is no reason to refuse anybody."""
    threads, more = 1, ""
    name, host = "sallyport", f"gw.{REALM}"

    def __init__(self, folder, certificate, core, programs, home_port=None):
        super().__init__(folder, certificate, core)
        self.programs = programs
        self.home_port = home_port  # of the home network behind it; None: the embedded one

    def configure(self):
        back = f', "sip+udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"' if self.home_port else ""
        # the home network behind it has no registration events, and neither has the other edge
        home = f'core = "udp:127.0.0.1:{self.home_port}" reg_event = no' if self.home_port else ""
        with open(f"{self.folder}/conf", "w", encoding="ascii") as f:
            f.write(f'''process {{ threads = {self.threads} }}
log {{ level = "warn" }}
store {{ path = "{self.folder}/state" }}
control {{ socket = "{self.folder}/control" }}
door {{
  listen = {{ "tls://127.0.0.1:{self.port}"{back} }}
  per_address_exempt = {{ "127.0.0.0/8" }}
}}
tls {{ certificates = {{ "{self.cert}" }} keys = {{ "{self.key}" }} }}
pcscf {{ host = "{self.host}" overload_lag = "0s" {home} }}
registrar {{ domains = {{ "{REALM}" }} }}
turn {{
  realm = "{REALM}"
  relay_addresses = {{ "127.0.0.1" }}
  relay_ports = "{RELAY_PORTS[0]}-{RELAY_PORTS[1]}"
  allow_peers = {{ "127.0.0.0/8" }}
  user_allocations = 0
}}
{self.more}
''')
        os.makedirs(f"{self.folder}/state", mode=0o700, exist_ok=True)
        return [f"{self.programs}/sallyportd", "-c", f"{self.folder}/conf"]

    def ctl(self, *words, **more):
        return subprocess.run([f"{self.programs}/sallyportctl", "-s", f"{self.folder}/control", *words], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)

    def is_ready(self):
        return self.ctl("ping").returncode == 0

    def after_start(self):
        self.add_user(USER)

    def add_user(self, name):
        done = self.ctl("user", "add", name, "--realm", REALM, input=PASSWORD + "\n")
        if done.returncode:
            raise Trouble(f"sallyportctl user add: {done.stdout}")


class Floor(Server):
    """What no server on OpenSSL and this kernel can avoid: TLS, and the answer to a ping (floor/floor.c)."""
    name = "floor"

    def __init__(self, folder, certificate, core, programs):
        super().__init__(folder, certificate, core)
        self.programs = programs

    def configure(self):
        return [f"{self.programs}/floor", str(self.port), self.cert, self.key]

    def is_ready(self):
        return self.accepts()


class Coturn(Server):
    """Debian's, with its own choice of threads. Its 4.6.1 has no TLS 1.3 for clients that say 1.2 first, as all do."""
    name = "coturn"

    def configure(self):
        program = shutil.which("turnserver", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if not program:
            raise Trouble("turnserver is not installed")
        return [program, "-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", str(self.port + 500),
                "--tls-listening-port", str(self.port), "--cert", self.cert, "--pkey", self.key, "--lt-cred-mech",
                "-u", f"{USER}:{PASSWORD}", "-r", REALM, "--allow-loopback-peers", "--no-cli", "--no-dtls",
                "--db", f"{self.folder}/db", "--log-file", "stdout", "--pidfile", f"{self.folder}/pid",
                "--min-port", str(RELAY_PORTS[0]), "--max-port", str(RELAY_PORTS[1])]

    def is_ready(self):
        return "Relay ports initialization done" in self.tail() and self.accepts()


class Kamailio(Server):
    """Debian's; `words` are put into its configuration."""
    config = ""

    def command(self, words, *more):
        with open(f"{HERE}/{self.config}", encoding="ascii") as f:
            text = f.read()
        for word, value in words.items():
            text = text.replace(word, value)
        with open(f"{self.folder}/cfg", "w", encoding="ascii") as f:
            f.write(text)
        program = shutil.which("kamailio", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if not program:
            raise Trouble("kamailio is not installed")
        return [program, "-f", f"{self.folder}/cfg", "-DD", "-E", "-M", "16", "-P", f"{self.folder}/pid", "-Y", self.folder,
                *more]

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.folder}/pid")
        return super().start()


class KamailioCore(Kamailio):
    name, config = "kamailio-core", "kamailio_core.cfg"

    def configure(self):
        self.port = free_port(socket.SOCK_DGRAM)
        return self.command({"CORE": f"127.0.0.1:{self.port}", "REALM": REALM, "PASSWORD": PASSWORD}, "-m", "1024")

    def is_ready(self):
        return os.path.exists(f"{self.folder}/pid") and not is_free(self.port, socket.SOCK_DGRAM)


class KamailioEdge(Kamailio):
    name, config = "kamailio", "kamailio_edge.cfg"

    def __init__(self, folder, certificate, core, home_port):
        super().__init__(folder, certificate, core)
        self.home_port = home_port

    def configure(self):
        with open(f"{self.folder}/tls", "w", encoding="ascii") as f:
            f.write(f"[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n"
                    f"certificate = {self.cert}\nprivate_key = {self.key}\n")
        back = free_port(socket.SOCK_DGRAM)
        return self.command({"DOOR": f"127.0.0.1:{self.port}", "BACK": f"127.0.0.1:{back}",
                             "CORE": f"127.0.0.1:{self.home_port}", "REALM": REALM, "TLS": f"{self.folder}/tls"},
                            "-m", "2048")

    def is_ready(self):
        return os.path.exists(f"{self.folder}/pid") and self.accepts()
