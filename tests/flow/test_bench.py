#!/usr/bin/python3
"""What the bench stands on: the floor answers what the drivers ask of it, and ends whoever says something else; a driver
that is called wrongly says so and how it is called."""
import json
import os
import ssl
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, os.path.join(HERE, "..", "bench"))
sys.dont_write_bytecode = True
from lab.case import check, check_equal, run  # noqa: E402
from lab.gateway import program  # noqa: E402
from servers import Floor, make_certificate  # noqa: E402

SIP = ("--realm", "bench.test", "--password", "secret", "--phones", "20", "--flight", "10", "--rate", "200")
TURN = ("--user", "bench", "--password", "secret", "--threads", "2")


def drive(floor, driver, mode, words):
    done = subprocess.run([program(driver), mode, "--server", f"127.0.0.1:{floor.port}", "--server-pid",
                           str(floor.process.pid), "--seconds", "0.3", "--warmup", "0.1", *words],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=False)
    check_equal(done.returncode, 0, f"{driver} {mode}: {done.stderr}")
    said = json.loads(done.stdout)
    check(said.get("done", said.get("cycles")) > 0 and said["failed"] == 0, f"{driver} {mode}: {said}")


def says_nothing_to(floor, text):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", floor.port), 10) as tcp, context.wrap_socket(tcp) as tls:
        tls.sendall(text)
        try:
            check_equal(tls.recv(100), b"", "answer")
        except (ssl.SSLEOFError, ConnectionResetError):
            pass


def wrong(driver, *words):
    done = subprocess.run([program(driver), *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=10, check=False)
    check_equal(done.returncode, 2, f"{driver} {' '.join(words)}")
    check("MODE --server ADDRESS:PORT" in done.stderr and not done.stdout, done.stderr)
    return done.stderr


def test(case):
    folder = os.path.dirname(case.path("bench", "x"))
    floor = Floor(folder, make_certificate(folder), None, os.path.dirname(program("floor")))
    try:
        floor.start()
        for mode in ("ping", "handshake", "register"):
            drive(floor, "sip_load", mode, SIP)
        drive(floor, "turn_load", "handshake", TURN)
        for text in (b"INVITE sip:a@b SIP/2.0\r\n\r\n", b"REGISTER", b"\0"):
            says_nothing_to(floor, text)
        drive(floor, "sip_load", "ping", SIP)  # and goes on
    finally:
        floor.stop()
    server = ("--server", "127.0.0.1:9")
    check("--realm" in wrong("sip_load", "ping", *server, "--password", "x"), "what is missing is not named")
    check("--phones" in wrong("sip_load", "ping", *server, "--realm", "r", "--password", "x", "--phones", "0"), "range")
    check("--direction" in wrong("turn_load", "relay", *server, "--user", "u", "--password", "x", "--direction", "u"),
          "choice")
    wrong("turn_load", "relais", *server, "--user", "u", "--password", "x")


run(test)
