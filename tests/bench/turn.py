"""turn: the workloads, who runs them when, and the table."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from servers import PASSWORD, USER, Coturn, Sallyport, Trouble, make_certificate, pinned

# name, driver's words, unit of the cost, what ratio is to be reached, how the runs differ from the rest:
#   alone: a fresh server for each run; apart: the driver on another core than the server; limit: not a ratio, but
#   the most that our own figure may be.
WORKLOADS = [
    {"name": "172 B echo, saturated, 10 clients", "words": "relay --clients 10 --size 172 --window 32",
     "unit": "us/packet", "target": 0.45},
    {"name": "1200 B echo, saturated, 10 clients", "words": "relay --clients 10 --size 1200 --window 32",
     "unit": "us/packet", "target": 0.5},
    {"name": "172 B echo, 100 clients at 50 pps", "words": "relay --clients 100 --size 172 --pps 50",
     "unit": "us/packet", "target": 0.7, "p99": True, "long": True},
    {"name": "172 B echo, 500 clients at 50 pps", "words": "relay --clients 500 --size 172 --pps 50",
     "unit": "us/packet", "target": 0.7},
    {"name": "172 B to the peer, 100 clients at 50 pps", "words": "relay --clients 100 --size 172 --pps 50 "
     "--direction up", "unit": "us/packet", "target": None, "long": True, "extra": True},
    {"name": "172 B to the client, 100 clients at 50 pps", "words": "relay --clients 100 --size 172 --pps 50 "
     "--direction down", "unit": "us/packet", "target": None, "long": True, "extra": True},
    {"name": "allocate cycle with TLS handshake", "words": "cycle --threads 4", "unit": "ms/cycle", "target": 0.6},
    {"name": "RFC 6062 relay, up", "words": "stream --direction up", "unit": "s/GB", "target": 0.6},
    {"name": "RFC 6062 relay, down", "words": "stream --direction down", "unit": "s/GB", "target": 0.6},
    {"name": "memory of an idle TLS allocation, 4000 held", "words": "hold --clients 4000", "unit": "KiB",
     "target": 0.35, "alone": True, "quick": "hold --clients 1000"},
    {"name": "9000 idle allocations held", "words": "hold --clients 9000", "unit": "KiB", "target": 0.35,
     "alone": True, "extra": True},
    {"name": "p99 of 100 calls beside 500 handshakes/s, by its quiet value", "words": "storm --clients 100 --pps 50 "
     "--rate 500 --threads 64", "unit": "times", "target": None, "limit": 3.0, "apart": True, "long": True},
]


class Bench:
    def __init__(self, programs, options):
        cores = sorted(os.sched_getaffinity(0))
        self.programs, self.options = programs, options
        self.core, self.other_core = cores[-1], cores[0]
        self.folder = tempfile.mkdtemp(prefix="sallyport-bench-")
        certificate = make_certificate(self.folder)
        self.servers = [Sallyport(self.folder, certificate, self.core, programs)]
        if not options.ours:
            self.servers.append(Coturn(self.folder, certificate, self.core))

    def close(self):
        for server in self.servers:
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def drive(self, server, work, seconds, warmup=0.5):
        words = work["quick"] if self.options.quick and "quick" in work else work["words"]
        command = [f"{self.programs}/turn_load", *words.split(), "--server", f"127.0.0.1:{server.port}", "--user", USER,
                   "--password", PASSWORD, "--server-pid", str(server.process.pid), "--seconds", str(seconds),
                   "--warmup", str(warmup)]
        core = self.other_core if work.get("apart") else self.core
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              timeout=seconds * 3 + 120, preexec_fn=pinned(core))
        if done.returncode:
            raise Trouble(f"{server.name}: {' '.join(command)}: {done.stderr.strip()}")
        if server.process.poll() is not None:
            raise Trouble(f"{server.name} ended: {server.tail()}")
        return json.loads(done.stdout)

    def seconds(self, work):
        if self.options.quick:
            return 2.5 if work.get("long") else 1.2
        return 8 if work.get("long") else 4

    def run_on(self, server, work):
        """One run that counts; a server that has just started gets one that does not before it."""
        if work.get("alone"):
            server.stop()
        if server.process is None:
            server.start()
        if server.fresh:
            first = {"words": "hold --clients 50"} if work.get("alone") else {"words": "relay --clients 10"}
            self.drive(server, first, 0.5 if self.options.quick else 2)
            server.fresh = False
        return self.drive(server, work, self.seconds(work))

    def rounds(self, work):
        return 1 if self.options.quick or work.get("alone") else 2

    def measure(self, work):
        runs = {server.name: [] for server in self.servers}
        for _ in range(self.rounds(work)):
            for server in self.servers:
                runs[server.name].append(self.run_on(server, work))
        if work.get("alone"):
            for server in self.servers:
                server.stop()
        return runs


def middle(runs, key):
    values = [run[key] for run in runs if key in run]
    return statistics.mean(values) if values else None


def quietest(runs, key):
    """Of delays the lowest: what else the machine does only ever adds to them."""
    return min((run[key] for run in runs if key in run), default=None)


def loss(runs):
    sent = sum(run.get("sent", 0) for run in runs)
    return sum(run.get("lost", 0) for run in runs) / sent if sent else None


def supported(runs):
    return all(run.get("supported", 1) for run in runs)


def cost(runs):
    return middle(runs, "cost") if supported(runs) else None


def rise(runs):
    """What a storm makes of the calls' delay."""
    return quietest(runs, "rtt_p99_us") / quietest(runs, "quiet_p99_us") if runs else None


