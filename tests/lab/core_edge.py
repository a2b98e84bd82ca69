"""core_edge: a gateway in front of cores that the test plays (stub_core), and their certificates."""
import ssl

from lab.case import wait_for
from lab.gateway import Gateway, free_ports


def start_edge(case, name, cores, listen=None, threads=2, **pcscf):
    """listen: one more listener, towards the core; else one over UDP."""
    edge = free_ports(1)[0]
    gateway = Gateway(case, {"pcscf": {"core": cores, "core_probe": "500ms", "core_timeout": "500ms",
                                       "reg_event": False, "core_address": f"127.0.0.1:{edge}", **pcscf},
                             "door": {}}, users=(), threads=threads, name=name)
    gateway.settings["door"]["listen"].append(listen or f"sip+udp://127.0.0.1:{edge}")
    gateway.start()
    return gateway


def hops(gateway):
    """state of each next hop, as the metrics have it: how many workers can use it."""
    stats = gateway.stats()
    return [int(stats[f'sallyport_sip_next_hop_up{{hop="{i}"}}']) for i in range(2)]


def wait_hops(gateway, wanted):
    wait_for(lambda: hops(gateway) == wanted, 20, f"next hops are {wanted} (are {hops(gateway)})", pause=0.2)


def tls_server(pki, names, stem, clients=None, usage="serverAuth"):
    """clients: the CA whose certificates it asks for."""
    certificate, key = pki.issue("ecdsa", stem, names, usage)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context
