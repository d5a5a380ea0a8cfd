"""A music server that takes the OpenSubsonic API at its word: a real HTTP server with playlists."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Fields = dict[str, list[str]]


class ProtocolFaultError(Exception):
    """What the protocol answers with `failed`: a code and a message."""


@dataclass
class SubsonicServer:
    """What a test sees of the server.

    Attributes:
        user: who may come in.
        password: of the user.
        songs: that it has.
        playlists: songs' ids by id of the playlist.
        names: of the playlists.
        calls: methods that were called, in order.
        salts: that came; none may come twice.
        down: answers no request as the protocol says.
    """

    url: str = ""
    user: str = "listener"
    password: str = "sesame"  # noqa: S105 - of a stand-in
    songs: list[dict[str, Any]] = field(default_factory=list)
    playlists: dict[str, list[str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    salts: set[str] = field(default_factory=set)
    down: bool = False

    def contents(self, name: str) -> list[str]:
        """Return the songs of the playlists of a name."""
        return [
            song
            for key, ids in list(self.playlists.items())
            if self.names[key] == name
            for song in ids
        ]

    def answer(self, method: str, fields: Fields) -> dict[str, Any]:
        """Answer a call.

        Raises:
            ProtocolFaultError: as the protocol says.
        """
        self._check(fields)
        self.calls.append(method)
        if method == "search3":
            return {"searchResult3": {"song": self._search(fields["query"][0])}}
        if method == "getPlaylists":
            lists = [{"id": key, "name": name} for key, name in self.names.items()]
            return {"playlists": {"playlist": lists} if lists else {}}
        if method == "createPlaylist":
            return {"playlist": {"id": self._save(fields)}}
        raise ProtocolFaultError(0, f"no method {method}")

    def _check(self, fields: Fields) -> None:
        one = {name: values[0] for name, values in fields.items()}
        missing = [name for name in ("u", "t", "s", "v", "c", "f") if not one.get(name)]
        if missing:
            raise ProtocolFaultError(10, f"required parameter is missing: {missing[0]}")
        assert "p" not in one, "the password was sent"
        assert one["f"] == "json"
        assert one["v"].split(".")[0] == "1"
        assert len(one["s"]) >= 6
        assert one["s"] not in self.salts, "a salt came twice"
        self.salts.add(one["s"])
        token = hashlib.md5(f"{self.password}{one['s']}".encode()).hexdigest()  # noqa: S324 - as the protocol says
        if (one["u"], one["t"]) != (self.user, token):
            raise ProtocolFaultError(40, "Wrong username or password")

    def _search(self, query: str) -> list[dict[str, Any]]:
        words = query.split()
        return [
            song
            for song in self.songs
            if all(word in f"{song['title']} {song['artist']}".lower() for word in words)
        ]

    def _save(self, fields: Fields) -> str:
        known = {song["id"] for song in self.songs}
        if not set(fields.get("songId", [])) <= known:
            raise ProtocolFaultError(70, "song not found")
        if "playlistId" in fields:
            [key] = fields["playlistId"]
            if key not in self.names:
                raise ProtocolFaultError(70, "playlist not found")
        else:
            key = f"list{len(self.calls)}"
            self.names[key] = fields["name"][0]
        self.playlists[key] = fields.get("songId", [])
        return key


@contextmanager
def subsonic_server() -> Iterator[SubsonicServer]:
    """Run a server on a free port of this machine."""
    state = SubsonicServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = urlsplit(self.path)
            _, rest, method = where.path.rsplit("/", 2)
            assert rest == "rest"
            answer: dict[str, Any] = {"status": "ok"}
            try:
                answer |= state.answer(method, parse_qs(where.query))
            except ProtocolFaultError as fault:
                code, message = fault.args
                answer = {"status": "failed", "error": {"code": code, "message": message}}
            answer |= {"version": "1.16.1", "type": "stub", "openSubsonic": True}
            body = json.dumps({"subsonic-response": answer}).encode()
            if state.down:
                body = b"<html>maintenance</html>"
            self.send_response(503 if state.down else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the requests out of the output of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/music"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
