"""sip: SIP over TLS beside Debian's kamailio as the edge, both in front of the same home network."""
from types import SimpleNamespace

import compare
from compare import middle, pair, quietest, whole
from servers import PASSWORD, REALM, KamailioCore, KamailioEdge, Sallyport

CHURN = ("kamailio 5.6.3 does not survive clients that register and close (double free in its TLS module), so its figure "
         "is that of the bare handshake, which is less")
WORKLOADS = [
    {"name": "REGISTER on an open flow, 100 in flight", "words": "register --flight 100", "unit": "ms", "target": 0.35,
     "long": True},
    {"name": "REGISTER on an open flow, 32 in flight", "words": "register --flight 32", "unit": "ms", "target": 0.35,
     "extra": True},
    {"name": "call, 64 at a time", "words": "call --flight 64", "unit": "ms", "target": 0.35, "long": True},
    {"name": "call, 16 at a time", "words": "call --flight 16", "unit": "ms", "target": 0.35, "extra": True},
    {"name": "CRLF ping, each phone every 6 s", "words": "ping --rate 2000 --phones 12000 --flight 32",
     "quick": "ping --rate 500 --phones 3000 --flight 32", "unit": "ms", "target": 0.35, "floor": True},
    {"name": "CRLF ping, 200 phones, 2000 a second", "words": "ping --rate 2000", "unit": "ms", "target": 0.35,
     "extra": True, "floor": True},
    {"name": "CRLF ping, 200 phones, 1000 a second", "words": "ping --rate 1000", "unit": "ms", "target": 0.35,
     "extra": True, "floor": True},
    {"name": "connect, register, close", "words": "cycle --flight 32 --phones 2000", "unit": "ms", "target": 0.6,
     "peer_words": "handshake --flight 32", "note": CHURN},
    {"name": "connect with a ticket, register, close", "words": "cycle --flight 32 --resume", "unit": "ms",
     "target": None, "peer_words": "handshake --flight 32"},
    {"name": "handshake alone", "words": "handshake --flight 32", "unit": "ms", "target": None,
     "extra": True, "floor": True},
    {"name": "memory of a registered idle TLS flow, 4000 held", "words": "hold --phones 4000 --flight 16", "unit": "KiB",
     "target": 0.3, "alone": True, "quick": "hold --phones 1000 --flight 16", "seconds": (4, 1)},
    {"name": "memory after a storm of REGISTERs, by that before", "words": "storm --phones 1000 --flight 100",
     "unit": "times", "target": None, "limit": 1.1, "alone": True, "seconds": (10, 2),
     "warmup": (30, 14),
     "quick": "storm --phones 500 --flight 100"},
]


class Bench(compare.Bench):
    driver, peer = "sip_load", "kamailio"
    warm_up = {"alone": {"words": "hold --phones 50 --flight 10"}, "any": {"words": "register --phones 50 --flight 50"}}

    def make_servers(self, certificate):
        self.home = KamailioCore(self.folder, certificate, self.other_core).start()
        return [Sallyport(self.folder, certificate, self.core, self.programs, self.home.port),
                KamailioEdge(self.folder, certificate, self.core, self.home.port)]

    def words_for(self, server):
        return ["--realm", REALM, "--password", PASSWORD, "--route", f"sip:{server.host}:{server.port};transport=tls;lr"]

    def close(self):
        self.home.stop()
        super().close()


def make_row(work, runs, note):
    row = compare.make_row(work, runs, note)
    for side in ("ours", "peer"):
        all_of = row[f"{side}_runs"]
        row[f"{side}_failures"] = sum(run.get("failed", 0) for run in all_of) if all_of else None
        row[f"{side}_per_second"] = middle(all_of, "units_per_second")
        for key in ("delay_p50_us", "delay_p99_us"):
            row[f"{side}_{key}"] = quietest(all_of, key)
    return row


def cells(row):
    def both(key):
        return pair(row[f"ours_{key}"], row[f"peer_{key}"], whole)
    return (both("failures"), both("per_second"), both("delay_p50_us"), both("delay_p99_us"), row["note"])


TABLE = SimpleNamespace(heads=("failures", "a second", "p50 us", "p99 us", ""), widths=(9, 13, 15, 15, 0), make=make_row,
                        cells=cells)


def run(programs, options):
    rows = compare.run(Bench(programs, options), WORKLOADS, TABLE)
    print("Pairs are ours / kamailio's. Cost is the CPU time of all processes of the edge, or their memory (PSS); a "
          "REGISTER is one transaction, of which a registration with its challenge has two.")
    return rows
