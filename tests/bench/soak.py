"""soak: phones that come, register, call, write, ping, vanish and come back, and relays that come and go, for as long as
wanted; and whether the gateway's memory, descriptors and tables stay where they are.

Memory is the process's proportional set size. It counts as flat when its trend over the last two thirds of the time
(the median of the slopes between all pairs of samples, which a few outliers do not move) would raise it by no more than
LIMIT of its median over that time, or by SLACK; the first third is for tables and arenas to find their size. When the load has ended,
connections, transactions and allocations must come back to none and descriptors to what they were."""
import collections
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from servers import PASSWORD, REALM, USER, Sallyport, Trouble, make_certificate, pinned

LIMIT, SLACK = 0.05, 0.5  # MiB
PHONES, DEEDS = 40, 60  # deeds a second over all phones
MOST_SAMPLES = 1000
BARS = "▁▂▃▄▅▆▇█"
SERIES = (("memory", "MiB"), ("descriptors", ""), ("connections", ""), ("transactions", ""), ("allocations", ""))
Sample = collections.namedtuple("Sample", ("at", *(name for name, _ in SERIES)))


class Gateway(Sallyport):
    """Two workers. A small T1, so that what has ended is gone in seconds and not in half a minute."""
    threads, more = 2, 'sip { t1 = "50ms" }'

    def stats(self):
        out = collections.Counter()
        for line in self.ctl("stats", "--prometheus").stdout.splitlines():
            found = re.match(r"sallyport_(connections|sip_transactions|turn_allocations)\b\S* (\d+)", line)
            if found:
                out[found[1]] += int(found[2])
        return out

    def sample(self, began):
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="ascii") as f:
            pss = int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M)[1])
        stats = self.stats()
        return Sample(time.monotonic() - began, pss / 1024, len(os.listdir(f"/proc/{self.process.pid}/fd")),
                      stats["connections"], stats["sip_transactions"], stats["turn_allocations"])


