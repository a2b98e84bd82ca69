#!/usr/bin/python3
"""Messages that nobody here wrote ($SALLYPORT_CORPORA/sip-*, the PROTOS suite among them) at the running daemon: over TLS
from a stranger and from a registered phone, over UDP from the core. Nothing crashes, leaks or stalls."""
import glob
import os
import sys
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Skip, check, run
from lab.gateway import Gateway, free_ports
from lab.plain_core import PlainCore
from lab.throw import from_all_sides


def messages(folder):
    for path in sorted(glob.glob(os.path.join(folder, "sip-*", "*"))):
        name = os.path.relpath(path, folder)
        if path.endswith(".zip"):
            with zipfile.ZipFile(path) as z:
                yield from ((f"{name}:{entry}", z.read(entry)) for entry in z.namelist())
        else:
            with open(path, "rb") as f:
                yield name, f.read()


def test(case):
    folder = os.environ.get("SALLYPORT_CORPORA")
    if not folder or not os.path.isdir(folder):
        raise Skip("SALLYPORT_CORPORA does not name the folder with the corpora")
    found = list(messages(folder))
    check(len(found) > 500, f"only {len(found)} messages in {folder}")
    edge_port, core_port = free_ports(2)
    gateway = Gateway(case, {"pcscf": {"core": f"udp:127.0.0.1:{core_port}"}, "log": {"level": "info"},
                             "sip": {"t1": "50ms", "t2": "200ms"}})
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge_port}")
    core = PlainCore(core_port, edge_port)
    gateway.start()
    from_all_sides(case, gateway, core, found, every=50)
    gateway.stop()
    core.stop()


run(test)
