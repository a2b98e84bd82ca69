#!/usr/bin/python3
"""The operator's side: sallyportctl against the running daemon, and the daemon's own words on its configuration: a
mistake is named with its line, a port that is taken is fatal, SIGHUP reloads, a broken file changes nothing."""
import json
import os
import re
import signal
import socket
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway, program
from lab.sip_ua import SipUa
from lab.turn_client import TurnClient, TurnError


def questions(case, gateway):
    plain = {re.sub(r"^sallyport_", "", k): v for k, v in gateway.stats().items()}
    by_json = json.loads(gateway.ctl("stats", "--json").stdout)
    check(len(by_json) == len(plain), f"{len(by_json)} numbers in JSON, {len(plain)} in Prometheus' format")
    check("0.1" in gateway.ctl("status").stdout, "status does not say the version")
    mode = os.stat(gateway.socket).st_mode
    check(stat.S_ISSOCK(mode) and mode & 0o077 == 0, f"the control socket is open to others: {mode:o}")
    gateway.ctl("no-such-command", good=2)
    case.say("ping, status, stats in both forms")


def users(case, gateway):
    gateway.ctl("user", "add", "carol", "--realm", "ims.test", input="first\n")
    TurnClient(gateway.connect_tls(), "carol", "first").allocate()
    gateway.ctl("user", "add", "carol", "--realm", "ims.test", input="second\n")
    TurnClient(gateway.connect_tls(), "carol", "second").allocate()
    SipUa(gateway.connect_tls(), "carol", "second").register()
    for password in ("first", "second"):
        if password == "second":
            gateway.ctl("user", "remove", "carol", "--realm", "ims.test")
        try:
            TurnClient(gateway.connect_tls(), "carol", password).allocate()
            check(False, f"carol came in with {password}")
        except TurnError as e:
            check_equal(e.code, 401, "answer to a password that counts no more")
    for name, password in (("car:ol", "x"), ("", "x"), ("carol", ""), ("c" * 500, "x"), ("carol", "a\u200bb")):
        refused = gateway.ctl("user", "add", name, "--realm", "ims.test", input=password + "\n", good=None)
        check(refused.returncode != 0, f"user {name[:20]!r} with password {password!r} was taken")
    # A name and a password typed with combining accents are what a client composes them to (RFC 8265).
    gateway.ctl("user", "add", "re\u0301ne", "--realm", "ims.test", input="cafe\u0301\u00a0noir\n")
    TurnClient(gateway.connect_tls(), "r\u00e9ne", "caf\u00e9 noir").allocate()
    gateway.ctl("user", "remove", "re\u0301ne", "--realm", "ims.test")
    gateway.ctl("user", "remove", "nobody", "--realm", "ims.test", good=1)
    check("secret" not in gateway.process.output(), "a password is in the log")
    case.say("users come, change their password and go, at once")


def mistakes(case, gateway):
    """What --check says to a wrong line, and that it starts nothing."""
    good = case.run([program("sallyportd"), "-c", gateway.config_path, "--check"])
    check_equal(good.returncode, 0, f"--check of a good file: {good.stdout}; exit code")
    with open(gateway.config_path, encoding="utf-8") as f:
        text = f.read()
    for line, wanted in (("turn { relam = \"x\" }", r"wrong\.conf:1: .*realm"),
                         ("door { frame_timeout = 5 parsecs }", r"wrong\.conf:1: "),
                         ("process { threads = 100000 }", r"wrong\.conf:1: "),
                         ("nonsense { }", r"wrong\.conf:1: ")):
        wrong = case.write("wrong.conf", line + "\n" + text)
        done = case.run([program("sallyportd"), "-c", wrong, "--check"])
        check(done.returncode == 1 and re.search(wanted, done.stdout), f"{line}: {done.returncode} {done.stdout}")
    dumped = case.run([program("sallyportd"), "-c", gateway.config_path, "--dump-config"])
    again = case.run([program("sallyportd"), "-c", case.write("again.conf", dumped.stdout), "--check"])
    check_equal(again.returncode, 0, f"--check of what --dump-config wrote: {again.stdout}; exit code")
    case.say("mistakes are named with their line; the dumped configuration is a good one")


def taken_port(case):
    """A listener that was asked for and cannot start is fatal."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        second = Gateway(case, name="second")
        other.bind(("127.0.0.1", second.port))
        other.listen()
        second.write_config()
        done = case.run([program("sallyportd"), "-c", second.config_path])
        check(done.returncode == 1 and str(second.port) in done.stdout, f"taken port: {done.returncode} {done.stdout}")
    case.say("a taken port is fatal, and named")


def reloading(case, gateway):
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    gateway.settings["turn"]["max_lifetime"] = "15m"
    gateway.write_config()
    gateway.process.signal(signal.SIGHUP)
    client = TurnClient(gateway.connect_tls())
    client.allocate()
    wait_for(lambda: client.refresh(3600) == 900, 5, "SIGHUP has brought the new turn.max_lifetime")
    with open(gateway.config_path, "a", encoding="utf-8") as f:
        f.write("nonsense { }\n")
    refused = gateway.ctl("reload", good=None)
    check(refused.returncode != 0 and "nonsense" in refused.stdout + refused.stderr, "a broken file was taken over")
    check_equal(client.refresh(3600), 900, "lifetime after a refused reload")
    phone.ping()
    case.say("SIGHUP reloads; a broken file changes nothing")


def test(case):
    gateway = Gateway(case).start()
    questions(case, gateway)
    users(case, gateway)
    mistakes(case, gateway)
    taken_port(case)
    reloading(case, gateway)
    gateway.check_alive()
    gateway.stop()


run(test)
