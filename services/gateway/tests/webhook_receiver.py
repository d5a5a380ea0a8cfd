"""A real HTTP server that takes webhooks, and can fail, hang or redirect as a test wants."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    def is_signed_with(self, secret: str) -> bool:
        """Verify the signature as the README of the gateway shows it."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode()
        digest = hmac.new(key, signed + self.body, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(digest).decode()
        return any(
            hmac.compare_digest(expected, given)
            for given in self.headers["webhook-signature"].split()
        )


@dataclass
class Receiver:
    """What a test sees of the server.

    Attributes:
        url: of the server.
        status: that it answers with.
        received: all requests, also those that it answered with an error.
        answer: cleared, the server takes requests and does not answer.
    """

    url: str = ""
    status: int = 204
    received: list[Received] = field(default_factory=list)
    answer: threading.Event = field(default_factory=threading.Event)

    def taken(self) -> list[str]:
        """Return the ids of the events that came, at every attempt."""
        return [one.event["id"] for one in self.received]


@contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a server on a free port of this machine."""
    state = Receiver()
    state.answer.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.received.append(Received(self.path, headers, body))
            state.answer.wait(20)
            self.send_response(state.status)
            self.send_header("Content-Length", "0")
            if state.status == 302:
                self.send_header("Location", f"{state.url}/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the requests out of the output of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    host = "https://localhost" if tls else "http://127.0.0.1"
    state.url = f"{host}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        state.answer.set()
        server.shutdown()
        thread.join()
        server.server_close()
