#!/usr/bin/python3
"""Chromium behind a firewall that lets out nothing but TCP 443: two ends of a call in one page, relay candidates only,
by turns:gw.ims.test:443?transport=tcp with the certificate verified; a data channel's messages come back, both ends
hear each other's tone; a browser that does not know our CA relays nothing."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab import chromium
from lab.case import check, check_equal, need, run, wait_for
from lab.gateway import PASSWORD, Gateway
from lab.net import Net

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab", "relay_call.html")
MESSAGES, PACKETS = 200, 50
URL = "turns:gw.ims.test:443?transport=tcp"


def page(case, net, seconds):
    task = {"urls": [URL], "password": PASSWORD, "messages": MESSAGES, "packets": PACKETS, "seconds": seconds}
    with open(PAGE, encoding="utf-8") as f:
        return chromium.Page(case, f.read().replace("%TASK%", json.dumps(task)), net["a"])


def test(case):
    need("chromium", "certutil")
    net = Net(case)
    gateway = Gateway(case, space=net["gw"]).start()

    stranger = page(case, net, 4)
    browser = chromium.open_page(case, stranger.url, None, net["a"], "stranger")
    result = stranger.result(40)
    check(not result["ok"], f"a browser without our CA: {result}")
    check_equal(gateway.stat("turn_allocations"), 0, "allocations of a browser without our CA")
    browser.stop()
    case.say(f"without our CA: {result['errors'][:1]}")

    call = page(case, net, 30)
    browser = chromium.open_page(case, call.url, gateway.pki.ca, net["a"])
    result = call.result(60)
    check(result["ok"], f"the call: {result}")
    for name in ("alice", "bob"):
        end = result[name]
        check_equal((end["local"], end["remote"], end["protocol"]), ("relay", "relay", "tls"), f"the pair of {name}")
        check_equal(end["url"], URL, f"the server of {name}")
        check(end["audio"] >= PACKETS and end["energy"] > 0, f"{name} heard {end}")
    carried = min(result[name]["sent"] for name in ("alice", "bob"))
    for way in ("peer", "client"):
        check(gateway.stat("turn_relayed_bytes_total", f'to="{way}"') >= carried, f"bytes to the {way}: less than {carried}")
    wait_for(lambda: gateway.stat("turn_allocations") == 0, 10, "the allocations have ended")
    check(gateway.stat("turn_allocations_ended_total", 'traffic="both_ways"') >= 2, "allocations that carried both ways")
    case.say(f"relay to relay over TLS: {MESSAGES} messages echoed, {result['alice']['audio']} and "
             f"{result['bob']['audio']} packets of audio, {carried} bytes each way at least")
    browser.stop()
    gateway.check_alive()
    gateway.stop()


run(test)
