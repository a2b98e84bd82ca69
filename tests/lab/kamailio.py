"""kamailio: Debian's Kamailio as a home network (kamailio.cfg), over UDP or over TLS."""
import glob
import os

from lab.case import check, wait_for

CONFIG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kamailio.cfg")
TLS = """enable_tls=yes
loadmodule "tls.so"
modparam("tls", "private_key", "KEY")
modparam("tls", "certificate", "CERTIFICATE")
modparam("tls", "tls_method", "TLSv1.2+")
"""


def modules_folder():
    found = [f for f in ("/usr/lib/kamailio/modules", *glob.glob("/usr/lib/*/kamailio/modules"))
             if os.path.exists(f + "/registrar.so")]
    check(found, "kamailio's modules were not found")
    return found[0] + "/"


def has_tls():
    return os.path.exists(modules_folder() + "tls.so")


def start_kamailio(case, port, tls=None, name="kamailio"):
    """Runs on 127.0.0.1:port; tls: (certificate, key) files, and then it speaks nothing else."""
    with open(CONFIG, encoding="ascii") as f:
        text = f.read().replace("MODULES", modules_folder())
    if tls:
        text = text.replace("disable_tcp=yes\n", "").replace("listen=udp:CORE", "listen=tls:CORE")
        text = text.replace("sip:orig@CORE;lr", "sip:orig@CORE;transport=tls;lr")
        text = text.replace('loadmodule "tm.so"', TLS.replace("KEY", tls[1]).replace("CERTIFICATE", tls[0]) +
                            'loadmodule "tm.so"')
    text = text.replace("CORE", f"127.0.0.1:{port}")
    pid = case.path(name + ".pid")
    process = case.start(["kamailio", "-f", case.write(name + ".cfg", text), "-DD", "-E", "-m", "64", "-M", "8",
                          "-P", pid, "-Y", case.folder], name=name)

    def ready():
        check(process.running(), "kamailio ended at start")
        return os.path.exists(pid) and "main(): processes" in process.output()
    wait_for(ready, 15, "kamailio runs")
    return process
