import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from moodcue.bus import Port
from moodcue.cli import main
from moodcue.errors import SettingsError
from moodcue.security import PLAINTEXT, create_keys, load_keys

PRIVATE = ("broker.key_secret", "client.key_secret", "subscriber/client.key_secret")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_keys_are_made_once_and_are_private(tmp_path: Path) -> None:
    create_keys(tmp_path / "keys")
    keys = load_keys(tmp_path / "keys")

    assert keys is not None
    assert keys.secret.decode() not in repr(keys)
    assert (tmp_path / "keys").stat().st_mode & 0o077 == 0
    for name in PRIVATE:
        assert (tmp_path / "keys" / name).stat().st_mode & 0o077 == 0
    with pytest.raises(SettingsError, match="holds keys already"):
        create_keys(tmp_path / "keys")


def test_a_subscriber_gets_keys_of_its_own_and_not_the_brokers_secret(tmp_path: Path) -> None:
    create_keys(tmp_path)
    ours, broker = load_keys(tmp_path), load_keys(tmp_path, broker=True)
    given = load_keys(tmp_path / "subscriber")

    assert ours is not None
    assert broker is not None
    assert given is not None
    assert given.broker == broker.public
    assert given.secret != ours.secret
    held = b"".join(contents(tmp_path / "subscriber").values())
    assert ours.secret not in held
    assert broker.secret not in held


def test_missing_keys_are_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="moodcue keys"):
        load_keys(tmp_path / "nowhere")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def altered(path: Path) -> None:
    path.write_text(path.read_text().replace('secret-key = "', 'secret-key = "x'))


def of_another_broker(path: Path) -> None:
    create_keys(path.parent / "other")
    shutil.copyfile(path.parent / "other" / path.name, path)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("broker.key_secret", Path.unlink),
        ("broker.key_secret", emptied),
        ("broker.key_secret", altered),
        ("broker.key_secret", of_another_broker),
        ("client.key_secret", Path.unlink),
        ("client.key_secret", emptied),
        ("client.key_secret", altered),
        ("broker.key", emptied),
    ],
)
def test_keys_that_are_not_whole_are_refused_without_being_shown(
    tmp_path: Path, name: str, harm: Callable[[Path], None]
) -> None:
    create_keys(tmp_path)
    secrets = [(tmp_path / held).read_text().rsplit('"', 2)[1] for held in PRIVATE]
    harm(tmp_path / name)

    with pytest.raises(SettingsError, match="moodcue keys FOLDER") as caught:
        load_keys(tmp_path, broker=name.startswith("broker"))
    assert name in str(caught.value)
    assert not any(secret in str(caught.value) for secret in secrets)


def test_a_broker_that_would_let_nobody_in_does_not_start(tmp_path: Path) -> None:
    create_keys(tmp_path)
    for public in (tmp_path / "authorized").iterdir():
        public.unlink()

    assert load_keys(tmp_path) is not None
    with pytest.raises(SettingsError, match="nobody could connect"):
        load_keys(tmp_path, broker=True)


def test_a_folder_can_say_that_there_is_no_encryption_until_it_has_keys(tmp_path: Path) -> None:
    (tmp_path / PLAINTEXT).touch()
    assert load_keys(tmp_path) is None
    assert load_keys(tmp_path, broker=True) is None
    create_keys(tmp_path)
    assert load_keys(tmp_path) is not None
    assert not (tmp_path / PLAINTEXT).exists()

    (tmp_path / PLAINTEXT).touch()
    (tmp_path / "client.key_secret").unlink()
    with pytest.raises(SettingsError, match="no usable keys"):
        load_keys(tmp_path)


def test_the_command_makes_missing_keys_and_leaves_whole_ones_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["keys", str(tmp_path), "--if-missing"]
    assert main(command) == 0
    made = contents(tmp_path)
    assert main(command) == 0
    assert contents(tmp_path) == made

    printed = capsys.readouterr().out
    for name in PRIVATE:
        assert made[name].decode().rsplit('"', 2)[1] not in printed
    (tmp_path / "broker.key").unlink()
    assert main(command) == 1
    assert "broker.key" in capsys.readouterr().err


def test_the_command_makes_no_keys_beside_a_broker_that_would_go_on_without_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / PLAINTEXT).touch()
    command = ["keys", str(tmp_path), "--before-broker", "127.0.0.1"]
    with socket.create_server(("127.0.0.1", 0)) as broker:
        port = broker.getsockname()[1]
        monkeypatch.setattr("moodcue.cli.DEFAULT_PORT", port - Port.EVENTS_OUT)

        assert main(command) == 1
        assert "end all of Moodcue first" in capsys.readouterr().err
        assert [path.name for path in tmp_path.iterdir()] == [PLAINTEXT]
    assert main(command) == 0
