"""ims_core: a whole IMS core of Debian's Kamailio alone: HSS, S-CSCF and I-CSCF, which speak Cx to each other.

    core = ImsCore(case).start()
    gateway = core.gateway()              # an edge in front of it, to be started
    ...
    core.deregister("sip:alice@ims.test")     # as the operator of the network would
    core.cx("SAR")                            # how often the HSS was asked

Every user NAME@ims.test exists, with the password "secret", and has two public identities that are registered
together: sip:NAME@ims.test and sip:NAME.office@ims.test. Each run has loopback addresses of its own, which also are
the names of the Diameter peers, so nothing has to be resolved."""
import glob
import os
import re
import subprocess

from lab.case import Failure, Skip, check, need, wait_for
from lab.gateway import Gateway, free_ports

REALM = "ims.test"
VENDOR_3GPP = 10415
CX_APPLICATION = 16777216
COMMANDS = {"UAR": 300, "SAR": 301, "LIR": 302, "MAR": 303}
MODULES = ("ims_diameter_server.so", "ims_registrar_scscf.so", "ims_icscf.so", "presence.so", "db_text.so")

# --- what the HSS answers: AVPs as ims_diameter_server takes them


def avp(code, kind, value, vendor=0):
    """One AVP as JSON text; vendor AVPs and base AVPs are all mandatory here. `value` of a text is put in as it is."""
    flags = 192 if vendor else 64
    return f'{{"avpCode":{code},"vendorId":{vendor},"Flags":{flags},"{kind}":{value}}}'


def number(code, value, vendor=0):
    return avp(code, "int32", value, vendor)


def text(code, value, vendor=0):
    return avp(code, "string", f'"{value}"', vendor)


def group(code, *members, vendor=0):
    return avp(code, "list", "[" + ",".join(members) + "]", vendor)


def answer(*members):
    """The value of $diameter_response as an expression of the configuration: $NAME$ in the text is a variable."""
    common = (group(260, number(266, VENDOR_3GPP), number(258, CX_APPLICATION)), number(277, 1))
    parts = re.split(r"\$(\w+)\$", "[" + ",".join((*common, *members)) + "]")
    return " + ".join(f"'{p}'" if i % 2 == 0 else f"$var({p})" for i, p in enumerate(parts))


SUCCESS = number(268, 2001)
PROFILE = ("<?xml version='1.0' encoding='UTF-8'?><IMSSubscription><PrivateID>$impi$</PrivateID><ServiceProfile>"
           "<PublicIdentity><Identity>sip:$user$@ims.test</Identity></PublicIdentity>"
           "<PublicIdentity><Identity>sip:$user$.office@ims.test</Identity></PublicIdentity>"
           "</ServiceProfile></IMSSubscription>")

# what all three begin with
HEAD = """#!KAMAILIO
debug=2
log_stderror=yes
children=2
disable_tcp=yes
auto_aliases=no
dns_try_naptr=off
use_dns_cache=off
mpath="{modules}"
"""

HSS = """
pv_buffer_size=32768
pv_buffer_slots=16
listen=udp:{hss}:5060
{load}
modparam("cdp", "config_file", "{folder}/hss.xml")
request_route {{ exit; }}
event_route[diameter:request] {{
    $var(q) = $diameter_request;
    $var(impi) = $(var(q){{re.subst,/.*"avpCode":[^0-9]*1,[^@]*"string":[^"]*"([^"]*)".*/\\1/s}});
    $var(impu) = $(var(q){{re.subst,/.*"avpCode":[^0-9]*601,[^@]*"string":[^"]*"([^"]*)".*/\\1/s}});
    $var(user) = $(var(impu){{re.subst,/^[a-z]+:([^@.]*).*/\\1/}});
    xlog("L_NOTICE", "Cx $diameter_command for <$var(impu)> of <$var(impi)>\\n");
    if ($diameter_command == 300) {{
        $diameter_response = {user_authorization};
    }} else if ($diameter_command == 302) {{
        $diameter_response = {location};
    }} else if ($diameter_command == 303) {{
        $var(a1) = $var(user) + ":ims.test:secret";
        $var(ha1) = $(var(a1){{s.md5}});
        $diameter_response = {authentication};
    }} else if ($diameter_command == 301) {{
        $var(profile) = {profile};
        $diameter_response = {assignment};
    }} else {{
        $diameter_response = {unsupported};
    }}
}}
"""

