"""A client of the OpenSubsonic API, as far as playlists need it: https://opensubsonic.netlify.app."""

import asyncio
import hashlib
import secrets
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import httpx
import msgspec

from moodcue import __version__
from moodcue.errors import MoodcueError

T = TypeVar("T")

_PROTOCOL = "1.16.1"
_TIMEOUT_SECONDS = 15.0
_SEARCH_SONGS = 50
NOT_FOUND = 70
"""The protocol's code for something that is not there."""

_NO_TOKENS = frozenset({10, 41, 42})
"""Codes of servers that want the password itself: it is missing, or how one logs in is unknown."""


class SubsonicLogin(StrEnum):
    """How one says who one is."""

    TOKEN = "token"  # noqa: S105 - a word
    PASSWORD = "password"  # noqa: S105 - a word


class SubsonicError(MoodcueError):
    """The music server could not do what was asked; `code` is the protocol's, 0 if it has none."""

    def __init__(self, text: str, *, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class SubsonicAccount:
    """Where the music server is and who asks.

    Attributes:
        url: of the server, without `/rest`.
        user: name of the user.
        password: of the user.
        login: whether the password is sent, or its hash with a salt.
    """

    url: str
    user: str
    password: str
    login: SubsonicLogin = SubsonicLogin.TOKEN

    def credentials(self) -> dict[str, str]:
        """Return the fields of a request that say who asks; a new salt each time."""
        if self.login is SubsonicLogin.PASSWORD:
            return {"u": self.user, "p": f"enc:{self.password.encode().hex()}"}
        salt = secrets.token_hex(8)
        # The protocol wants MD5.
        token = hashlib.md5(f"{self.password}{salt}".encode()).hexdigest()  # noqa: S324
        return {"u": self.user, "t": token, "s": salt}


class ServerSong(msgspec.Struct, frozen=True):
    """A song as the server knows it; its path may be made up from tags."""

    id: str
    title: str = ""
    artist: str = ""
    path: str = ""


class _Playlist(msgspec.Struct, frozen=True):
    id: str
    name: str = ""


class SubsonicClient:
    """Speaks to one server, over a client from `subsonic_client`."""

    def __init__(self, client: httpx.AsyncClient, account: SubsonicAccount) -> None:
        self._client = client
        self._account = account

    async def search(self, query: str) -> list[ServerSong]:
        """Return songs that a query finds: that have all its words, or it in their titles.

        Raises:
            SubsonicError: if the server does not answer as the protocol says.
        """
        counts = {"songCount": _SEARCH_SONGS, "artistCount": 0, "albumCount": 0}
        answer = await self._call("search3", {"query": query, **counts})
        songs = answer.get("searchResult3", {}).get("song", [])
        return _converted(songs, list[ServerSong])

    async def find_playlist(self, name: str) -> str | None:
        """Return the id of the user's playlist of a name.

        Raises:
            SubsonicError: as `search`.
        """
        answer = await self._call("getPlaylists", {})
        found = _converted(answer.get("playlists", {}).get("playlist", []), list[_Playlist])
        return next((one.id for one in found if one.name == name), None)

    async def save_playlist(self, playlist: str | None, name: str, songs: Sequence[str]) -> None:
        """Make a playlist, or replace what is in one.

        Args:
            playlist: id of the one to replace; None: make one.
            name: of a new one.
            songs: ids of the server.

        Raises:
            SubsonicError: as `search`; with the code `NOT_FOUND` if the playlist is gone.
        """
        which = {"name": name} if playlist is None else {"playlistId": playlist}
        await self._call("createPlaylist", {**which, "songId": list(songs)})

    async def _call(self, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        common = {**self._account.credentials(), "v": _PROTOCOL, "c": "moodcue", "f": "json"}
        url = f"{self._account.url.rstrip('/')}/rest/{method}"
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                response = await self._client.get(url, params={**common, **fields})
            answer = response.json()["subsonic-response"]
            status = answer["status"]
        except TimeoutError:
            raise SubsonicError(f"{method}: no answer within {_TIMEOUT_SECONDS:g} s") from None
        except (httpx.HTTPError, OSError) as error:
            raise SubsonicError(f"{method}: {type(error).__name__}: {error}") from None
        except (ValueError, KeyError, TypeError):
            raise SubsonicError(
                f"{method}: the answer ({response.status_code}) is not of the OpenSubsonic API; "
                "is MOODCUE_GATEWAY_SUBSONIC_URL the address of the server, without /rest?"
            ) from None
        if status != "ok":
            problem = answer.get("error") or {}
            code = int(problem.get("code", 0))
            text = f"{method}: {problem.get('message', status)} ({code})"
            if code in _NO_TOKENS and self._account.login is SubsonicLogin.TOKEN:
                text += (
                    "; if the server takes no tokens, MOODCUE_GATEWAY_SUBSONIC_LOGIN=password "
                    "sends it the password"
                )
            raise SubsonicError(text, code=code)
        return dict(answer)


@asynccontextmanager
async def subsonic_client(account: SubsonicAccount) -> AsyncIterator[SubsonicClient]:
    """Open a client."""
    async with httpx.AsyncClient(
        trust_env=False,
        # The system's certificates, so that those of a home of one's own count too.
        verify=ssl.create_default_context(),
        timeout=_TIMEOUT_SECONDS,
        headers={"User-Agent": f"moodcue/{__version__}"},
    ) as client:
        yield SubsonicClient(client, account)


def _converted(value: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise SubsonicError(f"the music server gave something unexpected: {error}") from None
