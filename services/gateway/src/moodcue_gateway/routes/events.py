"""Live events as Server-Sent Events."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from moodcue.topics import family_of
from moodcue_gateway.journal import Entry, Gap
from moodcue_gateway.live import Stream
from moodcue_gateway.parts import Parts
from moodcue_gateway.problems import ProblemError, documented

_RETRY_MS = 1000
_MAX_TOPICS = 16

LastEventId = Annotated[
    str | None, Header(max_length=200, description="id of the last event that the client has")
]
Topics = Annotated[
    list[str] | None,
    Query(
        max_length=_MAX_TOPICS,
        description="topic or its beginning, such as recommendation/kitchen/; several are allowed",
    ),
]


@contextmanager
def open_stream(
    parts: Parts, topics: Sequence[str], *, last_event_id: str | None
) -> Iterator[Stream]:
    """Take a place for a client that follows the events.

    Args:
        parts: of the gateway.
        topics: beginnings of the topics that the client wants; none: all.
        last_event_id: id of the last journal event that the client has, if any.

    Raises:
        ProtocolError: if a topic has no known family; it names the known ones.
        ProblemError: 503 if all places are taken.
    """
    for name in topics:
        family_of(name)
    if parts.live.full:
        parts.metrics.streams_refused.inc()
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"all {parts.settings.max_streams} places for live clients are taken; close one, "
            "or raise MOODCUE_GATEWAY_MAX_STREAMS",
            headers={"Retry-After": "5"},
        )
    with parts.live.stream(topics or [""], last_event_id=last_event_id) as stream:
        yield stream


def router(parts: Parts) -> APIRouter:
    """Make the route."""
    routes = APIRouter(prefix="/v1", tags=["events"])

    async def opened(
        topic: Topics = None, last_event_id: LastEventId = None
    ) -> AsyncIterator[Stream]:
        with open_stream(parts, topic or [], last_event_id=last_event_id) as stream:
            yield stream

    @routes.get(
        "/events",
        response_class=EventSourceResponse,
        responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    async def events(
        stream: Annotated[Stream, Depends(opened)],
    ) -> AsyncIterator[ServerSentEvent]:
        """Follow the events as they happen.

        The newest event of each topic comes first. Windows and recommendations carry an id: a
        client that sends the last one back as `Last-Event-ID` gets all that came after it, each
        once. Live readings and states (`face_emotion.v1`, `taste.v1`, `status.v1`) carry none and
        are never repeated. The event `gap` says that something asked for is no longer kept.
        """
        # Without an id to begin with, a client that is cut off before the first one would not
        # know where to resume.
        yield ServerSentEvent(comment="connected", id=stream.resume_id, retry=_RETRY_MS)
        while batch := await stream.batch():
            for item in batch:
                if isinstance(item, Gap):
                    parts.metrics.stream_gaps.inc()
                yield as_server_sent_event(item)

    return routes


def as_server_sent_event(item: Entry | Gap) -> ServerSentEvent:
    """Lay out an entry; its name is the type of the event."""
    if isinstance(item, Gap):
        return ServerSentEvent(event="gap", data={"detail": item.detail, "lost": item.lost})
    return ServerSentEvent(
        event=str(item.event.__struct_config__.tag),
        raw_data=item.text,
        id=item.event.id if item.number else None,
    )
