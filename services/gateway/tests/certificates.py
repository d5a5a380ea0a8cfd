"""Certificates for servers of the tests, made by openssl."""

import ssl
import subprocess
from pathlib import Path


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate that signs itself, for a host name or, with `IP:` before it, an address.

    Returns:
        The files of the certificate and of its key.
    """
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    holder = name if name.startswith("IP:") else f"DNS:{name}"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=moodcue test", "-addext", f"subjectAltName={holder}"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server with this certificate needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
