"""CURVE keys: made by `moodcue keys`, read from a folder, checked against an allow-list.

The folder holds `broker.key`, `broker.key_secret`, `client.key`, `client.key_secret`, and
`authorized/`, the public keys that the broker lets in.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import zmq
import zmq.auth

from moodcue.errors import SettingsError

_LOOPBACK = ("127.", "localhost", "::1", "[::1]")


@dataclass(frozen=True)
class CurveKeys:
    """Key pairs of one side, and the broker's public key.

    Attributes:
        public: own public key, Z85.
        secret: own secret key, Z85.
        broker: public key of the broker, Z85.
        authorized: folder of the public keys that the broker lets in.
    """

    public: bytes
    secret: bytes
    broker: bytes
    authorized: Path

    def __repr__(self) -> str:
        return f"CurveKeys(authorized={str(self.authorized)!r})"


def create_keys(folder: Path) -> None:
    """Make a broker's and a client's key pair and the allow-list with that client.

    Raises:
        SettingsError: if the folder holds keys already; they are never overwritten.
    """
    if (folder / "broker.key_secret").exists():
        raise SettingsError(f"{folder} holds keys already; take another folder or remove them")
    authorized = folder / "authorized"
    authorized.mkdir(parents=True, exist_ok=True)
    for name in ("broker", "client"):
        _, secret = zmq.auth.create_certificates(folder, name)
        Path(secret).chmod(0o600)
    shutil.copyfile(folder / "client.key", authorized / "client.key")


def load_keys(folder: Path | None, *, broker: bool = False) -> CurveKeys | None:
    """Read the keys of the broker or of a client; no folder means no encryption.

    Raises:
        SettingsError: if a key is missing or unreadable.
    """
    if folder is None:
        return None
    own = folder / ("broker.key_secret" if broker else "client.key_secret")
    try:
        public, secret = zmq.auth.load_certificate(own)
        broker_public, _ = zmq.auth.load_certificate(folder / "broker.key")
    except (OSError, ValueError) as error:
        raise SettingsError(f"no usable keys: {error}; make them: moodcue keys {folder}") from error
    if secret is None:
        raise SettingsError(f"{own} holds no secret key; make new ones: moodcue keys FOLDER")
    return CurveKeys(public, secret, broker_public, folder / "authorized")


def protect_client(socket: zmq.Socket[bytes], keys: CurveKeys | None) -> None:
    """Encrypt a socket that connects to the broker."""
    if keys is not None:
        socket.curve_publickey = keys.public
        socket.curve_secretkey = keys.secret
        socket.curve_serverkey = keys.broker


def protect_server(socket: zmq.Socket[bytes], keys: CurveKeys | None) -> None:
    """Let a socket that binds demand encryption."""
    if keys is not None:
        socket.curve_server = True
        socket.curve_publickey = keys.public
        socket.curve_secretkey = keys.secret


def check_bind_host(host: str, *, keys: CurveKeys | None, allow_plaintext: bool) -> None:
    """Refuse to listen beyond this machine without encryption, unless told to.

    Raises:
        SettingsError: naming the two ways out.
    """
    if keys is None and not allow_plaintext and not host.startswith(_LOOPBACK):
        raise SettingsError(
            f"refusing to listen on {host} without encryption; set MOODCUE_CURVE_DIR, or "
            "MOODCUE_BROKER_ALLOW_PLAINTEXT=true on a network that you trust"
        )
