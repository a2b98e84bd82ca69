"""compare: two servers take turns under the same load; what each cost, as a table and as rows."""
import collections
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from servers import Floor, Trouble, make_certificate, pinned

# What a workload (a dict) may say:
#   name, words (the driver's), unit of the cost, target: the ratio to be reached, or None
#   limit: instead of a ratio, the most that our own figure may be
#   alone: a fresh server for each run; apart: the driver on another core than the server
#   long, seconds, warmup: how long the timed window is and what goes before it, the last two without and with --quick
#   quick: words instead, of --quick; extra: not with --quick
#   p99: our delay must not be the longer one; peer_words: what the peer does in its place
#   floor: the least that a server can do is measured too, once; floor_words: what it does in our place
#   note: to stand beside the figures
# A peer that fails or ends by itself under a load is named for it, and does our run no harm.

PEER_TRIES = 3


class Bench:
    """Subclasses say who the servers are, which driver loads them, and with what words."""
    driver, peer, warm_up = "", "", {}

    def __init__(self, programs, options):
        cores = sorted(os.sched_getaffinity(0))
        self.programs, self.options = programs, options
        self.core, self.other_core = cores[-1], cores[0]
        self.folder = tempfile.mkdtemp(prefix="sallyport-bench-")
        certificate = make_certificate(self.folder)
        self.servers = self.make_servers(certificate)
        self.floor = Floor(self.folder, certificate, self.core, programs)
        if options.ours:
            self.servers = self.servers[:1]

    def make_servers(self, certificate):
        raise NotImplementedError

    def words_for(self, server):
        raise NotImplementedError

    def close(self):
        for server in [*self.servers, self.floor]:
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def words(self, server, work):
        if server.name == self.peer and "peer_words" in work:
            return work["peer_words"]
        if server is self.floor and "floor_words" in work:
            return work["floor_words"]
        return work["quick"] if self.options.quick and "quick" in work else work["words"]

    def drive(self, server, work, seconds):
        warmup = work.get("warmup", (0.5, 0.5))[self.options.quick]
        command = [f"{self.programs}/{self.driver}", *self.words(server, work).split(), "--server",
                   f"127.0.0.1:{server.port}", *self.words_for(server), "--server-pid", str(server.process.pid),
                   "--seconds", str(seconds), "--warmup", str(warmup)]
        core = self.other_core if work.get("apart") else self.core
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              timeout=seconds * 3 + 120, preexec_fn=pinned(core))
        if server.process.poll() is not None:
            raise Trouble(f"{server.name} ended by itself: {server.tail(300)}", ended=server)
        if done.returncode:
            raise Trouble(f"{server.name}: {' '.join(command)}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def seconds(self, work):
        if "seconds" in work:
            return work["seconds"][self.options.quick]
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
            self.drive(server, self.warm_up_of(server, work), 0.5 if self.options.quick else 2)
            server.fresh = False
        return self.drive(server, work, self.seconds(work))

    def warm_up_of(self, server, work):
        if server is self.floor:
            return {"words": "handshake"}  # both drivers know it
        return self.warm_up["alone" if work.get("alone") else "any"]

    def rounds(self, work):
        return 1 if self.options.quick or work.get("alone") else 2

    def run_patiently(self, server, work, notes):
        """A peer that fails by chance gets another try; one that fails each time is noted, and None comes back."""
        is_ours = self.side(server) == "ours"
        for tries_left in reversed(range(1 if is_ours else PEER_TRIES)):
            try:
                return self.run_on(server, work)
            except Trouble as e:
                server.stop()
                if is_ours:
                    raise
                if not tries_left:
                    notes.append(f"{server.name} ended by itself under this load" if e.ended else
                                 f"{server.name} failed: {str(e).splitlines()[-1]}")
        return None

    def measure(self, work):
        """The runs of ours, of the peer and of the floor, and what there is to say of them."""
        runs, notes = collections.defaultdict(list), [work["note"]] if "note" in work else []
        for server in self.turns(work):
            run = self.run_patiently(server, work, notes)
            if run:
                runs[self.side(server)].append(run)
        if work.get("alone"):
            for server in self.servers:
                server.stop()
        return runs, "; ".join(dict.fromkeys(notes))

    def side(self, server):
        return "floor" if server is self.floor else "ours" if server is self.servers[0] else "peer"

    def turns(self, work):
        floor = [self.floor] if work.get("floor") and not self.options.ours else []
        return [server for _ in range(self.rounds(work)) for server in self.servers] + floor


def middle(runs, key):
    values = [run[key] for run in runs if key in run]
    return statistics.mean(values) if values else None


def quietest(runs, key):
    """Of delays the lowest: what else the machine does only ever adds to them."""
    return min((run[key] for run in runs if key in run), default=None)


def cost(runs):
    return middle(runs, "cost") if all(run.get("supported", 1) for run in runs) else None


def make_row(work, runs, note, figure=cost):
    ours, peer, floor = (runs[side] for side in ("ours", "peer", "floor"))
    row = {"workload": work["name"], "unit": work["unit"], "ours": figure(ours), "peer": figure(peer),
           "floor": figure(floor), "ratio": None, "target": work["target"]}
    if row["ours"] is not None and row["peer"]:
        row["ratio"] = row["ours"] / row["peer"]
    if "limit" in work:
        row["limit"] = work["limit"]
    row["met"] = verdict(work, row)
    row["note"] = note or ("" if row["ours"] is not None else "not supported by sallyport")
    row["ours_runs"], row["peer_runs"], row["floor_runs"] = ours, peer, floor
    return row


def verdict(work, row):
    """True, False, or None where nothing was asked or measured."""
    if "limit" in work:
        return row["ours"] <= work["limit"]
    if work["target"] is None or row["ratio"] is None:
        return None
    return row["ratio"] <= work["target"]


def number(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def pair(a, b, show):
    return "" if a is None and b is None else f"{show(a)} / {show(b)}"


def whole(value):
    return "-" if value is None else f"{value:.0f}"


HEADS = ("workload", "unit", "ours", "peer's", "floor", "ratio", "reach", "")
WIDTHS = (62, 10, 8, 8, 6, 6, 6, 7)


def cells(row):
    reach = number(row["target"]) if row["target"] is not None else f"<={row['limit']:.3g}" if "limit" in row else ""
    digits = 3 if row["unit"] == "ms" else 2
    return (row["workload"], row["unit"], number(row["ours"], digits), number(row["peer"], digits),
            number(row["floor"], digits) if row["floor_runs"] else "", number(row["ratio"]), reach,
            {True: "reached", False: "missed", None: ""}[row["met"]])


def show(values, widths):
    print("  ".join(str(v).ljust(w) for v, w in zip(values, widths)).rstrip(), flush=True)


def wanted(workloads, options):
    for work in workloads:
        if options.only and not any(word in work["name"] for word in options.only):
            continue
        if options.quick and work.get("extra"):
            continue
        yield work


def run(bench, workloads, table):
    """table: the heads and widths of more columns, how to fill them from a row, and how to make a row."""
    rows = []
    try:
        show((*HEADS[:3], bench.peer, *HEADS[4:], *table.heads), (*WIDTHS, *table.widths))
        for work in wanted(workloads, bench.options):
            try:
                row = table.make(work, *bench.measure(work))
                show((*cells(row), *table.cells(row)), (*WIDTHS, *table.widths))
            except (Trouble, subprocess.TimeoutExpired, ValueError) as e:
                row = {"workload": work["name"], "ours": None, "peer": None, "ratio": None, "target": work["target"],
                       "error": str(e)}
                print(f"{work['name']}: {e}", file=sys.stderr)
            rows.append(row)
    finally:
        bench.close()
    return rows