SCSCF = """
listen=udp:{scscf}:6060
alias="ims.test"
{load}
modparam("ctl", "binrpc", "unix:{folder}/scscf.ctl")
modparam("cdp", "config_file", "{folder}/scscf.xml")
modparam("tm", "failure_reply_mode", 3)
modparam("tm", "fr_timer", 10000)
modparam("tm", "auto_inv_100", 0)
modparam("ims_dialog", "dlg_flag", 2)
modparam("presence", "subs_db_mode", 0)
modparam("presence", "publ_cache", 2)
modparam("presence", "db_url", "text://{folder}/db")
modparam("ims_usrloc_scscf", "matching_mode", 0)
modparam("ims_registrar_scscf", "scscf_name", "sip:{scscf}:6060")
modparam("ims_registrar_scscf", "cxdx_dest_realm", "ims.test")
modparam("ims_registrar_scscf", "use_path", 1)
modparam("ims_registrar_scscf", "max_contacts", 8)
modparam("ims_registrar_scscf", "min_expires", 60)
modparam("ims_registrar_scscf", "default_expires", 3600)
modparam("ims_registrar_scscf", "max_expires", 604800)
modparam("ims_registrar_scscf", "user_data_always", 1)
modparam("ims_registrar_scscf", "subscription_min_expires", 60)
modparam("ims_auth", "name", "sip:{scscf}:6060")
modparam("ims_auth", "cxdx_dest_realm", "ims.test")
modparam("ims_auth", "registration_default_algorithm", "HSS-Selected")
modparam("ims_auth", "registration_qop", "auth")
modparam("ims_auth", "av_check_only_impu", 1)
modparam("ims_auth", "add_authinfo_hdr", 0)
modparam("ims_auth", "max_nonce_reuse", 100)

request_route {{
    xlog("L_NOTICE", "S-CSCF $rm $ru from $si:$sp routes=$hdr(Route)\\n");
    if (!mf_process_maxfwd_header("70")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (t_lookup_request()) exit;
    if (is_method("OPTIONS") && uri == myself && !is_present_hf("Route")) {{ sl_send_reply("200", "Alive"); exit; }}
    if (is_method("REGISTER")) {{ route(REGISTER); exit; }}
    if (is_method("SUBSCRIBE") && $hdr(Event) == "reg") {{ route(WATCH); exit; }}
    if (has_totag() || is_method("CANCEL|ACK")) {{ loose_route(); t_relay(); exit; }}
    loose_route();
    record_route();
    if (!term_impu_registered("location")) {{ t_newtran(); t_reply("404", "Not registered"); exit; }}
    if (!lookup("location")) {{ t_newtran(); t_reply("404", "Not found"); exit; }}
    t_relay();
}}
route[REGISTER] {{
    # the challenge leaves before its vector counts as sent: a phone next door answers too soon for it
    if (is_present_hf("Authorization")) usleep("20000");
    if (ims_www_authenticate("ims.test")) {{
        save("ASSIGNED", "location", "0", "0"); # with two parameters it ends in a segmentation fault
        exit;
    }}
    if ($? == -2) {{ send_reply("403", "Wrong password"); exit; }}
    if ($? == -3) {{ send_reply("400", "No credentials to read"); exit; }}
    ims_www_challenge("CHALLENGED", "ims.test", "3GPP-Digest");
}}
route[CHALLENGED] {{ if ($avp(s:maa_return_code) != 1) send_reply("500", "MAR"); exit; }}
route[ASSIGNED] {{ exit; }}
route[WATCH] {{
    if (!t_newtran()) {{ sl_reply("500", "No transaction"); exit; }}
    if (!can_subscribe_to_reg("location")) {{ t_reply("403", "Not yours to watch"); exit; }}
    if (!subscribe_to_reg("location")) t_reply("500", "Not subscribed");
    exit;
}}
"""

ICSCF = """
listen=udp:{icscf}:4060
alias="ims.test"
{load}
modparam("ctl", "binrpc", "unix:{folder}/icscf.ctl")
modparam("cdp", "config_file", "{folder}/icscf.xml")
modparam("tm", "failure_reply_mode", 3)
modparam("tm", "auto_inv_100", 0)
modparam("ims_icscf", "cxdx_dest_realm", "ims.test")
modparam("ims_icscf", "db_url", "text://{folder}/db")

request_route {{
    xlog("L_NOTICE", "I-CSCF $rm $ru from $si:$sp routes=$hdr(Route)\\n");
    if (!mf_process_maxfwd_header("70")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (t_lookup_request()) exit;
    if (is_method("OPTIONS") && uri == myself && !is_present_hf("Route")) {{ sl_send_reply("200", "Alive"); exit; }}
    # what knows its way has been here only because this is the entry
    if (is_present_hf("Route") || has_totag() || is_method("CANCEL|ACK")) {{ loose_route(); t_relay(); exit; }}
    if (!is_method("REGISTER")) {{ I_perform_location_information_request("FOUND", "0"); exit; }}
    if (I_scscf_select("0")) {{ t_relay(); exit; }}
    I_scscf_drop();
    if (!I_perform_user_authorization_request("FOUND", "0")) send_reply("500", "UAR");
}}
route[FOUND] {{
    if ($avp(uaa_return_code) != 1 && $avp(lia_return_code) != 1) {{ t_reply("500", "The HSS said no"); exit; }}
    if (!I_scscf_select("0")) {{ t_reply("500", "No S-CSCF"); exit; }}
    t_relay();
}}
"""

