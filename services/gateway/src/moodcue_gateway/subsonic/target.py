"""Keeps one playlist for each room on the music server: the songs of its newest recommendation."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from moodcue.events import Recommendation, SongMatch
from moodcue.health import Problem
from moodcue.topics import Family
from moodcue_gateway.journal import Entry
from moodcue_gateway.live import Live, Stream
from moodcue_gateway.subsonic.client import (
    NOT_FOUND,
    SubsonicAccount,
    SubsonicClient,
    SubsonicError,
    subsonic_client,
)
from moodcue_gateway.subsonic.matching import best_match, queries_for

_MAX_KNOWN = 10_000
_MIN_RETRY_SECONDS, _MAX_RETRY_SECONDS = 1.0, 60.0
_log = structlog.get_logger(__name__)


def playlist_name(camera: str) -> str:
    """Return the name of a room's playlist."""
    return f"Moodcue \N{EN DASH} {camera}"


class SubsonicTarget:
    """Writes playlists while it is open.

    Args:
        account: at the server.
        live: where recommendations come from.
    """

    def __init__(self, account: SubsonicAccount, live: Live) -> None:
        self._account = account
        self._live = live
        self._problem = ""
        self._waiting: dict[str, Recommendation] = {}
        self._written: dict[str, tuple[str, ...]] = {}
        self._playlists: dict[str, str] = {}
        self._known: OrderedDict[str, str] = OrderedDict()

    def problem(self) -> Problem:
        """Say why the last playlist could not be written, if it could not."""
        return f"the music server: {self._problem}" if self._problem else None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Write playlists while the block runs."""
        topics = [f"{Family.RECOMMENDATION.value}/"]
        with self._live.stream(topics, last_event_id=None, resident=True) as stream:
            async with subsonic_client(self._account) as client:
                task = asyncio.create_task(self._run(client, stream))
                try:
                    yield
                finally:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)

    async def _run(self, client: SubsonicClient, stream: Stream) -> None:
        while batch := await stream.batch():
            self._note(batch)
            retry = _MIN_RETRY_SECONDS
            while self._waiting:
                camera, event = next(iter(self._waiting.items()))
                try:
                    await self._write(client, camera, event.songs)
                except SubsonicError as error:
                    self._problem = str(error)
                    _log.warning("subsonic.failed", camera=camera, reason=self._problem)
                    await asyncio.sleep(retry)
                    retry = min(_MAX_RETRY_SECONDS, 2 * retry)
                else:
                    self._problem = ""
                    if self._waiting.get(camera) is event:
                        del self._waiting[camera]
                # Only the newest songs of a room are worth writing.
                self._note(stream.pending())

    def _note(self, batch: Sequence[object]) -> None:
        for item in batch:
            if (
                isinstance(item, Entry)
                and isinstance(item.event, Recommendation)
                and item.event.songs
            ):
                self._waiting[item.event.camera] = item.event

    async def _write(self, client: SubsonicClient, camera: str, songs: Sequence[SongMatch]) -> None:
        found = [await self._find(client, song) for song in songs]
        ids = tuple(one for one in found if one)
        if len(ids) < len(songs):
            _log.info("subsonic.songs_missing", camera=camera, missing=len(songs) - len(ids))
        if not ids or ids == self._written.get(camera):
            return
        name = playlist_name(camera)
        playlist = self._playlists.get(camera) or await client.find_playlist(name)
        try:
            await client.save_playlist(playlist, name, ids)
        except SubsonicError as error:
            if playlist is None or error.code != NOT_FOUND:
                raise
            # Somebody deleted it, or a song: both are looked up anew.
            self._playlists.pop(camera, None)
            self._known.clear()
            raise
        if playlist is not None:
            self._playlists[camera] = playlist
        self._written[camera] = ids

    async def _find(self, client: SubsonicClient, song: SongMatch) -> str | None:
        known = self._known.get(song.song)
        if known is not None:
            return known
        for query in queries_for(song):
            match = best_match(song, await client.search(query))
            if match is not None:
                self._remember(song, match.id)
                return match.id
        return None

    def _remember(self, song: SongMatch, server_id: str) -> None:
        self._known[song.song] = server_id
        while len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)
