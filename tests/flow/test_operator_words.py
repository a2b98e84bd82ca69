#!/usr/bin/python3
"""What sallyportctl says when it is asked in a hurry: wrong words, wrong values, messages out of a log. Each mistake is
named with what was typed, and the few lines of help are those of the command."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run
from lab.gateway import Gateway, program

REQUEST = ("INVITE {} SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nFrom: <sip:a@ims.test>;tag=1\r\nTo: <sip:b@ims.test>\r\n"
           "Call-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 2\r\n\r\nhi")
RULES = ['no: ruri ~ /^sip:900/ -> reject 403 "No"', "sos: ruri ~ /sos|112/ -> drop"]

# arguments, standard input, exit code, what the answer has in it
ASKED = [
    (["ban", "list"], "", 2, ["no such command: ban; did you mean bans?"]),
    (["bans", "lst"], "", 2, ["no such command: bans lst; did you mean bans list?", "bans add ADDRESS"]),
    (["bans"], "", 2, ["bans list", "bans clear"]),
    (["bans", "add"], "", 2, ["the ADDRESS is missing", "bans add ADDRESS"]),
    (["bans", "add", "300.1.2.3"], "", 1, ["address 300.1.2.3: is no IP address"]),
    (["bans", "add", "192.0.2.0/24"], "", 1, ["address 192.0.2.0/24: is no IP address"]),
    (["bans", "add", "0.0.0.0"], "", 1, ["address 0.0.0.0: is nobody's"]),
    (["bans", "add", "127.0.0.1"], "", 1, ["address 127.0.0.1: is exempt", "abuse.exempt"]),
    (["bans", "add", "192.0.2.9", "--for", "10"], "", 2, ["--for takes a time"]),
    (["bans", "add", "192.0.2.9", "--for", "10m"], "", 0, ["192.0.2.9 is shut out;", "bans remove 192.0.2.9"]),
    (["bans", "add", "2001:db8::9"], "", 0, ["the /64 of 2001:db8::9 is shut out for ever"]),
    (["bans", "remove", "192.0.2.8"], "", 1, ["address 192.0.2.8: is not banned"]),
    (["bans", "remove", "192.0.2.9"], "", 0, ["192.0.2.9 may come in again"]),
    (["bans", "remove", "2001:db8::77"], "", 0, ["may come in again"]),
    (["policy", "test", "-"], REQUEST.format("sip:9001@x"), 3, ["=> no:"]),
    (["policy", "test", "-"], REQUEST.format("sip:9001@x").replace("\r", ""), 3, ["LF alone", "=> no:"]),
    (["policy", "test", "-"], REQUEST.format("sip:9001@x").partition("Content")[0].replace("\r", "").rstrip(), 3, ["=> no:"]),
    (["policy", "test", "-"], REQUEST.format("sip:1@x"), 0, ["no rule is met"]),
    (["policy", "test", "-"], REQUEST.format("urn:service:sos"), 0, ["=> sos:", "call for help"]),
    (["policy", "test", "-"], REQUEST.format("sip:112@x"), 0, ["=> sos:", "call for help"]),
    (["policy", "test", "--direction", "core", "-"], REQUEST.format("sip:112@x"), 3, ["=> sos:"]),
    (["policy", "test", "-"], "INVITE sip:1@x SIP/2.0\r\n\r\n", 1, ["400 Missing Via header"]),
    (["policy", "test", "-"], REQUEST.format("x").replace("INVITE x SIP/2.0", "SIP/2.0 200 OK"), 1, ["this is a response"]),
    (["policy", "test", "--identity", "alice", "-"], REQUEST.format("sip:1@x"), 1, ["the identity is no URI"]),
    (["policy", "test", "--source", "1.2.3", "-"], REQUEST.format("sip:1@x"), 1, ["the source is no IP address"]),
    (["policy", "test", "/nowhere"], "", 1, ["/nowhere: No such file"]),
    (["policy", "test"], "", 2, ["one FILE", "[--registered]"]),
    (["user", "add"], "", 2, ["NAME is missing", "user add NAME"]),
]


def mistakes(case):
    """Several rules in one line: which of them is wrong is said."""
    wrong = case.write("wrong.conf", 'policy { rules = {"a: any -> drop", "a: any -> allow", "b: ruri ~ /(/ -> drop", '
                                     '"c: method = INVITE and not registered and source in 10.0.0.1/8 -> drop"} }\n')
    said = case.run([program("sallyportctl"), "config", "check", wrong])
    check_equal(said.returncode, 1, f"config check: {said.stdout}; exit code")
    for text in ('another rule before it has this name (in "a: any -> allow")', 'parenthesis (in "b: ruri ~ /(/ -> drop")',
                 '"10.0.0.1/8" is no network: write 192.0.2.0/24', '(in "c: method = INVITE and not registered an...")'):
        check(text in said.stdout, f"{text} in {said.stdout}")


def test(case):
    gateway = Gateway(case, {"policy": {"rules": RULES}}).start()
    for args, text, code, wanted in ASKED:
        answer = gateway.ctl(*args, input=text, good=code)
        said = answer.stdout + answer.stderr
        for w in wanted:
            check(w in said, f"sallyportctl {' '.join(args)} lacks {w!r}: {said}")
        check(said.count("\n") <= 12, f"sallyportctl {' '.join(args)} says too much: {said}")
    case.say("wrong words and values")
    mistakes(case)
    case.say("wrong rules")
    gateway.stop()


run(test)