DIAMETER = """<?xml version="1.0" encoding="UTF-8"?>
<DiameterPeer FQDN="{me}" Realm="ims.test" Vendor_Id="10415" Product_Name="Kamailio" AcceptUnknownPeers="1"
  DropUnknownOnDisconnect="1" Tc="2" Workers="1" QueueLength="32" TransactionTimeout="5" SessionsHashSize="64"
  DefaultAuthSessionTimeout="3600" MaxAuthSessionTimeout="3600">
 {peer}
 <Acceptor port="3868" bind="{me}"/>
 <Auth id="16777216" vendor="10415"/>
 <SupportedVendor vendor="10415"/>
 {route}
</DiameterPeer>
"""

LOADED = {
    "hss": "tm sl pv xlog textops cdp cdp_avp ims_diameter_server",
    "scscf": "tm pv sl rr cfgutils ims_dialog textops textopsx maxfwd xlog siputils kex tmx ctl presence db_text cdp cdp_avp "
             "ims_usrloc_scscf ims_registrar_scscf ims_auth ims_isc",
    "icscf": "tm pv sl rr textops maxfwd xlog siputils kex tmx ctl db_text cdp cdp_avp ims_icscf",
}

# db_text: a table is a file: its columns, then its rows
TABLES = {
    "version": "table_name(string) table_version(int)\npresentity:5\nactive_watchers:12\nwatchers:3\nxcap:4\n",
    "nds_trusted_domains": "id(int,auto) trusted_domain(string)\n1:ims.test\n",
    "s_cscf": "id(int,auto) name(string) s_cscf_uri(string)\n1:one:sip\\:{scscf}\\:6060\n",
    "s_cscf_capabilities": "id(int,auto) id_s_cscf(int) capability(int)\n1:1:0\n2:1:1\n",
    "presentity": "id(int,auto) username(string) domain(string) event(string) etag(string) expires(int) "
                  "received_time(int) body(string) sender(string) priority(int) ruid(string,null)\n",
    "watchers": "id(int,auto) presentity_uri(string) watcher_username(string) watcher_domain(string) event(string) "
                "status(int) reason(string,null) inserted_time(int)\n",
    "xcap": "id(int,auto) username(string) domain(string) doc(string) doc_type(int) etag(string) source(int) "
            "doc_uri(string) port(int)\n",
    "active_watchers": "id(int,auto) presentity_uri(string) watcher_username(string) watcher_domain(string) "
                       "to_user(string) to_domain(string) event(string) event_id(string,null) to_tag(string) "
                       "from_tag(string) callid(string) local_cseq(int) remote_cseq(int) contact(string) "
                       "record_route(string,null) expires(int) status(int) reason(string,null) version(int) "
                       "socket_info(string) local_contact(string) from_user(string) from_domain(string) updated(int) "
                       "updated_winfo(int) flags(int) user_agent(string,null)\n",
}


def module_folder():
    need("kamailio", "kamcmd")
    folders = ["/usr/lib/kamailio/modules", *glob.glob("/usr/lib/*/kamailio/modules")]
    found = [f for f in folders if os.path.exists(f + "/tm.so")]
    check(found, "kamailio's modules were not found")
    missing = [m for m in MODULES if not os.path.exists(f"{found[0]}/{m}")]
    if missing:
        raise Skip("kamailio has not " + ", ".join(missing) + ": kamailio-ims-modules, kamailio-presence-modules and "
                   "kamailio-extra-modules are needed")
    return found[0] + "/"


