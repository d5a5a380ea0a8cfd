"""Recommendations as playlists to download."""

from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from moodcue.errors import IndexUnavailableError
from moodcue.events import Recommendation, SongMatch
from moodcue.identity import NS_PER_SECOND
from moodcue_gateway.parts import Parts
from moodcue_gateway.playlists import Locate, Playlist, as_jspf, as_m3u, playlist_of
from moodcue_gateway.problems import ProblemError, documented
from moodcue_gateway.schemas import Name

Which = Literal["latest", "today"]
Camera = Annotated[Name | None, Query(description="only of this camera")]
Paths = Annotated[
    bool, Query(description="name songs by paths in the music folder, not by URLs of the gateway")
]

_M3U, _JSPF = "audio/x-mpegurl", "application/jspf+json"


def router(parts: Parts) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/v1/playlists", tags=["playlists"])

    def chosen(which: Which, camera: str | None) -> Playlist:
        events = [one for one in parts.live.recommendations(camera=camera) if one.songs]
        today = since_midnight(events, now_ns=parts.clock())
        events = today if which == "today" else events[-1:]
        if not events:
            where = f" of the camera {camera!r}" if camera else ""
            raise ProblemError(
                HTTPStatus.NOT_FOUND, f"no songs{where} were recommended yet; come back later"
            )
        words = ["Moodcue", camera or "", "today" if which == "today" else events[-1].emotion]
        return playlist_of(events, title=" - ".join(word for word in words if word))

    async def playable(which: Which, camera: str | None) -> Playlist:
        playlist = chosen(which, camera)
        try:
            library = (await parts.library.catalogue()).songs
        except IndexUnavailableError:
            return playlist
        # What the library has lost since leads nowhere.
        songs = tuple(song for song in playlist.songs if int(song.song, 16) in library)
        if not songs:
            raise ProblemError(
                HTTPStatus.NOT_FOUND,
                "none of the songs is in the library any more; come back later",
            )
        return replace(playlist, songs=songs)

    @routes.get("/{which}.m3u", responses=_answers(_M3U), response_class=Response)
    async def m3u(
        request: Request, which: Which, camera: Camera = None, *, paths: Paths = False
    ) -> Response:
        """Get the songs of the newest recommendation, or all of today, as M3U."""
        playlist = await playable(which, camera)
        text = as_m3u(playlist, _locate(request, paths=paths))
        return _download(text, f"{_M3U}; charset=utf-8", f"moodcue-{which}.m3u")

    @routes.get("/{which}.jspf", responses=_answers(_JSPF), response_class=Response)
    async def jspf(
        request: Request, which: Which, camera: Camera = None, *, paths: Paths = False
    ) -> Response:
        """Get the songs of the newest recommendation, or all of today, as JSPF."""
        playlist = await playable(which, camera)
        text = as_jspf(playlist, _locate(request, paths=paths))
        return _download(text, _JSPF, f"moodcue-{which}.jspf")

    return routes


def since_midnight(events: list[Recommendation], *, now_ns: int) -> list[Recommendation]:
    """Return those of today, by the clock of the gateway's place."""
    now = datetime.fromtimestamp(now_ns / NS_PER_SECOND).astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return [event for event in events if event.time >= midnight.timestamp() * NS_PER_SECOND]


def _locate(request: Request, *, paths: bool) -> Locate:
    def url(song: SongMatch) -> str:
        return f"{request.base_url}v1/songs/{song.song}/audio"

    return (lambda song: song.path) if paths else url


def _answers(media_type: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string"}}}
    return {
        HTTPStatus.OK.value: {"content": content, "description": "The playlist"},
        **documented(HTTPStatus.NOT_FOUND),
    }


def _download(text: str, media_type: str, name: str) -> Response:
    disposition = f'attachment; filename="{name}"'
    return Response(text, media_type=media_type, headers={"Content-Disposition": disposition})
