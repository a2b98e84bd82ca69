"""turn: TURN over TLS beside Debian's coturn: the workloads and what their table shows."""
from types import SimpleNamespace

import compare
from compare import pair, quietest, whole
from servers import PASSWORD, USER, Coturn, Sallyport

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
    {"name": "allocate cycle with TLS handshake", "words": "cycle --threads 4", "unit": "ms/cycle", "target": 0.6,
     "floor": True, "floor_words": "handshake --threads 4"},
    {"name": "RFC 6062 relay, up", "words": "stream --direction up", "unit": "s/GB", "target": 0.6},
    {"name": "RFC 6062 relay, down", "words": "stream --direction down", "unit": "s/GB", "target": 0.6},
    {"name": "memory of an idle TLS allocation, 4000 held", "words": "hold --clients 4000", "unit": "KiB",
     "target": 0.35, "alone": True, "quick": "hold --clients 1000"},
    {"name": "9000 idle allocations held", "words": "hold --clients 9000", "unit": "KiB", "target": 0.35,
     "alone": True, "extra": True},
    {"name": "p99 of 100 calls beside 500 handshakes/s, by its quiet value", "words": "storm --clients 100 --pps 50 "
     "--rate 500 --threads 64", "unit": "times", "target": None, "limit": 3.0, "apart": True, "long": True},
]


class Bench(compare.Bench):
    driver, peer = "turn_load", "coturn"
    warm_up = {"alone": {"words": "hold --clients 50"}, "any": {"words": "relay --clients 10"}}

    def make_servers(self, certificate):
        return [Sallyport(self.folder, certificate, self.core, self.programs),
                Coturn(self.folder, certificate, self.core)]

    def words_for(self, server):
        return ["--user", USER, "--password", PASSWORD]


def loss(runs):
    sent = sum(run.get("sent", 0) for run in runs)
    return sum(run.get("lost", 0) for run in runs) / sent if sent else None


def rise(runs):
    """What a storm makes of the calls' delay."""
    return quietest(runs, "rtt_p99_us") / quietest(runs, "quiet_p99_us") if runs else None


def make_row(work, runs, note):
    row = compare.make_row(work, runs, note, rise if "limit" in work else compare.cost)
    for key in ("rtt_p50_us", "rtt_p99_us"):
        row[f"ours_{key}"], row[f"peer_{key}"] = quietest(row["ours_runs"], key), quietest(row["peer_runs"], key)
    row["ours_loss"], row["peer_loss"] = loss(row["ours_runs"]), loss(row["peer_runs"])
    if work.get("p99") and row["met"]:
        row["met"] = row["ours_rtt_p99_us"] <= row["peer_rtt_p99_us"]
    return row


def cells(row):
    def percent(x):
        return "-" if x is None else f"{x * 100:.3f}%"
    return (pair(row["ours_loss"], row["peer_loss"], percent),
            pair(row["ours_rtt_p50_us"], row["peer_rtt_p50_us"], whole),
            pair(row["ours_rtt_p99_us"], row["peer_rtt_p99_us"], whole), row["note"])


TABLE = SimpleNamespace(heads=("loss", "p50 us", "p99 us", ""), widths=(15, 13, 15, 0), make=make_row, cells=cells)


def run(programs, options):
    rows = compare.run(Bench(programs, options), WORKLOADS, TABLE)
    print("Pairs are ours / coturn's. Cost is the server's CPU time; a packet counts once in each direction.")
    return rows
