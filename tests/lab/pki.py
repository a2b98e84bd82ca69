"""pki: a throw-away CA and the gateway's certificates, RSA and ECDSA side by side."""
import os
import subprocess

NAMES = "DNS:gw.ims.test,DNS:ims.test,IP:127.0.0.1,IP:::1,IP:10.44.0.1"


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


KEY_KINDS = {"rsa": ["-newkey", "rsa:2048"], "ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}


class Pki:
    """Files in `folder`: NAME.pem is the CA; rsa.pem/rsa.key and ecdsa.pem/ecdsa.key are the gateway's."""

    def __init__(self, folder, name="ca"):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.ca, self.ca_key = folder, f"{folder}/{name}.pem", f"{folder}/{name}.key"
        openssl("req", "-x509", *KEY_KINDS["ecdsa"], "-nodes", "-keyout", self.ca_key, "-out", self.ca, "-days", "30",
                "-subj", f"/CN=Sallyport test {name}", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, kind, stem=None, names=NAMES, usage="serverAuth"):
        """A certificate of that key kind for those names (the gateway's); returns (certificate file, key file)."""
        stem = f"{self.folder}/{stem or kind}"
        with open(f"{stem}.ext", "w", encoding="ascii") as f:
            f.write(f"subjectAltName={names}\nextendedKeyUsage={usage}\n"
                    "keyUsage=digitalSignature,keyEncipherment\nbasicConstraints=CA:FALSE\n")
        openssl("req", *KEY_KINDS[kind], "-nodes", "-keyout", f"{stem}.key", "-out", f"{stem}.csr",
                "-subj", "/CN=gw.ims.test")
        openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", self.ca, "-CAkey", self.ca_key, "-CAcreateserial",
                "-days", "20", "-extfile", f"{stem}.ext", "-out", f"{stem}.pem")
        return f"{stem}.pem", f"{stem}.key"
