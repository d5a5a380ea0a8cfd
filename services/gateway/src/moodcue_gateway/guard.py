"""What every request passes: host and origin, size of the body, and headers of the answer."""

import ipaddress
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moodcue_gateway.problems import ProblemError, problem_response

_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """ASGI middleware that refuses what no page of ours would send.

    A page of somebody else can point its own host name at this machine (DNS rebinding) and then
    talk to the gateway as if it were its own. It cannot choose the `Host` that the browser sends,
    so only known names and plain IP addresses are answered.

    Args:
        app: what is guarded.
        host_names: host names that a request may carry, in lower case.
        max_body_bytes: largest body of a request.
    """

    def __init__(self, app: ASGIApp, *, host_names: frozenset[str], max_body_bytes: int) -> None:
        self._app = app
        self._host_names = host_names
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            # An upgrade has no method of its own. What comes over it a foreign page could read, for
            # browsers keep no page from opening a WebSocket, so its origin must be ours.
            method = scope.get("method", "")
            self._check(Headers(scope=scope), method=method, path=scope["path"])
        except ProblemError as problem:
            # The body that was refused is still on its way, so this connection ends here.
            answer = problem_response(
                problem.status, problem.detail, headers={"Connection": "close"}
            )
            await answer(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _check(self, headers: Headers, *, method: str, path: str) -> None:
        if path not in _PROBES:
            self._check_host(headers)
        if method not in _SAFE_METHODS:
            self._check_origin(headers)
        self._check_body(headers)

    def _check_host(self, headers: Headers) -> None:
        host = headers.get("host", "")
        name = (urlsplit(f"//{host}").hostname or "") if _splits(host) else ""
        if name not in self._host_names and not _is_address(name):
            raise ProblemError(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"this gateway is not reached as {host!r}; if it should be, add the name to "
                "MOODCUE_GATEWAY_ALLOWED_HOSTS",
            )

    def _check_origin(self, headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != headers.get("host"):
            raise ProblemError(
                HTTPStatus.FORBIDDEN, f"a page of {origin!r} may not send requests to this gateway"
            )

    def _check_body(self, headers: Headers) -> None:
        if "transfer-encoding" in headers:
            raise ProblemError(
                HTTPStatus.LENGTH_REQUIRED, "send the body with a Content-Length, not in chunks"
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._max_body_bytes:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body has {length} bytes; at most {self._max_body_bytes} are taken",
            )


def _splits(host: str) -> bool:
    try:
        urlsplit(f"//{host}")
    except ValueError:
        return False
    return True


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
