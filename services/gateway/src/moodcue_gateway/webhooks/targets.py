"""Where webhooks may go: a URL somebody registers must not turn the gateway on its own house.

The host is looked up before every delivery and the address that was checked is the one that is
connected to, so that a name cannot change its meaning in between (DNS rebinding).
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from moodcue.errors import MoodcueError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 1918, RFC 6598 (also Tailscale's), RFC 4193.
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class TargetError(MoodcueError):
    """A webhook may not go where its URL points."""


class Reach(StrEnum):
    """How near a webhook may come; each includes the ones before."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOCAL = "local"


_ORDER = tuple(Reach)


@dataclass(frozen=True)
class Target:
    """A URL taken apart.

    Attributes:
        scheme: http or https.
        host: name or address, without brackets.
        port: TCP port.
        path: path and query, beginning with a slash.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header has them: without the port that goes unsaid."""
        if self.port == _DEFAULT_PORTS[self.scheme]:
            return _bracketed(self.host)
        return _joined(self.host, self.port)

    def at(self, address: Address) -> str:
        """Return the URL with an address in place of the name."""
        return f"{self.scheme}://{_joined(str(address), self.port)}{self.path}"


def _joined(host: str, port: int) -> str:
    return f"{_bracketed(host)}:{port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def parse_target(url: str) -> Target:
    """Take a URL apart.

    Raises:
        TargetError: if it is no plain http or https URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise TargetError(f"{url!r} is no URL: {error}") from None
    if parts.scheme not in _DEFAULT_PORTS or not host or not url.isascii() or not url.isprintable():
        raise TargetError(f"{url!r} is no URL of a server; give http://… or https://…")
    if parts.username is not None or parts.password is not None:
        raise TargetError("the URL carries a user or password; leave it out, messages are signed")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], path)


def reach_needed(address: Address) -> Reach | None:
    """Say what reach allows an address; None for addresses that nothing may be sent to."""
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return Reach.LOCAL
    if any(address in network for network in _PRIVATE):
        return Reach.PRIVATE
    return Reach.PUBLIC if address.is_global and not address.is_multicast else None


async def allowed_address(target: Target, reach: Reach) -> Address:
    """Look up a target's host and return an address to connect to.

    Raises:
        TargetError: if the host is unknown, or one of its addresses is out of bounds.
    """
    addresses = await _addresses(target)
    for address in addresses:
        named = str(address) if str(address) == target.host else f"{target.host} ({address})"
        needed = reach_needed(address)
        if needed is None:
            raise TargetError(f"{named} is reserved or link-local; no webhook may go there")
        if _ORDER.index(needed) > _ORDER.index(reach):
            raise TargetError(
                f"{named} is a {needed} address; "
                f"MOODCUE_GATEWAY_WEBHOOK_TARGETS={needed} would allow it"
            )
    return addresses[0]


async def _addresses(target: Target) -> list[Address]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TargetError(f"{target.host} is not known: {error.strerror}") from None
    # A link-local address carries its interface, which `ip_address` takes too.
    return [ipaddress.ip_address(sockaddr[0]) for *_, sockaddr in found]
