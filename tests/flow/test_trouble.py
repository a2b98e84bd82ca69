#!/usr/bin/python3
"""Trouble of the machine and not of the peers: the disk under the store is full, nobody reads the log, SIGHUP comes
without end. Phones register, call and relay all the same, the operator is told, and all is well again afterwards."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Skip, check, check_equal, need_root, run, wait_for
from lab.gateway import Gateway
from lab.sip_ua import SipUa, hang_up, talk
from lab.turn_client import TurnClient

ROUNDS = 15


def traffic(gateway):
    """Registrations and allocations that come and go; the longest of them in seconds."""
    worst = 0.0
    for _ in range(ROUNDS):
        began = time.monotonic()
        phone, client = SipUa(gateway.connect_tls(), "alice"), TurnClient(gateway.connect_tls())
        phone.register()
        phone.register(expires=0)
        client.allocate()
        client.refresh(0)
        phone.close()
        client.close()
        worst = max(worst, time.monotonic() - began)
    return worst


def small_disk(case):
    """A file system of a megabyte; skips where none may be mounted."""
    need_root()
    folder = case.path("disk", "x")[:-2]
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", folder], check=False,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise Skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    case.undo.callback(subprocess.run, ["umount", folder], check=False)
    return folder


def fill(folder):
    path = os.path.join(folder, "ballast")
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 1024)
        except OSError:
            return path


def full_disk(case):
    folder = small_disk(case)
    gateway = Gateway(case, {"log": {"level": "info"}, "store": {"path": folder}}, name="full")
    gateway.start()
    check_equal(gateway.stat("store_healthy"), 1, "store_healthy with room on the disk")
    ballast = fill(folder)
    alice, bob = (SipUa(gateway.connect_tls(), user) for user in ("alice", "bob"))
    alice.register()
    bob.register()
    call = talk(alice, bob)
    worst = traffic(gateway)
    wait_for(lambda: gateway.stat("store_healthy") == 0, 5, "the metric says that nothing can be written")
    check("NOT HEALTHY" in gateway.ctl("status").stdout, "sallyportctl status calls a full disk healthy")
    refused = gateway.ctl("user", "add", "carol", input="x\n", good=1)
    check("No space left" in refused.stderr, f"a user was added on a full disk: {refused.stderr}")
    worst = max(worst, traffic(gateway))
    # Tried again after 0.1, 0.2, 0.4 s and so on: but said once, and not as often as it is tried.
    said = gateway.process.output().count("store.trouble")
    check(1 <= said <= 2, f"the two files' trouble is in the log {said} times")
    hang_up(*call)
    os.unlink(ballast)
    wait_for(lambda: gateway.stat("store_healthy") == 1, 15, "the store is well again")
    gateway.ctl("user", "add", "carol", input="x\n")
    check("store.well_again" in gateway.process.output(), "nobody was told that the store is well again")
    gateway.stop()
    case.say(f"full disk: a call stood, the rest took at most {worst * 1000:.0f} ms; well again afterwards")


def stuck_log(case):
    gateway = Gateway(case, {"log": {"level": "debug", "burst": 0}}, name="stuck")
    gateway.log_to = case.path("fifo")
    os.mkfifo(gateway.log_to)
    reader = os.open(gateway.log_to, os.O_RDWR)  # never read: full after 64 KB
    case.undo.callback(os.close, reader)
    gateway.start()
    for _ in range(20):
        worst = traffic(gateway)
    gateway.stop()
    case.say(f"a log that nobody reads holds nobody up: at most {worst * 1000:.0f} ms")


def signals(case):
    gateway = Gateway(case, {"log": {"level": "info"}}, name="signals").start()
    phone = SipUa(gateway.connect_tls(), "bob")
    phone.register()
    for _ in range(1000):
        gateway.process.signal(signal.SIGHUP)
    traffic(gateway)
    phone.ping()
    gateway.ctl("ping")
    wait_for(lambda: "reload.done" in gateway.process.output(), 10, "SIGHUP reloads")
    gateway.settings["turn"]["max_lifetime"] = "11m"
    gateway.write_config()
    gateway.process.signal(signal.SIGHUP)
    wait_for(lambda: "turn.max_lifetime" in gateway.process.output(), 10, "the last SIGHUP counts")
    done = gateway.process.output().count("reload.done")
    check(done < 500, f"{done} reloads for 1001 signals that came at once")
    gateway.stop()
    case.say(f"1001 signals: {done} reloads, the last one among them")


def test(case):
    stuck_log(case)
    signals(case)
    full_disk(case)


run(test)
