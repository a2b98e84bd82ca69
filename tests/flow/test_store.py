#!/usr/bin/python3
"""What is written to sqlite as it changes: users, bindings, registrations, allocations with their permissions and
channels; and that it goes again."""
import hashlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.case import check, check_equal, run, wait_for
from lab.gateway import Gateway
from lab.sip_ua import SipUa
from lab.turn_client import TurnClient


def test(case):
    gateway = Gateway(case, {"turn": {"allow_peers": ["127.0.0.1/32"]}}).start()

    users = {row[1]: row for row in gateway.rows("user", "realm, name, ha1_md5, ha1_sha256, enabled")}
    check_equal(sorted(users), ["alice", "bob"], "users stored")
    text = b"alice:ims.test:secret"  # RFC 7616 3.4.2, RFC 8489 9.2.2
    check_equal(users["alice"], ("ims.test", "alice", hashlib.md5(text).digest(), hashlib.sha256(text).digest(), 1),
                "row of alice")
    gateway.ctl("user", "add", "carol", "--realm", "ims.test", input="other\n")
    check("carol" in gateway.ctl("user", "list").stdout, "carol is not listed")
    gateway.ctl("user", "remove", "carol", "--realm", "ims.test")
    check_equal(len(gateway.rows("user")), 2, "users after one was removed")

    phone = SipUa(gateway.connect_tls(), "alice")
    phone.register(expires=600)
    (binding,) = wait_for(lambda: gateway.rows("binding", "aor, contact, path, expires"), 5, "a binding is stored")
    check_equal(binding[0], "sip:alice@ims.test", "address of record of the binding")
    check(phone.sent_by in binding[1] and binding[2], f"binding without contact or Path: {binding}")
    (registration,) = wait_for(lambda: gateway.rows("registration", "aor, private_id, service_route"), 5,
                               "a registration is stored")
    check(registration[0] == "sip:alice@ims.test" and registration[2], f"registration: {registration}")
    case.say("user, binding and registration rows")

    client = TurnClient(gateway.connect_tls(), "bob")
    relayed = client.allocate()
    client.permission("127.0.0.1")
    client.channel(0x4005, ("127.0.0.1", 9))
    (allocation,) = wait_for(lambda: gateway.rows("allocation", "username, realm, transport, relayed"), 5,
                             "an allocation is stored")
    check_equal(allocation[:2], ("bob", "ims.test"), "whose allocation")
    check(str(relayed[1]) in allocation[3], f"relayed address of {allocation}, wanted {relayed}")
    wait_for(lambda: gateway.rows("permission"), 5, "a permission is stored")
    (channel,) = wait_for(lambda: gateway.rows("channel", "number, peer"), 5, "a channel is stored")
    check(channel[0] == 0x4005 and "127.0.0.1" in channel[1], f"channel: {channel}")
    case.say("allocation, permission and channel rows")

    client.refresh(0)
    phone.register(expires=0)
    for table in ("allocation", "permission", "channel", "binding", "registration"):
        wait_for(lambda t=table: not gateway.rows(t), 5, f"{table} rows are gone")
    case.say("gone again when they end")
    gateway.stop()
    gateway.start()
    check_equal(len(gateway.rows("user")), 2, "users after a restart")
    SipUa(gateway.connect_tls(), "alice").register()
    gateway.stop()


run(test)
