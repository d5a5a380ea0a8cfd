"""A real MQTT broker, and a client that remembers what it got."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outside import missing, wait_until_listening
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion


def mosquitto_path() -> str:
    """Find the broker's program; skip the test without it, but never in CI."""
    # Debian puts it where the path of users does not lead.
    path = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        missing("mosquitto is missing; deploy/testing/install-tools.sh installs it")
    return path


@dataclass
class Mosquitto:
    """A broker on a port of this machine, which may be stopped and started again."""

    folder: Path
    port: int
    settings: tuple[str, ...] = ("allow_anonymous true",)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.folder.mkdir(exist_ok=True)
        # Mosquitto would leave the user root, whose folders these are.
        lines = (f"listener {self.port} 127.0.0.1", "persistence false", "user root")
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join([*lines, *self.settings]) + "\n")
        log = self.folder / "mosquitto.log"
        with log.open("ab") as errors:
            self._process = subprocess.Popen([mosquitto_path(), "-c", str(config)], stderr=errors)
        wait_until_listening(self.port, log=log)

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None


@dataclass
class MqttReader:
    """A client that subscribed.

    Attributes:
        client: to publish with.
        messages: topic, payload, and whether it was retained, in order of arrival.
    """

    client: paho.Client
    messages: list[tuple[str, bytes, bool]] = field(default_factory=list)

    def payloads(self, topic: str) -> list[str]:
        """Return what came on a topic."""
        return [payload.decode() for name, payload, _ in list(self.messages) if name == topic]

    def events(self, topic: str) -> list[dict[str, Any]]:
        """Return the events that came on a topic."""
        return [json.loads(payload) for payload in self.payloads(topic)]


@contextmanager
def mqtt_reader(port: int, *patterns: str) -> Iterator[MqttReader]:
    """Subscribe and collect, until the block ends."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    reader = MqttReader(client)
    subscribed = threading.Event()

    def subscribe(*_: object) -> None:
        client.subscribe([(pattern, 1) for pattern in patterns])

    def collect(_: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        reader.messages.append((message.topic, bytes(message.payload), message.retain))

    client.on_connect, client.on_message = subscribe, collect
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        assert subscribed.wait(20)
        yield reader
    finally:
        client.disconnect()
        client.loop_stop()
