#!/usr/bin/python3
"""Who abuses the gateway and what comes of it: a scanner hears nothing, a flood is told to wait and then closed,
passwords that are guessed (by SIP and by TURN) shut the guesser's address out and nobody else's, until the operator or
time lets it in again; a restart keeps bans; rules count with a reload and can be tried before."""
import json
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import Failure, check, check_equal, run, wait_for
from lab.gateway import Gateway, free_ports
from lab.sip_ua import SipUa
from lab.stub_core import StubCore
from lab.turn_client import TurnClient, TurnError

HOME, SCANNER, FLOODER, GUESSER, TURN_GUESSER, RUDE = (f"127.0.0.{n}" for n in (2, 3, 4, 5, 6, 7))
SETTINGS = {"flow_rate": 5, "flow_burst": 20, "failures": 6, "backoff_after": 2, "backoff": "1s", "ban": "1h",
            "exempt": ["127.0.0.1/32"]}


def phone(gateway, source, user="alice", password="secret"):
    return SipUa(gateway.connect_tls(source=source), user, password)


def is_shut_out(gateway, source):
    try:
        s = gateway.connect_tls(source=source, timeout=5)
        TurnClient(s).binding()
        s.close()
        return False
    except Exception:  # refused in any of the ways in which a closed connection shows
        return True


def bans(gateway):
    return {b["address"]: b for b in json.loads(gateway.ctl("bans", "list", "--json").stdout)}


def silence(ua, request, seconds=0.5):
    try:
        return ua.response_to(request, seconds) is None
    except Failure:
        return True


def scanner(gateway):
    ua = phone(gateway, SCANNER)
    request = ua.request("OPTIONS", "sip:100@ims.test", extra=[("User-Agent", "friendly-scanner")])
    ua.send(request)
    gateway.wait_stat("policy_tagged_total", 1, 'tag="scanner"')
    check(silence(ua, request), "a scanner was answered")
    polite = ua.request("OPTIONS", "sip:100@ims.test")
    ua.send(polite)
    check_equal(ua.response_to(polite).status, 403, "answer to one who is not registered")
    check("scanner:" in gateway.ctl("policy", "list").stdout, "policy list lacks the rule")


def flood(gateway, standing):
    ua = phone(gateway, FLOODER)
    first = ua.request("OPTIONS", "sip:ims.test")
    ua.send(first)
    check_equal(ua.response_to(first).status, 403, "answer below the rate")
    try:
        for _ in range(200):
            ua.send(ua.request("OPTIONS", "sip:ims.test"))
    except OSError:
        pass  # closed under our hands
    gateway.wait_stat("closes_total", 1, 'reason="flood"')
    check(gateway.stat("sip_flood_total", 'limit="connection"') >= 20, "floods were not counted")
    again = phone(gateway, FLOODER)
    request = again.request("OPTIONS", "sip:ims.test")
    again.send(request)
    check_equal(again.response_to(request).status, 403, "one closed connection is no ban")
    standing.ping()


def hold(gateway):
    """Guesses wait; Retry-After says how long; the owner, at home, does not wait."""
    phone(gateway, HOME, "bob").register()
    guesser = phone(gateway, GUESSER, "bob", "guess")
    statuses = [guesser.register(good=(401, 403, 503)).status for _ in range(4)]
    check_equal(statuses[-1], 503, f"the last of {statuses}")
    held = guesser.register(good=(503,))
    check(1 <= int(held.get("Retry-After")) <= 60, f"Retry-After {held.get('Retry-After')!r}")
    phone(gateway, HOME, "bob").register()


