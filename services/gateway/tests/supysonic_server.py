"""A real music server with the Subsonic API: Supysonic, on files that a test wrote."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import mutagen
from gateway_harness import write_tone
from outside import missing, wait_until_listening

PROGRAMS = Path(__file__).resolve().parents[3] / ".tools" / "supysonic" / "bin"
USER, PASSWORD = "listener", "sësame & more"


def write_song(path: Path, **tags: str) -> None:
    """Write a second of a quiet tone with tags."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tone(path, seconds=1)
    file = mutagen.File(path)
    assert file is not None
    file.update(tags)
    file.save()


@dataclass
class Supysonic:
    """The server, with its files in a folder.

    Attributes:
        folder: of its music and its own files.
        port: that it listens on.
    """

    folder: Path
    port: int
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def music(self) -> Path:
        """Folder of the music."""
        return self.folder / "music"

    def set_up(self) -> None:
        """Make a user and take in the music."""
        self.folder.mkdir(exist_ok=True)
        settings = f"""
            [base]
            database_uri = sqlite:///{self.folder / "supysonic.db"}
            [webapp]
            cache_dir = {self.folder / "cache"}
            mount_webui = off
            [daemon]
            socket = {self.folder / "none.sock"}
        """
        lines = [line.strip() for line in settings.strip().splitlines()]
        (self.folder / "supysonic.conf").write_text("\n".join(lines) + "\n")
        self._command("user", "add", USER, "-p", PASSWORD)
        self._command("folder", "add", "music", str(self.music))
        self._command("folder", "scan", "--foreground")

    def start(self) -> None:
        """Start it and wait until it listens."""
        options = ("--server", "waitress", "--host", "127.0.0.1", "--port", str(self.port))
        log = self.folder / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [_program("supysonic-server"), *options],
                cwd=self.folder,
                env=self._environment(),
                stdout=output,
                stderr=output,
            )
        wait_until_listening(self.port, log=log)

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None

    def call(self, method: str, **fields: str) -> dict[str, Any]:
        """Ask the server something, as a player does."""
        who = {"u": USER, "p": PASSWORD, "v": "1.12.0", "c": "test", "f": "json"}
        answer = httpx.get(f"{self.url}/rest/{method}", params={**who, **fields}, timeout=20)
        found: dict[str, Any] = answer.json()["subsonic-response"]
        assert found["status"] == "ok", found
        return found

    def playlists(self) -> dict[str, list[str]]:
        """Return the titles of the songs in each playlist, by its name."""
        lists = self.call("getPlaylists")["playlists"].get("playlist", [])
        return {one["name"]: self._titles(one["id"]) for one in lists}

    def delete_playlists(self) -> None:
        """Delete all playlists."""
        for one in self.call("getPlaylists")["playlists"].get("playlist", []):
            self.call("deletePlaylist", id=one["id"])

    def _titles(self, playlist: str) -> list[str]:
        entries = self.call("getPlaylist", id=playlist)["playlist"].get("entry", [])
        return [str(entry["title"]) for entry in entries]

    def _command(self, *arguments: str) -> None:
        subprocess.run(
            [_program("supysonic-cli"), *arguments],
            cwd=self.folder,
            env=self._environment(),
            check=True,
            capture_output=True,
            timeout=60,
        )

    def _environment(self) -> Mapping[str, str]:
        # It reads settings of the user's home as well.
        return {**os.environ, "HOME": str(self.folder)}


def _program(name: str) -> Path:
    """Find a program of the server; skip the test without it, but never in CI."""
    path = PROGRAMS / name
    if not path.is_file():
        missing(f"{path} is missing; deploy/testing/install-tools.sh installs it")
    return path