class ImsCore:
    def __init__(self, case, space=None):
        self.case, self.modules, self.space = case, module_folder(), space
        self.folder = case.path("ims", "x")[:-2]
        pid = os.getpid()
        self.network = f"127.{64 + (pid >> 8) % 64}.{pid % 256}"
        self.names = {"hss": f"{self.network}.2", "scscf": f"{self.network}.3", "icscf": f"{self.network}.4",
                      "folder": self.folder, "modules": self.modules}
        self.processes = {}

    def gateway(self, settings=None, **how):
        """The gateway as edge of this core: Gateway() takes the rest. The core knows its users itself."""
        edge = {"core": f"udp:{self.names['icscf']}:4060", "core_networks": [f"{self.network}.0/24"]}
        gateway = Gateway(self.case, {**(settings or {}), "pcscf": edge}, space=self.space, **how)
        port = 5060 if self.space else free_ports(1)[0]
        gateway.settings["door"]["listen"].append(f"sip+udp://127.0.0.1:{port}")
        return gateway

    # --- writing

    def write(self, name, content):
        with open(self.case.path("ims", name), "w", encoding="ascii") as f:
            f.write(content)

    def write_all(self):
        scscf = f"sip:{self.names['scscf']}:6060"
        server = text(602, scscf, VENDOR_3GPP)
        known = text(1, "$impi$"), text(601, "$impu$", VENDOR_3GPP)
        digest = group(635, text(104, REALM), text(121, "$ha1$"), vendor=VENDOR_3GPP)
        item = group(612, number(613, 1, VENDOR_3GPP), text(608, "SIP Digest", VENDOR_3GPP), digest, vendor=VENDOR_3GPP)
        first = group(297, number(266, VENDOR_3GPP), number(298, 2001))
        profile = re.split(r"\$(\w+)\$", PROFILE)
        answers = {
            "user_authorization": answer(server, first),
            "location": answer(server, SUCCESS),
            "authentication": answer(*known, number(607, 1, VENDOR_3GPP), item, SUCCESS),
            "profile": " + ".join(f'"{p}"' if i % 2 == 0 else f"$var({p})" for i, p in enumerate(profile)),
            "assignment": answer(known[0], text(606, "$profile$", VENDOR_3GPP), SUCCESS),
            "unsupported": answer(number(268, 3001)),
        }
        for name, template in (("hss", HSS), ("scscf", SCSCF), ("icscf", ICSCF)):
            load = "\n".join(f'loadmodule "{m}.so"' for m in LOADED[name].split())
            self.write(f"{name}.cfg", (HEAD + template).format(**self.names, load=load, **answers))
            hss = self.names["hss"]
            client = name != "hss"
            self.write(f"{name}.xml", DIAMETER.format(
                me=self.names[name], peer=f'<Peer FQDN="{hss}" Realm="ims.test" port="3868"/>' if client else "",
                route=f'<DefaultRoute FQDN="{hss}" metric="10"/>' if client else ""))
        for table, content in TABLES.items():
            self.write(f"db/{table}", content.format(**self.names))

    # --- running

    def start(self, seconds=40):
        """The HSS first: who does not find it at once asks again only after a while."""
        self.write_all()
        for name in ("hss", "scscf", "icscf"):
            self.processes[name] = self.case.start(
                ["kamailio", "-f", f"{self.folder}/{name}.cfg", "-DD", "-E", "-m", "64", "-M", "8",
                 "-P", f"{self.folder}/{name}.pid", "-Y", self.folder], name=f"kamailio-{name}", space=self.space)
            if name == "hss":
                wait_for(self.hss_listens, seconds, "the HSS listens")
        for name in ("scscf", "icscf"):
            wait_for(lambda: self.knows_hss(name), seconds, f"the {name} speaks Diameter to the HSS", pause=0.2)
        return self

    def running(self):
        for name, process in self.processes.items():
            check(process.running(), f"kamailio as {name} ended")

    def hss_listens(self):
        self.running()
        return "LISTEN" in self.case.run(["ss", "-Hltn", f"src {self.names['hss']}:3868"], space=self.space).stdout

    def rpc(self, name, *words, good=True):
        done = subprocess.run(["kamcmd", "-s", f"unix:{self.folder}/{name}.ctl", *words], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=10, check=False)
        if good and done.returncode != 0:
            raise Failure(f"kamcmd {' '.join(words)}: {done.stdout}")
        return done.stdout

    def knows_hss(self, name):
        self.running()
        return bool(re.search(r"State: (I|R)_Open", self.rpc(name, "cdp.list_peers", good=False)))

    # --- asking

    def cx(self, command, user=""):
        """How often the HSS got that command (for that user)."""
        return len(re.findall(rf"Cx {COMMANDS[command]} for <[^>]*{re.escape(user)}", self.processes["hss"].output()))

    def deregister(self, impu):
        """The operator of the home network takes a registration away."""
        self.rpc("scscf", "regscscf.dereg_impu", impu)
