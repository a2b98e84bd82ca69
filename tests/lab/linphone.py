"""linphone: linphonec as a phone: SIP over TLS 443 and ICE with TURN over TLS on the same 443, sound from and
to WAV files.

linphonec checks the certificate's DNS names (never its IP addresses), is TLS 1.2 only, and crashes about once
in 18 calls by itself: Crashed tells that apart from a call that failed."""
import os
import re
import signal
import subprocess

from lab import tone
from lab.case import Failure, check, need, wait_for

RC = """
[sip]
root_ca={ca}
verify_server_certs=1
verify_server_cn=1
media_encryption=srtp
media_encryption_mandatory=0
default_proxy=0
sip_port=0
sip_tcp_port=0
sip_tls_port=-2
register_only_when_network_is_up=0
guess_hostname=1
use_ipv6=0

[net]
nat_policy_ref=door
mtu=1300

[nat_policy_0]
ref=door
stun_server=gw.ims.test:443
stun_server_username={user}
protocols=stun,turn,ice
turn_enable_udp=0
turn_enable_tcp=0
turn_enable_tls=1

[proxy_0]
reg_proxy=<sip:gw.ims.test:443;transport=tls>
reg_route=<sip:gw.ims.test:443;transport=tls>
reg_identity=sip:{user}@ims.test
reg_expires=600
reg_sendregister=1
publish=0
nat_policy_ref=door

[auth_info_0]
username={user}
userid={user}
passwd=secret
realm=ims.test

[rtp]
audio_rtp_port=-1
"""


class Crashed(Exception):
    """linphonec died of a signal of its own."""


class Linphone:
    def __init__(self, case, space, user, ca, hertz=440, answers=False, attempt=0):
        need("linphonec")
        stem = f"linphone-{user}-{attempt}"
        self.case, self.user, self.home = case, user, case.path(stem, "x")[:-2]
        os.makedirs(f"{self.home}/.local/share/linphone", exist_ok=True)
        self.recording, played = f"{self.home}/heard.wav", f"{self.home}/said.wav"
        tone.write_tone(played, hertz, 60)
        rc = case.write(f"{stem}/rc", RC.format(ca=ca, user=user))
        self.own_log = case.path("log", f"{stem}-debug.log")
        self.process = case.start(["linphonec", "-c", rc, "-d", "5", "-l", self.own_log] + ["-a"] * answers, name=stem,
                                  space=space, stdin=subprocess.PIPE, cwd=self.home,
                                  env={"HOME": self.home, "XDG_RUNTIME_DIR": self.home})
        for command in ("soundcard use files", f"play {played}", f"record {self.recording}"):
            self.command(command)

    def command(self, text):
        try:
            self.process.popen.stdin.write(text.encode() + b"\n")
            self.process.popen.stdin.flush()
        except BrokenPipeError:
            self.look()
            raise Failure(f"linphonec of {self.user} has ended") from None

    def look(self):
        code = self.process.popen.poll()
        if code in (-signal.SIGSEGV, -signal.SIGABRT):
            raise Crashed(f"linphonec of {self.user} died of signal {-code}")

    def log(self):
        try:
            with open(self.own_log, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def until(self, condition, seconds, what):
        def ready():
            self.look()
            return condition()
        wait_for(ready, seconds, f"linphonec of {self.user}: {what}", pause=0.2)

    def wait_registered(self, seconds=15):
        def registered():
            self.command("status register")
            return "registered, identity" in self.process.output()
        self.until(registered, seconds, "registered")

    def wait_in_log(self, text, seconds, what):
        self.until(lambda: text in self.log(), seconds, what)

    def wait_recorded(self, seconds_recorded, seconds):
        """Until the recording is that long (48 kHz, 16 bit; its header is written when the call ends)."""
        self.until(lambda: os.path.exists(self.recording)
                   and os.path.getsize(self.recording) > seconds_recorded * 96000, seconds, "records the call")

    def check_tone(self, hertz, at_least):
        heard = tone.seconds_of_tone(self.recording, hertz)
        check(heard >= at_least, f"{self.user} heard {hertz} Hz for {heard} s, wanted {at_least} s and more")
        return heard

    def quit(self):
        self.command("quit")
        self.process.wait(10)
        self.look()


def call(case, net, gateway, attempt):
    """Alice calls bob; both hear the other's tone; BYE is answered."""
    b = Linphone(case, net["b"], "bob", gateway.pki.ca, 1000, answers=True, attempt=attempt)
    a = Linphone(case, net["a"], "alice", gateway.pki.ca, 440, attempt=attempt)
    try:
        for phone in (a, b):
            phone.wait_registered()
        case.say("both registered over TLS 443, certificate verified")
        a.command("call sip:bob@ims.test")
        for phone in (a, b):
            phone.wait_recorded(9, 40)
        a.command("terminate")
        a.until(lambda: any("[BYE] transaction" in line and "to [COMPLETED]" in line
                            for line in a.log().splitlines()), 10, "BYE answered")
        for phone in (a, b):
            phone.quit()
    finally:
        for phone in (a, b):
            phone.process.stop()
    check(re.search(r"Local: .*type=relay", a.log()), "ICE of alice did not end on a relay candidate")
    case.say(f"alice heard {a.check_tone(1000, 4)} s, bob {b.check_tone(440, 4)} s of the other's tone")


def call_patiently(case, net, gateway):
    """The call, once more if linphonec dies of itself."""
    for attempt in (0, 1):
        try:
            call(case, net, gateway, attempt)
            return
        except Crashed as e:
            check(attempt == 0, f"{e}, twice")
            case.say(f"{e}: it does so by itself now and then; once more")
