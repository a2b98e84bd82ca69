#!/usr/bin/python3
"""Out of descriptors: what stands goes on, waiting connections cost no CPU, and all is well when there are some again."""
import os
import resource
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway
from lab.sip_ua import SipUa


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limit(pid, soft):
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


def soft_limit_is_raised(case):
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, old[1]))
    gateway = Gateway(case).start()
    resource.setrlimit(resource.RLIMIT_NOFILE, old)
    soft, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE)
    check_equal(soft, hard, "soft limit of descriptors")
    case.say(f"the limit of 256 descriptors was raised to {soft}")
    return gateway


def test(case):
    gateway = soft_limit_is_raised(case)
    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register()
    pid = gateway.process.pid
    limit(pid, gateway.descriptors())
    with socket.socket(socket.AF_UNIX) as operator:
        operator.connect(gateway.socket)
        stranger = gateway.connect_tcp()
        before = cpu_seconds(pid)
        time.sleep(2)
        used = cpu_seconds(pid) - before
        check(used < 0.7, f"used {used:.2f} s of CPU in 2 s while nobody could be let in")
        phone.ping()
        limit(pid, 4096)
    stranger.close()
    wait_for(lambda: gateway.ctl("ping", good=None).returncode == 0, 5, "the operator gets an answer again")
    SipUa(gateway.connect_tls(), "bob").register()
    phone.register()
    case.say("none left, and some again: the phone that stood did not notice")
    gateway.stop()


run(test)
