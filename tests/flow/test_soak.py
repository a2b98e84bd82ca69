#!/usr/bin/python3
"""The soak of tests/bench, in short: half a minute of phones that register, call, write, ping, vanish and come back, and of
relays that come and go, leaves memory, descriptors and tables as they were."""
import os
import sys
from types import SimpleNamespace

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, os.path.join(HERE, "..", "bench"))
sys.dont_write_bytecode = True
import soak  # noqa: E402
from lab.case import check, run  # noqa: E402
from lab.gateway import program  # noqa: E402

SANITIZED = 0.15  # of memory: half a minute is short, and a sanitizer's own tables still grow


def test(case):
    for name in ("sip_load", "turn_load"):
        program(name)
    folder = os.path.dirname(program("sallyportd"))
    problems = soak.run(folder, SimpleNamespace(minutes=0.5, svg=case.path("soak.svg")), SANITIZED)
    check(not problems, "; ".join(problems))
    check(os.path.getsize(case.path("soak.svg")) > 1000, "no picture")


run(test)
