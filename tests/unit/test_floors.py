#!/usr/bin/python3
"""The house stands as it is drawn: a file includes only its own room or the floors below it, and the top level holds
nothing but what was agreed."""
import os
import re
import subprocess
import sys

ROOT = os.environ.get("SALLYPORT_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
TOP = {"appliance", "mux", "modules", "web", "packaging", "tests", "CMakeLists.txt", "README.md", "LICENSE", "CHANGELOG.md"}
# The only ways sideways: who may look into which room of the same floor.
SIDEWAYS = {"modules/pcscf": {"modules/sip"}, "modules/registrar": {"modules/sip"}, "modules/turn": {"modules/stun"},
            # the UE's side speaks what the gateway speaks
            "modules/ue": {"modules/sip", "modules/stun"}}


def room(path):
    parts = path.split("/")
    if parts[0] == "appliance" and len(parts) > 2 and parts[1] in ("base", "core"):
        return "/".join(parts[:2])
    return "/".join(parts[:2]) if parts[0] == "modules" and len(parts) > 2 else parts[0]


def floor(where):
    return {"appliance/base": 0, "appliance/core": 1, "mux": 2, "web": 2.5, "modules": 3.5, "appliance": 4}.get(
        where, 3 if where.startswith("modules/") else None)


def allowed(here, there):
    return here == there or floor(there) < floor(here) or there in SIDEWAYS.get(here, ())


def main():
    try:
        listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):
        listed = [os.path.relpath(os.path.join(d, f), ROOT) for top in sorted(TOP) for d, _, fs in os.walk(os.path.join(ROOT, top)) for f in fs]
    wrong = [f"top level: {t}" for t in sorted({f.split('/')[0] for f in listed if f and not f.startswith(".")} - TOP)]
    seen = 0
    for path in listed:
        if not re.match(r"(appliance|mux|modules|web)/.*\.[ch]$", path) or not os.path.exists(os.path.join(ROOT, path)):
            continue
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            includes = re.findall(r'^#include "([^"]+)"', f.read(), re.M)
        seen += 1
        for there in includes:
            if not allowed(room(path), room(there)):
                wrong.append(f"{path} includes {there}: {room(path)} may not look into {room(there)}")
    print(f"{seen} files looked at", *wrong, sep="\n")
    return 1 if wrong or seen < 100 else 0


sys.exit(main())
