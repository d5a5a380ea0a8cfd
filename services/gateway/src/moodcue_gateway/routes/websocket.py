"""Live events over a WebSocket, for programs and pages that speak it rather than SSE."""

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect
from starlette.status import WS_1003_UNSUPPORTED_DATA, WS_1012_SERVICE_RESTART

from moodcue_gateway.journal import Entry, Gap
from moodcue_gateway.live import Stream
from moodcue_gateway.metrics import GatewayMetrics
from moodcue_gateway.parts import Parts
from moodcue_gateway.routes.events import Topics, open_stream

After = Annotated[
    str | None, Query(max_length=200, description="id of the last event that the client has")
]


def router(parts: Parts) -> APIRouter:
    """Make the route."""
    routes = APIRouter(prefix="/v1")

    @routes.websocket("/events/ws")
    async def events(socket: WebSocket, topic: Topics = None, after: After = None) -> None:
        """Follow the events as they happen, each a text message with the JSON that SSE has too.

        The first message is `connected` with the id to resume after, as long as no event has
        come. `gap` says that something asked for is no longer kept.
        """
        with open_stream(parts, topic or [], last_event_id=after) as stream:
            await socket.accept()
            await _serve(socket, stream, parts.metrics)

    return routes


async def _serve(socket: WebSocket, stream: Stream, metrics: GatewayMetrics) -> None:
    tasks = {
        asyncio.create_task(_send(socket, stream, metrics)),
        asyncio.create_task(_listen(socket)),
    }
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    try:
        code, reason = done.pop().result()
        await socket.close(code, reason)
    except WebSocketDisconnect:
        # The client has gone, which is its right.
        return


async def _send(socket: WebSocket, stream: Stream, metrics: GatewayMetrics) -> tuple[int, str]:
    """Send what comes until the gateway closes; a slow client slows only itself."""
    await socket.send_text(_text("connected", after=stream.resume_id))
    while batch := await stream.batch():
        for item in batch:
            if isinstance(item, Gap):
                metrics.stream_gaps.inc()
            await socket.send_text(as_text(item))
    return WS_1012_SERVICE_RESTART, "the gateway ends"


async def _listen(socket: WebSocket) -> tuple[int, str]:
    """Wait for the client to leave, or to say something, for which it has the HTTP interface."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    return WS_1003_UNSUPPORTED_DATA, "this socket takes no messages; use POST /v1/recommend"


def as_text(item: Entry | Gap) -> str:
    """Lay out an entry or a gap as a message."""
    if isinstance(item, Gap):
        return _text("gap", detail=item.detail, lost=item.lost)
    return item.text


def _text(kind: str, **fields: object) -> str:
    return msgspec.json.encode({"type": kind, **fields}).decode()
