"""Certificates for servers of the tests."""

import ssl
from pathlib import Path

import trustme


def make_certificate(folder: Path, name: str) -> tuple[Path, Path, Path]:
    """Make a certificate for a host name or an address, and an authority that vouches for it.

    Returns:
        The files of the authority, of the certificate and of its key.
    """
    authority = trustme.CA()
    issued = authority.issue_cert(name)
    files = folder / "authority.pem", folder / "certificate.pem", folder / "key.pem"
    authority.cert_pem.write_to_path(str(files[0]))
    issued.cert_chain_pems[0].write_to_path(str(files[1]))
    issued.private_key_pem.write_to_path(str(files[2]))
    return files


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server with this certificate needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
