"""Builds the gateway from its settings and runs it."""

import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from moodcue import __version__
from moodcue.errors import SettingsError
from moodcue.lifecycle import opened_tracer, running
from moodcue_gateway import problems
from moodcue_gateway.asking import ask
from moodcue_gateway.guard import Guard
from moodcue_gateway.parts import Parts, build_parts
from moodcue_gateway.routes import (
    camera,
    events,
    health,
    page,
    playlists,
    recommendations,
    songs,
    taste,
    webhooks,
    websocket,
)
from moodcue_gateway.service import SERVICE
from moodcue_gateway.settings import GatewaySettings

_STOP_SECONDS = 3
_QUEUED_PICTURES = 4
_log = structlog.get_logger(__name__)


class GatewayApp(FastAPI):
    """FastAPI whose document is OpenAPI 3.1, also where it describes streams."""

    def openapi(self) -> dict[str, Any]:
        """Return the document, without `itemSchema`, which only OpenAPI 3.2 knows."""
        document = super().openapi()
        for path in document["paths"].values():
            for operation in path.values():
                for response in operation["responses"].values():
                    for content in response.get("content", {}).values():
                        if content.pop("itemSchema", None) is not None:
                            content["schema"] = {"type": "string"}
        return document


def create_app(settings: GatewaySettings, parts: Parts) -> FastAPI:
    """Build the web application; it opens its parts when it starts and closes them at its end."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with (
            parts.webhooks.opened(),
            parts.bus.opened(
                deliver=lambda messages, replayed: parts.live.take(messages, replayed=replayed),
                counters=parts.counters,
                impaired=parts.impaired,
                on_tick=parts.tick,
            ),
            _outlets(parts),
        ):
            try:
                yield
            finally:
                parts.live.close()

    app = GatewayApp(
        title="Moodcue gateway",
        version=__version__,
        description="Songs of your own library that fit the emotion in front of a camera.",
        lifespan=lifespan,
        # The pages of FastAPI load their code from elsewhere; ours is in the package.
        docs_url=None,
        redoc_url=None,
        responses={"default": {"model": problems.Problem, "description": "Any other problem"}},
    )
    app.add_middleware(
        Guard, host_names=settings.host_names(), max_body_bytes=settings.max_body_bytes
    )
    problems.install(app)
    for module in (
        recommendations,
        playlists,
        taste,
        events,
        websocket,
        webhooks,
        camera,
        songs,
        health,
    ):
        app.include_router(module.router(parts))
    page.mount(app)
    return app


@asynccontextmanager
async def _outlets(parts: Parts) -> AsyncIterator[None]:
    """Open what takes events elsewhere, as far as it is wanted."""
    async with AsyncExitStack() as stack:
        if parts.mqtt is not None:
            await stack.enter_async_context(
                parts.mqtt.opened(lambda camera, wish: ask(parts, camera, **wish))
            )
        if parts.subsonic is not None:
            await stack.enter_async_context(parts.subsonic.opened())
        yield


class GatewayServer(uvicorn.Server):
    """uvicorn that ends the endless answers before it waits for their ends."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the live streams, then stop as usual."""
        self._parts.live.close()
        await super().shutdown(sockets)


def create_server(settings: GatewaySettings, parts: Parts) -> GatewayServer:
    """Build the web server around the application."""
    config = uvicorn.Config(
        create_app(settings, parts),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        ws_ping_interval=settings.websocket_ping_seconds,
        ws_ping_timeout=settings.websocket_ping_seconds,
        # A picture that is too large by little is refused by the route, with a sentence.
        ws_max_size=2 * settings.browser_camera_max_bytes,
        ws_max_queue=_QUEUED_PICTURES,
        # The events are few and the pictures of a browser are compressed already.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    return GatewayServer(config, parts)


def listen(settings: GatewaySettings) -> socket.socket:
    """Open the listening socket.

    Raises:
        SettingsError: if the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=128)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {settings.host}:{settings.port}: {_reason(error)}; "
            "set MOODCUE_GATEWAY_HOST or MOODCUE_GATEWAY_PORT"
        ) from error


def _reason(error: OSError) -> str:
    # The text of `create_server` repeats the address.
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


def run(settings: GatewaySettings) -> int:
    """Run the gateway until it is told to stop.

    Raises:
        MoodcueError: if the port is taken or the keys are unusable.
    """
    # Its lines hold whole URLs, and those of webhooks may hold secrets.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    registry = CollectorRegistry()
    with ExitStack() as stack:
        tracer = stack.enter_context(opened_tracer(settings, service=SERVICE))
        parts = build_parts(settings, registry, tracer=tracer)
        listening = stack.enter_context(listen(settings))
        process = stack.enter_context(
            running(
                settings,
                service=SERVICE,
                registry=registry,
                alive=parts.bus.problem,
                ready=lambda: parts.unready,
            )
        )
        port = listening.getsockname()[1]
        _log.info("gateway.listening", url=f"http://{settings.host}:{port}/")
        server = create_server(settings, parts)

        def on_alive() -> None:
            process.pulse.beat()
            # A signal that came before uvicorn began to watch for them.
            server.should_exit = server.should_exit or process.stop.is_set()

        parts.on_alive = on_alive
        server.run(sockets=[listening])
    return 0