def guess_by_sip(gateway):
    def guess():
        try:
            phone(gateway, GUESSER, "bob", "guess").register(good=(401, 403, 503))
        except (Failure, OSError):
            pass
        return GUESSER in bans(gateway)
    wait_for(guess, 20, "the guesser is banned", pause=0.01)
    ban = bans(gateway)[GUESSER]
    check_equal((ban["reason"], ban["by"], ban["times"]), ("sip-auth", "gateway", 1), "the ban")
    check(is_shut_out(gateway, GUESSER), "a banned address was served")
    gateway.wait_stat("closes_total", 1, 'reason="banned"')
    gateway.wait_stat("bans", 1, seconds=15)
    log = gateway.process.output()
    check("ban.added" in log and f"{GUESSER}" in log.split("ban.added")[1].split("\n")[0], "no log line of the ban")
    phone(gateway, HOME).register()
    gateway.ctl("bans", "remove", GUESSER)
    gateway.ctl("bans", "remove", GUESSER, good=1)
    check(not is_shut_out(gateway, GUESSER), "lifted, but not served")


def guess_by_turn(gateway):
    def guess():
        try:
            TurnClient(gateway.connect_tls(source=TURN_GUESSER, timeout=5), "alice", "guess").allocate()
        except TurnError as e:
            check_equal(e.code, 401, "answer to a wrong password")
        except Exception:  # closed
            pass
        return TURN_GUESSER in bans(gateway)
    wait_for(guess, 20, "the guesser is banned", pause=0.01)
    check_equal(bans(gateway)[TURN_GUESSER]["reason"], "turn-auth", "reason")
    check(is_shut_out(gateway, TURN_GUESSER), "a banned address was served")
    TurnClient(gateway.connect_tls(source=HOME)).allocate()


def datagrams(gateway, port):
    """A ban holds for UDP as well, and no datagram makes one."""
    def binding(source):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((source, 0))
            s.connect(("127.0.0.1", port))
            s.settimeout(0.5)
            try:
                TurnClient(s, stream=False).binding()
                return True
            except Exception:
                return False
    check(binding(HOME), "no answer by UDP")
    check(not binding(TURN_GUESSER), "a banned address was answered by UDP")
    gateway.wait_stat("udp_datagrams_total", 1, 'direction="banned"')


def by_hand(gateway):
    standing = phone(gateway, RUDE, "alice")
    standing.register()
    gateway.ctl("bans", "add", RUDE, "--for", "2h", "--reason", "called at night")
    ban = bans(gateway)[RUDE]
    check_equal((ban["reason"], ban["by"], ban["note"]), ("operator", "operator", "called at night"), "the ban")
    check_equal(ban["until"] - ban["since"], 7200, "its seconds")
    check("called at night" in gateway.ctl("bans", "list").stdout, "the list lacks it")

    def is_closed():
        try:
            standing.ping(1)
            return False
        except (Failure, OSError):
            return True
    wait_for(is_closed, 10, "who stood is closed")
    gateway.ctl("bans", "add", "127.0.0.1", good=1)  # exempt
    gateway.ctl("bans", "add", "nowhere", good=1)
    gateway.ctl("bans", "add", RUDE, "--for", "soon", good=2)


def restart(gateway):
    def written():
        return {TURN_GUESSER, RUDE} <= {row[0] for row in gateway.rows("ban", "address")}
    wait_for(written, 10, "bans are in the store")
    gateway.stop()
    gateway.start()
    check_equal(set(bans(gateway)), {TURN_GUESSER, RUDE}, "bans after a restart")
    check(is_shut_out(gateway, RUDE), "a restart has forgotten the ban")
    gateway.ctl("bans", "clear")
    check_equal(bans(gateway), {}, "bans after clear")
    check(not is_shut_out(gateway, RUDE), "cleared, but not served")


