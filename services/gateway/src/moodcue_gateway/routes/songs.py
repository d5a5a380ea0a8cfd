"""The library: songs, and their audio with ranges."""

import asyncio
import re
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import FileResponse

from moodcue.songs import Song
from moodcue_gateway.covers import cover_of
from moodcue_gateway.library import audio_file
from moodcue_gateway.parts import Parts
from moodcue_gateway.problems import ProblemError, documented
from moodcue_gateway.schemas import SongList, SongModel

_RANGE = re.compile(r"(\d{0,18})-(\d{0,18})")

Range = Annotated[str | None, Header(max_length=200, description="such as bytes=0-1023")]


def router(parts: Parts) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/v1/songs", tags=["songs"])
    unavailable = documented(HTTPStatus.SERVICE_UNAVAILABLE)

    @routes.get("", responses=unavailable)
    async def songs(
        query: Annotated[
            str, Query(max_length=200, description="words in title, artist, album or path")
        ] = "",
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> SongList:
        """List the songs of the library, in the order of their paths."""
        catalogue = await parts.library.catalogue()
        total, found = await asyncio.to_thread(catalogue.songs.search, query, offset, limit)
        page = [_model(song) for song in found]
        return SongList(generation=catalogue.generation, total=total, songs=page)

    audio_responses = {
        HTTPStatus.OK.value: {"content": {"audio/*": {}}, "description": "The whole file"},
        HTTPStatus.PARTIAL_CONTENT.value: {
            "content": {"audio/*": {}},
            "description": "The range that was asked for",
        },
        **documented(
            HTTPStatus.NOT_FOUND,
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    }

    async def audio(song: str, range: Range = None) -> FileResponse:  # noqa: A002 - the header's name
        """Get the audio of a song, whole or in ranges."""
        catalogue = await parts.library.catalogue()
        found = await asyncio.to_thread(catalogue.song, song)
        file, media_type = await asyncio.to_thread(audio_file, catalogue.music, found.path)
        return await asyncio.to_thread(_answer, file, media_type, range)

    for method in ("GET", "HEAD"):
        routes.add_api_route(
            "/{song}/audio",
            audio,
            methods=[method],
            response_class=FileResponse,
            responses=audio_responses,
            operation_id=f"{method.lower()}_audio",
        )

    @routes.get(
        "/{song}/cover",
        response_class=Response,
        responses={
            HTTPStatus.OK.value: {"content": {"image/*": {}}, "description": "The picture"},
            HTTPStatus.NO_CONTENT.value: {"description": "The song has no picture"},
            **documented(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE),
        },
    )
    async def cover(song: str) -> Response:
        """Get the picture of a song, from its file or its folder."""
        catalogue = await parts.library.catalogue()
        found = await asyncio.to_thread(catalogue.song, song)
        picture = await asyncio.to_thread(_cover, catalogue.music, found.path)
        headers = {"Cache-Control": "private, max-age=3600"}
        if picture is None:
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
        data, kind = picture
        return Response(data, media_type=kind, headers=headers)

    return routes


def _cover(music: Path, path: str) -> tuple[bytes, str] | None:
    try:
        file, _ = audio_file(music, path)
    except ProblemError:
        # The audio says what is wrong with the file.
        return None
    return cover_of(file)


def _answer(file: Path, media_type: str, wanted: str | None) -> FileResponse:
    stat = file.stat()
    if wanted is not None:
        check_range(wanted, size=stat.st_size)
    return FileResponse(
        file,
        media_type=media_type,
        stat_result=stat,
        filename=file.name,
        content_disposition_type="inline",
        headers={"Cache-Control": "private, no-cache"},
    )


def check_range(wanted: str, *, size: int) -> None:
    """Refuse ranges that are none or begin behind the end of a file.

    Raises:
        ProblemError: 416, with the size in `Content-Range`; 400 for a range that is none.
    """
    unit, _, parts = wanted.partition("=")
    matches = [_RANGE.fullmatch(part.strip()) for part in parts.split(",")]
    for match in matches:
        if unit != "bytes" or match is None or _is_backwards(*match.groups()):
            raise ProblemError(
                HTTPStatus.BAD_REQUEST,
                f"{wanted!r} is no range; ask for instance for bytes=0-1023",
            )
        if _is_behind(*match.groups(), size=size):
            raise ProblemError(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                f"the file has {size} bytes; {wanted} lies behind its end",
                headers={"Content-Range": f"bytes */{size}"},
            )


def _is_backwards(start: str, end: str) -> bool:
    if not start or not end:
        return not start and not end
    return int(start) > int(end)


def _is_behind(start: str, end: str, *, size: int) -> bool:
    return int(start) >= size if start else int(end) == 0 or size == 0


def _model(song: Song) -> SongModel:
    return SongModel(
        song=song.key,
        title=song.title,
        artist=song.artist,
        album=song.album,
        path=song.path,
        duration_seconds=song.duration_seconds,
        valence=song.valence,
        arousal=song.arousal,
        emotions=list(song.emotions),
    )
