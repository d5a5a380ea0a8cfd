"""The camera of a browser: pictures over a WebSocket become frames on the bus.

The browser says who it is in one text message, then sends one binary message for each picture:
its age in milliseconds as an unsigned 16-bit number, highest byte first, and the JPEG. Each is
acknowledged, so that the browser never has more than a few under way. Nothing is kept.
"""

import asyncio
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from moodcue.errors import BusError
from moodcue.identity import LONGEST_CAMERA, NS_PER_SECOND
from moodcue.topics import name_pattern
from moodcue_gateway.browser_cameras import (
    BrowserCamera,
    CloseCode,
    Picture,
    Refusal,
    Taken,
    read_picture,
)
from moodcue_gateway.parts import Parts

_HELLO_SECONDS = 5.0
# RFC 6455 gives a close frame 125 bytes, two of them for the code.
_MAX_REASON_BYTES = 123


class CameraHello(BaseModel):
    """How a browser begins: the name that its camera shall have, and a key only it knows."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=name_pattern(LONGEST_CAMERA))]
    key: Annotated[str, Field(min_length=16, max_length=64)]


def router(parts: Parts) -> APIRouter:
    """Make the route."""
    routes = APIRouter(prefix="/v1", tags=["camera"])

    @routes.websocket("/camera")
    async def camera(socket: WebSocket) -> None:
        """Take the pictures of a browser's camera."""
        await socket.accept()
        try:
            hello = await _hello(socket)
            with parts.cameras.opened(hello.name, key=hello.key) as opened:
                limits = parts.cameras.limits
                await socket.send_json(
                    {"camera": opened.name, "rate": limits.rate, "max_bytes": limits.bytes}
                )
                await _take_pictures(parts, socket, opened)
        except Refusal as refusal:
            parts.metrics.browser_cameras_refused.labels(refusal.code.name.lower()).inc()
            await socket.close(refusal.code, _shortened(refusal.reason))
        except WebSocketDisconnect:
            # The browser has left, which it may at any time.
            return

    return routes


async def _hello(socket: WebSocket) -> CameraHello:
    try:
        async with asyncio.timeout(_HELLO_SECONDS):
            message = await _receive(socket)
    except TimeoutError:
        raise Refusal(
            CloseCode.NO_HELLO, f"no name and key came within {_HELLO_SECONDS:g} s"
        ) from None
    if not isinstance(message, str):
        raise Refusal(CloseCode.BAD_MESSAGE, 'begin with {"name": …, "key": …} as text')
    try:
        return CameraHello.model_validate_json(message)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the first message"
        raise Refusal(CloseCode.BAD_MESSAGE, f"{where}: {first['msg']}") from None


async def _take_pictures(parts: Parts, socket: WebSocket, camera: BrowserCamera) -> None:
    while True:
        message = await _receive(socket)
        if camera.replaced:
            raise Refusal(CloseCode.REPLACED, "this camera goes on in another window")
        if isinstance(message, str):
            raise Refusal(CloseCode.BAD_MESSAGE, "after the name come pictures, as binary messages")
        picture = read_picture(message, parts.cameras.limits)
        taken = _send(parts, camera, picture)
        parts.cameras.count(taken, age_seconds=picture.age_seconds)
        await socket.send_json({"taken": taken is Taken.SENT, "reason": taken.value})


async def _receive(socket: WebSocket) -> str | bytes:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    data: str | bytes | None = message.get("bytes")
    return message["text"] if data is None else data


def _send(parts: Parts, camera: BrowserCamera, picture: Picture) -> Taken:
    if not camera.may_send():
        return Taken.TOO_FAST
    if parts.bus.silence():
        return Taken.NO_BROKER
    try:
        parts.bus.send_frame(
            camera.name,
            picture.jpeg,
            size=(picture.width, picture.height),
            rate=camera.rate,
            captured=parts.clock() - round(picture.age_seconds * NS_PER_SECOND),
        )
    except BusError:
        return Taken.QUEUE_FULL
    return Taken.SENT


def _shortened(reason: str) -> str:
    return reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
