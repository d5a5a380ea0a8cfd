"""CURVE keys: made by `moodcue keys`, read from a folder, checked against an allow-list.

The folder holds `broker.key`, `broker.key_secret`, `client.key`, `client.key_secret`;
`authorized/`, the public keys that the broker lets in; and `subscriber/`, the folder to give to a
subscriber elsewhere. A folder that holds a file `plaintext` instead stands for no encryption.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import zmq
import zmq.auth

from moodcue.errors import SettingsError

PLAINTEXT = "plaintext"
"""Name of the file that stands in a folder for having no keys on purpose."""

# The broker's secret key comes last: what has it has all.
_PARTS = (
    "authorized",
    "subscriber",
    "client.key",
    "client.key_secret",
    "broker.key",
    "broker.key_secret",
)
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


def has_keys(folder: Path) -> bool:
    """Whether a folder holds keys, be they whole or not."""
    return any((folder / name).exists() for name in _PARTS)


def create_keys(folder: Path) -> None:
    """Make the key pairs of a broker, its clients and a subscriber, and the allow-list of the two.

    Raises:
        SettingsError: if the folder holds keys already, which are never overwritten, or cannot be
            written to.
    """
    if has_keys(folder):
        raise SettingsError(f"{folder} holds keys already; take another folder or remove them")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Private while it is written, and put in its place when it is whole.
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as making:
            # First, so that a failure from here on leaves nobody talking in plain text.
            (folder / PLAINTEXT).unlink(missing_ok=True)
            _write_keys(Path(making))
            for name in _PARTS:
                (Path(making) / name).rename(folder / name)
    except OSError as error:
        raise SettingsError(f"no keys can be made in {folder}: {error.strerror}") from error


def _write_keys(folder: Path) -> None:
    authorized, subscriber = folder / "authorized", folder / "subscriber"
    authorized.mkdir(mode=0o700)
    subscriber.mkdir(mode=0o700)
    for place, name in ((folder, "broker"), (folder, "client"), (subscriber, "client")):
        _, secret = zmq.auth.create_certificates(place, name)
        Path(secret).chmod(0o600)
    shutil.copyfile(folder / "broker.key", subscriber / "broker.key")
    shutil.copyfile(folder / "client.key", authorized / "client.key")
    shutil.copyfile(subscriber / "client.key", authorized / "subscriber.key")


def load_keys(folder: Path | None, *, broker: bool = False) -> CurveKeys | None:
    """Read the keys of the broker or of a client; no folder means no encryption.

    Raises:
        SettingsError: if a key is missing, unreadable or does not fit the others.
    """
    if folder is None or ((folder / PLAINTEXT).exists() and not has_keys(folder)):
        return None
    own = folder / ("broker.key_secret" if broker else "client.key_secret")
    authorized = folder / "authorized"
    try:
        public, secret = zmq.auth.load_certificate(own)
        broker_public, _ = zmq.auth.load_certificate(folder / "broker.key")
        let_in = zmq.auth.load_certificates(authorized) if broker else {}
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"no usable keys: {error}; make new ones: moodcue keys FOLDER"
        ) from error
    if secret is None:
        raise SettingsError(f"{own} holds no secret key; make new ones: moodcue keys FOLDER")
    if not _is_pair(public, secret) or (broker and public != broker_public):
        raise SettingsError(
            f"{own} is damaged or does not fit broker.key; make new ones: moodcue keys FOLDER"
        )
    if broker and not let_in:
        raise SettingsError(
            f"{authorized} is empty, so nobody could connect; put public keys there"
        )
    return CurveKeys(public, secret, broker_public, authorized)


def _is_pair(public: bytes, secret: bytes) -> bool:
    try:
        return zmq.curve_public(secret) == public
    except (ValueError, zmq.ZMQError):
        return False


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
