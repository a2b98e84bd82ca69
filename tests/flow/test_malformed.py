#!/usr/bin/python3
"""Malformed and odd messages of our own (tests/data/sip_malformed) over TLS: each gets the answer that its file name
says, or none; and all of them from a registered phone and from the core's side harm nobody. With SALLYPORT_CORPORA set,
tests/flow/test_sip_corpora.py does it with messages that nobody here wrote."""
import glob
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check_equal, run
from lab.gateway import Gateway, free_ports
from lab.plain_core import PlainCore
from lab.throw import from_all_sides

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "sip_malformed")


def messages():
    for path in sorted(glob.glob(os.path.join(FOLDER, "*.sip"))):
        with open(path, "rb") as f:
            yield os.path.basename(path).removesuffix(".sip"), f.read()


def answer_to(gateway, message):
    """The final status, or "none" when a good request behind it is answered, or the connection closed, before."""
    s = gateway.connect_tls()
    probe = (b"OPTIONS sip:x@ims.test SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKprobe\r\nMax-Forwards: 70\r\n"
             b"From: <sip:x@ims.test>;tag=1\r\nTo: <sip:x@ims.test>\r\nCall-ID: probe\r\nCSeq: 1 OPTIONS\r\n"
             b"Content-Length: 0\r\n\r\n")
    got, deadline = b"", time.monotonic() + 10
    s.sendall(message + probe)
    while time.monotonic() < deadline:
        try:
            more = s.recv(65536)
        except OSError:
            more = b""
        got += more
        if not more or b"\r\nCall-ID: probe\r\n" in got:
            break
    s.close()
    first = re.search(rb"^SIP/2\.0 (\d{3}) (?:(?!\r\n\r\n).)*", got, re.M | re.S)
    if not first or b"Call-ID: probe" in first.group(0):
        return "none"
    return first.group(1).decode()


def each_as_its_name_says(case, gateway):
    wrong = []
    for name, message in messages():
        said = answer_to(gateway, message)
        if said != name.split("-")[0]:
            wrong.append(f"{name}: {said}")
    check_equal(wrong, [], "answers")
    case.say("each is answered as its name says")


def test(case):
    edge_port, core_port = free_ports(2)
    gateway = Gateway(case, {"pcscf": {"core": f"udp:127.0.0.1:{core_port}"}, "sip": {"t1": "50ms", "t2": "200ms"}})
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge_port}")
    core = PlainCore(core_port, edge_port)
    gateway.start()
    each_as_its_name_says(case, gateway)
    from_all_sides(case, gateway, core, list(messages()))
    gateway.stop()
    core.stop()


run(test)
