"""lab: what the tests under tests/flow and tests/interop stand on.

case       one test: its folder, its processes, its deadline, what it leaves behind on failure
pki        a CA and the gateway's RSA and ECDSA certificates
gateway    the daemon: configuration, users, readiness, counters, memory, sanitizer reports
net        network namespaces: gateway, firewall, two phones; nothing but TCP 443 gets through
tone       a tone written to and found in WAV files
sip_ua     a small SIP user agent over TLS
turn_client a small TURN client over TLS, TCP and UDP
echo       a UDP peer that echoes
sipp       sipp, also as a phone behind stunnel
"""