def make_row(work, runs):
    ours, peer = runs["sallyport"], runs.get("coturn", [])
    figure = rise if "limit" in work else cost
    row = {"workload": work["name"], "unit": work["unit"], "ours": figure(ours), "peer": figure(peer), "ratio": None,
           "target": work["target"]}
    if row["ours"] is not None and row["peer"]:
        row["ratio"] = row["ours"] / row["peer"]
    if "limit" in work:
        row["limit"] = work["limit"]
    for key in ("rtt_p50_us", "rtt_p99_us"):
        row[f"ours_{key}"], row[f"peer_{key}"] = quietest(ours, key), quietest(peer, key)
    row["ours_loss"], row["peer_loss"] = loss(ours), loss(peer)
    row["met"] = verdict(work, row)
    row["note"] = "" if supported(ours) else "not supported by sallyport"
    row["ours_runs"], row["peer_runs"] = ours, peer
    return row


def verdict(work, row):
    """True, False, or None where nothing was asked or measured."""
    if "limit" in work:
        return row["ours"] <= work["limit"]
    if work["target"] is None or row["ratio"] is None:
        return None
    good = row["ratio"] <= work["target"]
    if work.get("p99"):
        good = good and row["ours_rtt_p99_us"] <= row["peer_rtt_p99_us"]
    return good


HEADS = ("workload", "unit", "ours", "coturn", "ratio", "reach", "", "loss", "p50 us", "p99 us")
WIDTHS = (62, 10, 8, 8, 6, 6, 7, 15, 13, 15)


def number(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def pair(a, b, show):
    return "" if a is None and b is None else f"{show(a)} / {show(b)}"


def cells(row):
    def percent(x):
        return "-" if x is None else f"{x * 100:.3f}%"

    def whole(x):
        return "-" if x is None else f"{x:.0f}"
    reach = number(row["target"]) if row["target"] is not None else f"<={row['limit']:.0f}" if "limit" in row else ""
    return (row["workload"], row["unit"], number(row["ours"]), number(row["peer"]), number(row["ratio"]), reach,
            {True: "reached", False: "missed", None: row["note"]}[row["met"]],
            pair(row["ours_loss"], row["peer_loss"], percent), pair(row["ours_rtt_p50_us"], row["peer_rtt_p50_us"], whole),
            pair(row["ours_rtt_p99_us"], row["peer_rtt_p99_us"], whole))


def show(values):
    print("  ".join(str(v).ljust(w) for v, w in zip(values, WIDTHS)).rstrip(), flush=True)


def wanted(options):
    for work in WORKLOADS:
        if options.only and not any(word in work["name"] for word in options.only):
            continue
        if options.quick and work.get("extra"):
            continue
        yield work


def run(programs, options):
    bench = Bench(programs, options)
    rows = []
    try:
        show(HEADS)
        for work in wanted(options):
            try:
                row = make_row(work, bench.measure(work))
                show(cells(row))
            except (Trouble, subprocess.TimeoutExpired, ValueError) as e:
                row = {"workload": work["name"], "ours": None, "peer": None, "ratio": None, "target": work["target"],
                       "error": str(e)}
                print(f"{work['name']}: {e}", file=sys.stderr)
            rows.append(row)
    finally:
        bench.close()
    print("Pairs are ours / coturn's. Cost is the server's CPU time; a packet counts once in each direction.")
    return rows
