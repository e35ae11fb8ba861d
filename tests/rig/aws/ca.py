#!/usr/bin/env python3
"""The rig's certificate authority, with openssl and keytool.

    ca.py DIR NAME...        a server certificate for each NAME (a DNS name or an IPv4 address)

leaves in DIR: ca.pem (the certificate to trust), cacerts (the same as a Java trust store, password
`changeit`, as a JRE has it) and for each NAME a file NAME.pem with its key (PKCS#8) and certificate:
what Kafka's `ssl.keystore.type=PEM` and Python's ssl module both read. Several names that one server
answers to are joined by commas; the first gives the file its name.
"""

import ipaddress
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DAYS = "30"


def run(*command):
    """Runs a tool; its output is shown only when it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}")


def key(path):
    """A private key in PKCS#8. P-256: made in no time, and even Java 8 takes it."""
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)


def make(folder, names, store=True):
    """Makes the authority and the certificates; returns the folder. The Java trust store can wait."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    ca_key, ca = folder / "ca.key", folder / "ca.pem"
    key(ca_key)
    run("openssl", "req", "-x509", "-new", "-key", ca_key, "-subj", "/CN=trueup rig CA", "-days", DAYS,
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        "-out", ca)
    for joined in names:
        certificate(folder, joined.split(","))
    if store:
        java_store(folder)
    return folder


def java_store(folder):
    """The file `cacerts`; a JVM of its own, so it takes a second."""
    store = folder / "cacerts"
    store.unlink(missing_ok=True)
    # JKS: the format that the oldest Java of the rig reads.
    run("keytool", "-importcert", "-noprompt", "-alias", "trueup-rig", "-file", folder / "ca.pem",
        "-keystore", store, "-storetype", "JKS", "-storepass", "changeit")
    store.chmod(0o644)


def certificate(folder, names):
    """NAME.pem: key, then certificate, for a server with these names."""
    with tempfile.TemporaryDirectory() as work:
        private, request, signed, extensions = (Path(work, name) for name in ("key", "csr", "crt", "ext"))
        key(private)
        extensions.write_text(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            "extendedKeyUsage=serverAuth\nsubjectAltName=" + ",".join(map(alternative, names)) + "\n"
        )
        # A common name may have 64 characters; clients look at the alternative names only.
        run("openssl", "req", "-new", "-key", private, "-subj", "/CN=trueup rig server", "-out", request)
        run("openssl", "x509", "-req", "-in", request, "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
            "-CAcreateserial", "-days", DAYS, "-extfile", extensions, "-out", signed)
        target = folder / f"{names[0]}.pem"
        target.touch(0o600)
        target.write_text(private.read_text() + signed.read_text())


def alternative(name):
    """A subject alternative name, as openssl writes it."""
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    os.umask(0o077)
    make(sys.argv[1], sys.argv[2:])