def rules(case, gateway):
    message = case.write("message.sip", "MESSAGE sip:bob@ims.test SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\n"
                         "From: <sip:alice@ims.test>;tag=1\r\nTo: <sip:bob@ims.test>\r\nCall-ID: 1\r\n"
                         "CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n")
    alice = phone(gateway, HOME)
    alice.register()
    gateway.ctl("policy", "test", message)
    gateway.settings["policy"] = {"rules": ["quiet: method = MESSAGE and identity ~ /^sip:alice@/ -> "
                                            "reject 480 \"Not now\" tag watch"]}
    gateway.write_config()
    said = gateway.ctl("policy", "test", "--config", gateway.config_path, "--identity", "sip:alice@ims.test", message,
                       good=3).stdout
    check("yes  identity ~ /^sip:alice@/" in said and "=> quiet" in said, said)
    gateway.ctl("policy", "test", message)  # the running one has its old rules
    gateway.ctl("reload")
    gateway.ctl("policy", "test", "--identity", "sip:alice@ims.test", "-", input=open(message, newline="").read(), good=3)

    def refused():
        return alice.response_to(alice.message("sip:bob@ims.test", "hello")).start.endswith("480 Not now")
    wait_for(refused, 5, "the new rule counts")
    listed = json.loads(gateway.ctl("policy", "list", "--json").stdout)
    check_equal((listed[0]["name"], listed[0]["hits"] > 0), ("quiet", True), "policy list")
    gateway.settings["policy"] = {"rules": ["bad: ruri ~ /a(b/ -> drop"]}
    gateway.write_config()
    error = gateway.ctl("reload", good=1)
    check("character 4 of /a(b/" in error.stderr + error.stdout, error.stderr)
    check(refused(), "a refused file has changed the rules")


class Recording(StubCore):
    """Puts itself into the way of its calls, as a proxy does (RFC 3261 16.6 item 4)."""

    def answers(self, request):
        if request.method == "INVITE":
            request.headers.insert(0, ("Record-Route", f"<sip:127.0.0.1:{self.port};lr>"))
        yield from super().answers(request)


def another_way(case):
    """A rule sends a call elsewhere; its dialog stays on that way, and other requests go where they went."""
    edge_port, home_port, lab_port = free_ports(3)
    home, lab = (Recording(case, name, "udp", port) for name, port in (("home", home_port), ("lab", lab_port)))
    rule = f"lab: method = INVITE and ruri ~ /^sip:lab-/ -> route udp:127.0.0.1:{lab_port}"
    gateway = Gateway(case, {"policy": {"rules": [rule]}, "pcscf": {"core": [f"udp:127.0.0.1:{home_port}"]}},
                      name="routed")
    gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{edge_port}")
    gateway.start()
    alice = phone(gateway, HOME)
    alice.register()
    for uri, taker, other in (("sip:lab-7@ims.test", lab, home), ("sip:bob@ims.test", home, lab)):
        seen = len(other.requests("INVITE"))
        call = alice.invite(uri)
        call.wait(200)
        wait_for(lambda: taker.requests("ACK"), 5, f"the ACK of {uri} goes the way of its INVITE")
        bye = call.in_dialog("BYE")
        alice.send(bye)
        check_equal(alice.response_to(bye).status, 200, "answer to BYE")
        check_equal((len(taker.requests("BYE")), len(other.requests("INVITE"))), (1, seen), f"{uri}: BYE, and strays")
    check_equal(gateway.stat("policy_total", 'action="route"'), 1, "policy_total")
    gateway.stop()


def test(case):
    gateway = Gateway(case, {"abuse": SETTINGS})
    udp = free_ports(1)[0]
    gateway.settings["door"]["listen"].append(f"turn+udp://127.0.0.1:{udp}")
    gateway.start()
    standing = phone(gateway, HOME)
    standing.register()
    steps = [("a scanner hears nothing", lambda: scanner(gateway)),
             ("a flood is told to wait, then closed", lambda: flood(gateway, standing)),
             ("guesses wait", lambda: hold(gateway)),
             ("guessing by SIP bans, and is undone", lambda: guess_by_sip(gateway)),
             ("guessing by TURN bans", lambda: guess_by_turn(gateway)),
             ("bans hold for datagrams", lambda: datagrams(gateway, udp)),
             ("bans by hand", lambda: by_hand(gateway)),
             ("others were not disturbed", standing.ping),
             ("a restart keeps bans", lambda: restart(gateway)),
             ("rules count with a reload", lambda: rules(case, gateway)),
             ("a rule sends a call elsewhere", lambda: another_way(case))]
    for text, step in steps:
        step()
        case.say(text)
    gateway.check_alive()
    gateway.stop()


run(test)
