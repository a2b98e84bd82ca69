#!/usr/bin/python3
"""Many phones, and a phone that wants everything: 200 registered ones with a hundred calls at a time leave nothing
behind; what one connection can have waiting while the core is silent is bounded, and others do not notice; messages up
to the limit go through, larger ones are refused by name."""
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway, free_ports
from lab.sip_ua import SipUa, hang_up, write_to

PHONES = 200
USERS = [f"u{i:03}" for i in range(PHONES)]


def round_of_calls(pairs):
    """All of them ring at once, talk at once and hang up."""
    calls = [(one.invite(other.aor), other) for one, other in pairs]
    calls = [(out, other.expect("INVITE", 30)) for out, other in calls]
    for step in (lambda out, there: there.ring(), lambda out, there: out.wait(180, 30),
                 lambda out, there: there.answer(), lambda out, there: out.wait(200, 30),
                 lambda out, there: there.expect_ack(30), hang_up):
        for out, there in calls:
            step(out, there)


def transactions(gateway):
    stats = gateway.stats()
    return sum(stats[f'sallyport_sip_transactions{{side="{side}"}}'] for side in ("server", "client"))


def many(case):
    gateway = Gateway(case, {"sip": {"t1": "50ms"}, "log": {"level": "warn"}}, users=USERS).start(60)
    context = gateway.tls_context()
    phones = [SipUa(gateway.connect_tls(context=context), user) for user in USERS]
    for ua in phones:
        ua.register()
    check_equal(gateway.stat("sip_registered"), PHONES, "phones registered")
    pairs = list(zip(phones[::2], phones[1::2]))
    sizes = []
    for _ in range(6):
        round_of_calls(pairs)
        wait_for(lambda: transactions(gateway) == 0, 20, "all transactions have ended", pause=0.3)
        sizes.append(gateway.rss_kib())
    check(sizes[-1] < sizes[1] * 1.1 + 4096, f"memory grows with every round of calls: {sizes} KiB")
    case.say(f"{PHONES} phones, {6 * len(pairs)} calls, 100 at a time: {sizes[0] // 1024} to {sizes[-1] // 1024} MiB")
    for ua in phones:
        ua.close()
    gateway.wait_stat("sip_flows_lost_total", PHONES)
    gateway.stop()


def padded(ua, cseq, size):
    request = ua.request("REGISTER", f"sip:{ua.domain}", to=ua.aor, cseq=cseq,
                         extra=[("Contact", ua.contact)], body=b"x" * size)
    return request.encode()


def greedy(case):
    """The core hears and says nothing: what waits for it is what a phone makes us keep (RFC 3261 timer F, 32 s)."""
    core = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    core.bind(("127.0.0.1", 0))
    core.settimeout(10)
    (udp,) = free_ports(1)
    gateway = Gateway(case, {"pcscf": {"core": "udp:127.0.0.1:%d" % core.getsockname()[1]}, "log": {"level": "warn"}})
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{udp}")
    gateway.start()
    before = gateway.rss_kib()
    for _ in range(4):
        ua = SipUa(gateway.connect_tls(), "alice")
        for i in range(500):
            ua.send(padded(ua, i + 1, 30000))
        ua.wait_message(lambda m: m.status == 503 and m.get("Retry-After"), 10, "503")
    waiting = transactions(gateway)
    check(waiting <= 80, f"four connections have {waiting} transactions waiting")
    grown = gateway.rss_kib() - before
    check(grown < 48 * 1024, f"four connections hold {grown} KiB")
    core.setblocking(False)
    try:
        while core.recv(65536):
            pass
    except BlockingIOError:
        core.settimeout(10)
    bob = SipUa(gateway.connect_tls(), "bob")
    bob.send(padded(bob, 1, 0))
    while True:
        seen = core.recv(65536)
        if b"To: <sip:bob@" in seen:
            break
    case.say(f"a silent core: {int(waiting)} transactions wait for four greedy phones, {grown // 1024} MiB; "
             "another one's REGISTER went on")
    gateway.stop()


def long_messages(case):
    gateway = Gateway(case).start()
    alice, bob = SipUa(gateway.connect_tls(), "alice"), SipUa(gateway.connect_tls(), "bob")
    for ua in (alice, bob):
        ua.register()
    for size in (1300, 16383, 32767, 32768):
        write_to(alice, bob, "x" * size)
    alice.message(bob.aor, "x" * 32769)
    check_equal(alice.wait_message(lambda m: m.status >= 300, 10, "513").status, 513, "a body over the limit")
    alice = SipUa(gateway.connect_tls(), "alice")  # that one was closed: nobody knows where the next message begins
    alice.register()
    filler = [("X-Filler", "y" * 900)] * 34
    request = alice.request("MESSAGE", bob.aor, routes=alice.service_route, extra=filler)
    alice.send(request)
    got = bob.expect("MESSAGE")
    check_equal(len(got.request.all("X-Filler")), 34, "header fields that came through")
    got.reply(200)
    check_equal(alice.response_to(request).status, 200, "a head near the limit")
    for fields in (60, 100):
        request = alice.request("MESSAGE", bob.aor, routes=alice.service_route, extra=[("X-F", "1")] * fields)
        alice.send(request)
        bob.expect("MESSAGE").reply(200)
        check_equal(alice.response_to(request).status, 200, f"{fields} header fields")
    request = alice.request("MESSAGE", bob.aor, routes=alice.service_route, extra=[("X-F", "1")] * 119)
    alice.send(request)
    status = alice.response_to(request).status
    check(status in (513, 400), f"more header fields than we can add ours to: {status}")
    case.say("messages up to the limit, and over it")
    gateway.stop()


def test(case):
    long_messages(case)
    greedy(case)
    many(case)


run(test)
