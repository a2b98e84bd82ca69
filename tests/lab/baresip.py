"""baresip: baresip as a phone: SIP over TLS 443 (no SNI, no ALPN), TURN over UDP 3478 for its media, sound from
and to WAV files. It is told what to do through its control socket (netstrings of JSON)."""
import glob
import json
import socket

from lab import net, tone
from lab.case import Failure, check, need, wait_for

CONFIG = """
poll_method epoll
call_local_timeout 60
sip_cafile {ca}
audio_source aufile,{said}
audio_player aubridge,heard
audio_alert aubridge,alert
ausrc_format s16
auplay_format s16
audio_buffer 20-160
jitter_buffer_delay 5-10
rtp_stats yes
rtcp_mux yes
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module stun.so
module turn.so
module ice.so
module srtp.so
module_tmp uuid.so
module_tmp account.so
module_app ctrl_tcp.so
module_app menu.so
ctrl_tcp_listen 127.0.0.1:4444
snd_path {home}
"""
ACCOUNT = ('<sip:{user}@ims.test;transport=tls>;auth_user={user};auth_pass=secret;'
           'outbound="sip:gw.ims.test:443;transport=tls";sipnat=outbound;regint=600;answermode=auto;'
           'medianat=turn;stunserver=turn:10.44.0.1:3478;stunuser={user};stunpass=secret;mediaenc=srtp-mand\n')


class Baresip:
    def __init__(self, case, space, user, ca, hertz):
        need("baresip")
        modules = [f for f in ("/usr/lib/baresip/modules", *glob.glob("/usr/lib/*/baresip/modules"))
                   if glob.glob(f + "/turn.so")]
        check(modules, "baresip has no turn.so")
        stem = f"baresip-{user}"
        self.user, self.space, self.home = user, space, case.path(stem, "x")[:-2]
        tone.write_tone(f"{self.home}/said.wav", hertz, 60)
        case.write(f"{stem}/config", CONFIG.format(ca=ca, said=f"{self.home}/said.wav", home=self.home,
                                                   modules=modules[0]))
        case.write(f"{stem}/accounts", ACCOUNT.format(user=user))
        self.process = case.start(["baresip", "-f", self.home, "-v", "-s"], name=stem, space=space)
        self.control, self.left, self.events = None, b"", []

    def connect(self, seconds=10):
        def attempt():
            check(self.process.running(), f"baresip of {self.user} has ended")
            with net.inside(self.space):
                s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                s.connect(("127.0.0.1", 4444))
            except OSError:
                s.close()
                return None
            return s
        self.control = wait_for(attempt, seconds, f"baresip of {self.user} listens on its control socket")

    def command(self, name, parameters=""):
        body = json.dumps({"command": name, "params": parameters, "token": "t"}).encode()
        self.control.sendall(b"%d:%s," % (len(body), body))

    def read(self):
        self.control.settimeout(0.1)
        try:
            got = self.control.recv(65536)
        except (TimeoutError, socket.timeout):
            return
        if not got:
            raise Failure(f"baresip of {self.user} has ended")
        self.left += got
        while b":" in self.left:
            size, rest = self.left.split(b":", 1)
            if len(rest) < int(size) + 1:
                return
            self.events.append(json.loads(rest[:int(size)]))
            self.left = rest[int(size) + 1:]

    def wait_event(self, kind, seconds):
        def seen():
            self.read()
            return any(e.get("type") == kind for e in self.events)
        wait_for(seen, seconds, f"baresip of {self.user}: event {kind}; has " +
                 ", ".join(str(e.get("type")) for e in self.events))

    def wait_registered(self, seconds=15):
        wait_for(lambda: "200 OK" in self.process.output(), seconds, f"baresip of {self.user}: registered", pause=0.2)

    def heard(self, hertz):
        return max((tone.seconds_of_tone(f, hertz) for f in glob.glob(f"{self.home}/dump*dec.wav")), default=0)

    def wait_tone(self, hertz, seconds_heard, seconds):
        wait_for(lambda: self.heard(hertz) >= seconds_heard, seconds, f"baresip of {self.user} hears {hertz} Hz", pause=0.3)


def call(case, net, gateway):
    """Alice calls bob; each hears the other's tone."""
    a = Baresip(case, net["a"], "alice", gateway.pki.ca, 440)
    b = Baresip(case, net["b"], "bob", gateway.pki.ca, 1000)
    for phone in (a, b):
        phone.connect()
        phone.wait_registered()
    case.say("both registered over TLS 443")
    a.command("dial", "sip:bob@ims.test")
    a.wait_event("CALL_ESTABLISHED", 20)
    a.wait_tone(1000, 3, 30)
    b.wait_tone(440, 3, 20)
    case.say(f"alice heard {a.heard(1000)} s, bob {b.heard(440)} s of the other's tone")
    a.command("hangup")
    b.wait_event("CALL_CLOSED", 10)
    for phone in (a, b):
        phone.process.stop()
