"""The bridge to an MQTT broker: events out, retained; wishes of a home's automation in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from moodcue.errors import ProtocolError
from moodcue.events import Mode, Recommendation, Status
from moodcue.health import Problem
from moodcue.topics import check_name
from moodcue_gateway.journal import Entry, Gap
from moodcue_gateway.live import Live
from moodcue_gateway.metrics import GatewayMetrics
from moodcue_gateway.mqtt.client import MqttAddress, MqttClient, Will
from moodcue_gateway.mqtt.cursor import Cursor
from moodcue_gateway.mqtt.discovery import (
    availability_topic,
    command_topic,
    discovery,
    mqtt_topic,
)
from moodcue_gateway.outlets import OUTLET_TOPICS, HeartbeatFilter
from moodcue_gateway.problems import ProblemError

_WISHES = ("mode", "mood")
_MAX_COMMANDS = 16
_MAX_WORD_BYTES = 64
_log = structlog.get_logger(__name__)

Ask = Callable[[str, dict[str, Any]], Awaitable[object]]
"""Sends a wish for a camera's room, given the fields of a request; raises `ProblemError`."""


@dataclass(frozen=True)
class MqttNames:
    """Names at the broker.

    Attributes:
        client: of the gateway.
        prefix: of all topics.
        discovery_prefix: that Home Assistant listens to; empty: nothing is announced.
    """

    client: str
    prefix: str
    discovery_prefix: str


class MqttBridge:
    """Publishes events, and turns commands into requests.

    Args:
        address: of the broker.
        names: at the broker.
        folder: where it is kept how far events were published.
        live: where events come from.
        metrics: to count in.
    """

    def __init__(
        self,
        address: MqttAddress,
        names: MqttNames,
        *,
        folder: Path,
        live: Live,
        metrics: GatewayMetrics,
    ) -> None:
        self._address = address
        self._names = names
        self._folder = folder
        self._live = live
        self._metrics = metrics
        self._problem = "it has not answered yet"
        self._greeted = asyncio.Event()
        self._greeting: asyncio.Task[None] | None = None
        self._announced: set[str] = set()
        self._heartbeats = HeartbeatFilter()
        self._commands: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_MAX_COMMANDS)

    def problem(self) -> Problem:
        """Say that the broker is not there, if so."""
        where = f"{self._address.host}:{self._address.port}"
        return (
            f"the MQTT broker at {where} is not there: {self._problem}" if self._problem else None
        )

    @asynccontextmanager
    async def opened(self, ask: Ask) -> AsyncIterator[None]:
        """Bridge while the block runs.

        Args:
            ask: takes wishes.

        Raises:
            SettingsError: if the file of certificates cannot be used.
        """
        available = availability_topic(self._names.prefix)
        offline = Will(available, "offline")
        self._cursor = Cursor(self._folder)
        self._client = MqttClient(
            self._address,
            client_id=self._names.client,
            will=offline,
            on_state=self._on_state,
            on_message=self._on_message,
        )
        tasks = [asyncio.create_task(self._publish_events())]
        tasks.append(asyncio.create_task(self._heed_commands(ask)))
        try:
            yield
        finally:
            await self._client.close(farewell=offline)
            for task in (*tasks, self._greeting):
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)

    def _on_state(self, problem: str) -> None:
        if problem != self._problem:
            _log.info("mqtt.state", problem=problem)
        self._problem = problem
        self._metrics.mqtt_connected.set(not problem)
        self._greeted.clear()
        if self._greeting is not None:
            self._greeting.cancel()
        self._greeting = None if problem else asyncio.create_task(self._greet())

    async def _greet(self) -> None:
        """Tell a broker, which may have forgotten all, what it should hold; ask for commands."""
        await self._client.publish(availability_topic(self._names.prefix), "online")
        for wish in _WISHES:
            self._client.subscribe(command_topic(self._names.prefix, "+", wish))
        self._announced.clear()
        for entry in self._live.newest_entries(OUTLET_TOPICS):
            if self._cursor.is_published(entry.topic, entry.event):
                await self._publish(entry)
        self._greeted.set()

    async def _publish_events(self) -> None:
        with self._live.stream(OUTLET_TOPICS, last_event_id=None, resident=True) as stream:
            while batch := await stream.batch():
                for item in batch:
                    await self._greeted.wait()
                    if isinstance(item, Gap):
                        _log.warning("mqtt.events_lost", events=item.lost)
                    elif isinstance(item.event, Status):
                        await self._publish_heartbeat(item.topic, item.event, item.text)
                    elif not self._cursor.is_published(item.topic, item.event):
                        await self._publish(item)
                        self._cursor.advance(item.topic, item.event)

    async def _publish_heartbeat(self, topic: str, event: Status, text: str) -> None:
        """Publish a heartbeat, not retained: nobody would take back that of a process that died."""
        if self._heartbeats.passes(topic, event):
            await self._client.publish(mqtt_topic(self._names.prefix, topic), text, retain=False)

    async def _publish(self, entry: Entry) -> None:
        if isinstance(entry.event, Recommendation):
            await self._announce(entry.event.camera)
        await self._client.publish(mqtt_topic(self._names.prefix, entry.topic), entry.text)

    async def _announce(self, camera: str) -> None:
        if not self._names.discovery_prefix or camera in self._announced:
            return
        self._announced.add(camera)
        for topic, document in discovery(self._names.prefix, self._names.discovery_prefix, camera):
            await self._client.publish(topic, document)

    def _on_message(self, topic: str, payload: bytes) -> None:
        try:
            self._commands.put_nowait((topic, payload))
        except asyncio.QueueFull:
            _log.warning("mqtt.command_dropped", topic=topic, reason="too many at once")

    async def _heed_commands(self, ask: Ask) -> None:
        while True:
            topic, payload = await self._commands.get()
            try:
                camera, wish = wish_of(topic, payload)
                await ask(camera, wish)
            except (ProtocolError, ProblemError) as error:
                _log.warning("mqtt.command_failed", topic=topic, reason=str(error))
                self._metrics.mqtt_commands.labels("failed").inc()
            else:
                self._metrics.mqtt_commands.labels("answered").inc()


def wish_of(topic: str, payload: bytes) -> tuple[str, dict[str, Any]]:
    """Read a command: return its camera and the fields of the request.

    Raises:
        ProtocolError: if the camera's name or the word is not usable.
    """
    *_, camera, kind = topic.split("/")
    word = payload[:_MAX_WORD_BYTES].decode(errors="replace").strip().lower()
    if kind == "mood":
        if not word:
            raise ProtocolError("the mood is empty; send a word such as calm")
        return check_name(camera), {"mood": word}
    if word not in list(Mode):
        raise ProtocolError(f"{word!r} is no mode; known: {', '.join(Mode)}")
    return check_name(camera), {"mode": Mode(word)}
