"""net: the network of the tests, made of namespaces.

    phone a 10.44.1.2 --+
                        +-- firewall (nothing but TCP 443 to the gateway) -- gateway 10.44.0.1
    phone b 10.44.2.2 --+

Names carry the test's pid (sp1234-gw, -fw, -a, -b), so that runs side by side do not meet; what a killed run
left behind is taken down by the next one. One Python process can hold sockets in all of them: a socket
belongs to the namespace in which its thread was when it was made."""
import contextlib
import ctypes
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from lab.case import Failure, need, need_root

GATEWAY = "10.44.0.1"
ROLES = ("gw", "fw", "a", "b")
CLONE_NEWNET = 0x40000000
HOSTS = "127.0.0.1 localhost\n::1 localhost\n10.44.0.1 gw.ims.test ims.test\n"

FIREWALL = """
table inet fw {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
%s
    counter name dropped drop
  }
  counter dropped { }
  counter passed { }
}
"""


def ip(*args):
    done = subprocess.run(["ip", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"ip {' '.join(args)}: {done.stdout.strip()}")
    return done.stdout


@contextlib.contextmanager
def inside(space):
    """Sockets made in this block belong to that namespace (None: where we are)."""
    if not space:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{space}", "rb") as there:
        if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter namespace {space}")
        try:
            yield
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


def remove_space(name):
    """Ends what still runs in the namespace and deletes it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        pids = subprocess.run(["ip", "netns", "pids", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, check=False).stdout.split()
        pids = [p for p in pids if int(p) != os.getpid()]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), number)
        end = time.monotonic() + 2
        while pids and time.monotonic() < end and any(os.path.exists(f"/proc/{p}") for p in pids):
            time.sleep(0.02)
    subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)


def remove_stale():
    """Namespaces of runs that were killed: their names say whose they were."""
    for path in glob.glob("/run/netns/sp*-*") + glob.glob("/etc/netns/sp*-*"):
        name = os.path.basename(path)
        match = re.fullmatch(r"sp(\d+)-(gw|fw|a|b)", name)
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            remove_space(name)


class Net:
    """`openings`: what the firewall lets through to the gateway beside established flows."""

    def __init__(self, case, openings=(("tcp", 443),)):
        need_root()
        need("ip", "nft")
        remove_stale()
        self.case = case
        self.spaces = {role: f"sp{os.getpid()}-{role}" for role in ROLES}
        for name in self.spaces.values():
            case.undo.callback(remove_space, name)
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
            os.makedirs(f"/etc/netns/{name}", exist_ok=True)
            for file, text in (("hosts", HOSTS), ("resolv.conf", "")):
                with open(f"/etc/netns/{name}/{file}", "w", encoding="ascii") as f:
                    f.write(text)
        for index, (role, host, router) in enumerate((("gw", 1, 254), ("a", 2, 1), ("b", 2, 1))):
            self.link(role, index, host, router)
        self.run("fw", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        rules = "\n".join(f"    ip daddr {GATEWAY} {proto} dport {port} counter name passed accept"
                          for proto, port in openings)
        self.nft(FIREWALL % rules)

    def link(self, role, index, host, router):
        fw, leg = self.spaces["fw"], f"leg{index}"
        ip("link", "add", "eth0", "netns", self.spaces[role], "type", "veth", "peer", "name", leg, "netns", fw)
        for space, device, last in ((self.spaces[role], "eth0", host), (fw, leg, router)):
            ip("-n", space, "addr", "add", f"10.44.{index}.{last}/24", "dev", device)
            ip("-n", space, "link", "set", device, "up")
        ip("-n", self.spaces[role], "route", "add", "default", "via", f"10.44.{index}.{router}")

    def __getitem__(self, role):
        return self.spaces[role]

    def run(self, role, *argv, **how):
        done = self.case.run(argv, space=self.spaces[role], **how)
        if done.returncode != 0:
            raise Failure(f"{' '.join(argv)} in {role}: {done.stdout.strip()}")
        return done.stdout

    def nft(self, text):
        self.run("fw", "nft", "-f", "-", input=text)

    def counter(self, name):
        """Packets the firewall has counted: "passed" (new flows let through) or "dropped"."""
        out = self.run("fw", "nft", "list", "counter", "inet", "fw", name)
        return int(re.search(r"packets (\d+)", out).group(1))

    def start_dns(self):
        """dnsmasq on the firewall for clients with a resolver of their own."""
        need("dnsmasq")
        for index, role in ((1, "a"), (2, "b")):
            address = f"10.44.{index}.1"
            self.case.start(["dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
                             f"--listen-address={address}", f"--pid-file={self.case.path(f'dns-{role}.pid')}",
                             "--user=root", "--host-record=gw.ims.test,10.44.0.1", "--host-record=ims.test,10.44.0.1"],
                            name=f"dnsmasq-{role}", space=self.spaces["fw"])
            with open(f"/etc/netns/{self.spaces[role]}/resolv.conf", "w", encoding="ascii") as f:
                f.write(f"nameserver {address}\n")

    def socket(self, role, family=socket.AF_INET, kind=socket.SOCK_STREAM):
        with inside(self.spaces[role]):
            return socket.socket(family, kind)
