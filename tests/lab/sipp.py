"""sipp: Debian's sipp, as the core's side over UDP, or as a phone over TCP behind stunnel (it has no TLS).

A scenario is built here step by step and written as the XML file that sipp wants, so that a test shows both
sides of a flow beside each other."""
import os
import re
import socket
from xml.sax.saxutils import quoteattr

from lab import net
from lab.case import check, need, wait_for

SDP = """v=0
o=- 1 1 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
m=audio 4000 RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""

STUNNEL = """
foreground = yes
pid =
debug = 5
[sip]
client = yes
accept = 127.0.0.1:{port}
connect = {host}:{gateway_port}
sni = gw.ims.test
CAfile = {ca}
verifyChain = yes
checkHost = gw.ims.test
"""


def tunnel(case, gateway, space, port=15060, name="stunnel"):
    """A plain TCP port on loopback of that namespace that leads to the gateway's TLS port."""
    need("stunnel")
    conf = case.write(f"{name}.conf", STUNNEL.format(port=port, host=gateway.address, gateway_port=gateway.port,
                                                     ca=gateway.pki.ca))
    process = case.start(["stunnel", conf], name=name, space=space)

    def listening():
        check(process.running(), "stunnel ended at start")
        with net.inside(space):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
                try:
                    s.bind(("127.0.0.1", port))
                except OSError:
                    return True
        return False
    wait_for(listening, 10, "stunnel listens")
    return f"127.0.0.1:{port}"


class Scenario:
    """The steps of one side. Every check is sipp's own: a message that is not as it says fails the call."""

    def __init__(self, name):
        self.name, self.steps = name, []

    def send(self, text, body="", retransmit=False, kind=None):
        """kind: the Content-Type of the body."""
        head = text.strip("\n").replace("\n\n", "\n")
        length = "Content-Length: [len]" if body else "Content-Length: 0"
        kind = kind or ("application/sdp" if body == SDP else "text/plain")
        kind = f"Content-Type: {kind}\n" if body else ""
        self.steps.append(f"<send{' retrans=' + quoteattr('500') if retransmit else ''}><![CDATA[\n"
                          f"{head}\n{kind}{length}\n\n{body}]]></send>")
        return self

    def expect(self, what, optional=False, route=False, headers=(), absent=(), keep=(), goto=None):
        """what: a method or a status. goto: the label to go on at. headers: {name: regular expression} that must match; absent: headers that
        must not be there; keep: {variable: (header, expression)} for later use; route: keep the route set."""
        kind = "response" if what.isdigit() else "request"
        actions = []
        for name, expression in dict(headers).items():
            # sipp's own search by header would find Record-Route for Route
            line = f"[[:cntrl:]]{name}: [^[:cntrl:]]*{expression}"
            actions.append(f'<ereg regexp={quoteattr(line)} search_in="msg" check_it="true" assign_to="seen"/>')
        for name in absent:
            actions.append(f'<ereg regexp="[[:cntrl:]]{name}:" search_in="msg" check_it_inverse="true" '
                           'assign_to="seen"/>')
        for variable, (name, expression) in dict(keep).items():
            actions.append(f'<ereg regexp={quoteattr(expression)} search_in="hdr" header={quoteattr(name + ":")} '
                           f'check_it="true" assign_to={quoteattr(variable)}/>')
        flags = (' optional="true"' if optional else "") + (' rrs="true"' if route else "")
        flags += f' next="{goto}"' if goto else ""
        body = f"<action>{''.join(actions)}</action>" if actions else ""
        self.steps.append(f'<recv {kind}="{what}"{flags}>{body}</recv>')
        return self

    def reply(self, status, reason, extra="", body="", to_tag=";tag=core[call_number]"):
        """A response to the last request received."""
        return self.send(f"""SIP/2.0 {status} {reason}
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:]{to_tag}
[last_Call-ID:]
[last_CSeq:]
{extra}""", body)

    def label(self, name):
        self.steps.append(f'<label id="{name}"/>')
        return self

    def goto(self, name):
        self.steps.append(f'<nop next="{name}"/>')
        return self

    def wait(self, milliseconds):
        self.steps.append(f'<pause milliseconds="{milliseconds}"/>')
        return self

    def write(self, case):
        # sipp takes a variable that is set and not used for a mistake
        kept = sorted(set(re.findall(r'assign_to="(\w+)"', "".join(self.steps))))
        reference = f'\n<Reference variables="{",".join(kept)}"/>' if kept else ""
        return case.write(f"{self.name}.xml", '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE scenario SYSTEM '
                          f'"sipp.dtd">\n<scenario name={quoteattr(self.name)}>\n' + "\n".join(self.steps) +
                          reference + "\n</scenario>\n")


class Sipp:
    """One run of a scenario; done() is its verdict."""

    def __init__(self, case, scenario, remote=None, space=None, name=None, local=None, port=None, transport="u1",
                 calls=1, keys=None, seconds=40, extra=()):
        need("sipp")
        self.case, self.name = case, name or f"sipp-{scenario.name}"
        folder = case.path(self.name, "x")[:-2]
        self.messages = case.path("log", f"{self.name}-messages.log")
        self.errors = case.path("log", f"{self.name}-errors.log")
        argv = ["sipp"] + ([remote] if remote else [])
        argv += ["-sf", scenario.write(case), "-t", transport, "-m", str(calls), "-nostdin",
                 "-timeout", str(seconds), "-timeout_error", "-trace_msg", "-message_file", self.messages,
                 "-trace_err", "-error_file", self.errors, "-max_socket", "200", *extra]
        if local:
            argv += ["-i", local]
        if port:
            argv += ["-p", str(port)]
        for key, value in (keys or {}).items():
            argv += ["-key", key, value]
        self.seconds = seconds
        self.process = case.start(argv, name=self.name, space=space, cwd=folder, env={"TERM": "dumb"})

    def done(self):
        code = self.process.wait(self.seconds + 10)
        check(code == 0, f"{self.name} ended with {code} (0: all calls went as its scenario says)")

    def trace(self):
        with open(self.messages, encoding="utf-8", errors="replace") as f:
            return f.read()