def trend(points):
    """The median of the slopes between all pairs (Theil and Sen)."""
    return statistics.median([(b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(points) for b in points[i + 1:]
                              if b[0] > a[0]] or [0])


def rise(samples, limit=LIMIT):
    """By how many MiB the memory rises over the last two thirds of the time if it follows its trend, and how many are
    allowed."""
    last = [(s.at, s.memory) for s in samples if s.at >= samples[0].at + (samples[-1].at - samples[0].at) / 3]
    allowed = max(limit * statistics.median(m for _, m in last), SLACK)
    return trend(last) * (last[-1][0] - last[0][0]), allowed


def complaints(before, samples, after, limit=LIMIT):
    """What speaks against it, in words; empty: it stayed where it was."""
    out = []
    grown, allowed = rise(samples, limit)
    if grown > allowed:
        out.append(f"memory rises: by {grown:.2f} MiB over the last two thirds of the time, of {allowed:.2f} allowed")
    for name in ("connections", "transactions", "allocations", "descriptors"):
        was, now = getattr(before, name), getattr(after, name)
        if now > was:
            out.append(f"{now} {name} when all had ended; there were {was}")
    return out


def sparkline(values, width=72):
    step = max(1, -(-len(values) // width))
    means = [statistics.mean(values[i:i + step]) for i in range(0, len(values), step)]
    low, high = min(means), max(means)
    return "".join(BARS[int((v - low) / (high - low or 1) * (len(BARS) - 1))] for v in means)


def show_plot(samples):
    for name, unit in SERIES:
        values = [getattr(s, name) for s in samples]
        print(f"{name:>13} {sparkline(values)} {min(values):.0f} to {max(values):.0f} {unit}".rstrip())


def svg(samples):
    """One panel for each series, over the same time."""
    width, height, left, gap = 900, 110, 110, 24
    most = samples[-1].at or 1
    parts = []
    for row, (name, unit) in enumerate(SERIES):
        values = [getattr(s, name) for s in samples]
        top, high = row * (height + gap) + gap, max(values) or 1
        points = " ".join(f"{left + s.at / most * (width - left - 10):.1f},{top + height - v / high * height:.1f}"
                          for s, v in zip(samples, values))
        parts.append(f'<rect x="{left}" y="{top}" width="{width - left - 10}" height="{height}" fill="none" '
                     f'stroke="#ccc"/><text x="{left - 8}" y="{top + 12}" text-anchor="end">{high:.0f} {unit}</text>'
                     f'<text x="{left - 8}" y="{top + height}" text-anchor="end">0</text>'
                     f'<text x="{left - 8}" y="{top + height / 2}" text-anchor="end">{name}</text>'
                     f'<polyline points="{points}" fill="none" stroke="#246" stroke-width="1.5"/>')
    total = len(SERIES) * (height + gap) + 2 * gap
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{total}" font-family="sans-serif" '
            f'font-size="11">{"".join(parts)}<text x="{width - 10}" y="{total - 8}" text-anchor="end">'
            f'{most / 60:.1f} minutes</text></svg>\n')


class Load:
    """The drivers, from their start to their end; what they had to say."""

    def __init__(self, programs, gateway, seconds):
        self.programs, self.gateway = programs, gateway
        self.end = time.monotonic() + seconds
        self.said, self.broken = {}, []
        self.threads = [threading.Thread(target=self.phones, args=(seconds,)), threading.Thread(target=self.relays)]
        for thread in self.threads:
            thread.start()

    def drive(self, program, *words):
        command = [f"{self.programs}/{program}", *words, "--server", f"127.0.0.1:{self.gateway.port}", "--password",
                   PASSWORD]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              preexec_fn=pinned(None))
        if done.returncode:
            self.broken.append(f"{program}: {done.stderr.strip()[-500:]}")
            return
        self.said[words[0]] = done.stdout.strip()

    def phones(self, seconds):
        self.drive("sip_load", "life", "--realm", REALM, "--phones", str(PHONES), "--flight", "10", "--rate", str(DEEDS),
                   "--seconds", str(seconds))

    def relays(self):
        while time.monotonic() < self.end - 3 and not self.broken:
            self.drive("turn_load", "relay", "--user", USER, "--clients", "4", "--pps", "20", "--warmup", "0.2",
                       "--seconds", str(random.choice((1, 2))))
            self.drive("turn_load", "cycle", "--user", USER, "--threads", "1", "--warmup", "0.1", "--seconds", "0.3")

    def running(self):
        return any(thread.is_alive() for thread in self.threads)

    def join(self):
        for thread in self.threads:
            thread.join()


def watch(gateway, load, seconds, began):
    """Samples until the load has ended; a line of progress now and then."""
    every = max(1, seconds / MOST_SAMPLES)
    samples, told = [], time.monotonic()
    while load.running():
        samples.append(gateway.sample(began))
        if time.monotonic() - told > max(5, seconds / 30):
            told = time.monotonic()
            s = samples[-1]
            print(f"{s.at / 60:6.1f} min  {s.memory:7.1f} MiB  {s.descriptors} descriptors  {s.connections} connections  "
                  f"{s.transactions} transactions  {s.allocations} allocations", flush=True)
        time.sleep(every)
    return samples


def settle(gateway, before, began, patience=60):
    """When nothing is under way any more, or patience ends."""
    end = time.monotonic() + patience
    while True:
        after = gateway.sample(began)
        if time.monotonic() > end or all(getattr(after, name) <= getattr(before, name)
                                         for name in ("connections", "transactions", "allocations", "descriptors")):
            return after
        time.sleep(0.5)


def soak(programs, folder, seconds, limit):
    """The samples, and what speaks against them."""
    gateway = Gateway(folder, make_certificate(folder), None, programs)
    try:
        gateway.start()
        for i in range(PHONES):
            gateway.add_user(f"u{i:05}")
        began = time.monotonic()
        before = gateway.sample(began)
        load = Load(programs, gateway, seconds)
        samples = watch(gateway, load, seconds, began)
        load.join()
        after = settle(gateway, before, began)
    finally:
        gateway.stop()
    for mode, said in load.said.items():
        print(f"{mode}: {said}")
    problems = load.broken + complaints(before, samples, after, limit)
    if gateway.code:
        problems.append(f"the gateway ended with {gateway.code}: {gateway.tail()}")
    return samples, problems


def run(programs, options, limit=LIMIT):
    os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1:quarantine_size_mb=8")
    with tempfile.TemporaryDirectory(prefix="sallyport-soak-") as folder:
        try:
            samples, problems = soak(programs, folder, options.minutes * 60, limit)
        except Trouble as e:
            sys.exit(f"tests/bench/run soak: {e}")
    show_plot(samples)
    if options.svg:
        with open(options.svg, "w", encoding="utf-8") as f:
            f.write(svg(samples))
    print("memory over the last two thirds: {:+.2f} MiB by its trend, {:.2f} allowed".format(*rise(samples, limit)))
    for problem in problems:
        print("NOT FLAT: " + problem)
    if not problems:
        print(f"Flat: {options.minutes:g} minutes, {len(samples)} samples.")
    return problems
