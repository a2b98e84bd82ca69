#!/usr/bin/python3
"""What tests/bench/run soak calls flat: noise, a saw and a late start are; a leak, a rest in a table or a lost descriptor
are not."""
import os
import random
import sys

ROOT = os.environ.get("SALLYPORT_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "tests/bench"))
sys.dont_write_bytecode = True
from soak import Sample, complaints, rise, sparkline, svg  # noqa: E402

QUIET = Sample(0, 20, 30, 0, 0, 0)


def samples(memory, n=180):
    return [Sample(10 * i, memory(i / n), 70, 40, 200, 4) for i in range(n)]


def told(memory, after=QUIET):
    return complaints(QUIET, samples(memory), after)


def noisy(value):
    return value + random.Random(value).uniform(-2, 2)


def main():
    flat = {
        "constant": lambda x: 50.0,
        "noise": lambda x: noisy(50 + x / 1e6),
        "start-up": lambda x: 50.0 if x > 0.3 else 20 + 100 * x,
        "saw": lambda x: 50 + (x * 12 % 1) * 10,
        "one outlier": lambda x: 500.0 if 0.6 < x < 0.61 else 50.0,
        "falls": lambda x: 60 - 10 * x,
        "half a step of the smallest": lambda x: 6 + 0.4 * x,
    }
    leaks = {
        "slow leak": lambda x: 50 + 5 * x,
        "leak in noise": lambda x: noisy(50 + 8 * x),
        "leak under a saw": lambda x: 50 + (x * 12 % 1) * 10 + 8 * x,
        "small process": lambda x: 6 + x,
    }
    wrong = [f"{name}: {told(f)}" for name, f in flat.items() if told(f)]
    wrong += [f"{name}: not seen, {rise(samples(f))}" for name, f in leaks.items() if not told(f)]
    for name in ("connections", "transactions", "allocations", "descriptors"):
        rest = QUIET._replace(**{name: getattr(QUIET, name) + 1})
        if len(told(flat["constant"], rest)) != 1:
            wrong.append(f"a rest of {name}: {told(flat['constant'], rest)}")
    if sparkline([0, 1, 2, 3]) != "▁▃▅█" or len(sparkline(list(range(1000)))) > 72:
        wrong.append("sparkline: " + sparkline([0, 1, 2, 3]))
    if svg(samples(flat["saw"])).count("<polyline") != 5:
        wrong.append("svg has not one line for each series")
    print(*wrong or ["good"], sep="\n")
    return 1 if wrong else 0


sys.exit(main())
