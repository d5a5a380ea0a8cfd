"""An MQTT client for the event loop.

paho has a thread of its own, which connects, reconnects with growing waits, and sends again what
was not acknowledged; its callbacks hand over into the event loop.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from moodcue.errors import SettingsError

_QOS = 1
_KEEPALIVE_SECONDS = 30
_MIN_RETRY_SECONDS, _MAX_RETRY_SECONDS = 1, 60


@dataclass(frozen=True)
class MqttAddress:
    """Where the broker is and how it is spoken to.

    Attributes:
        host: of the broker.
        port: of the broker.
        user: name to log in with; empty: none.
        password: of the user.
        tls: whether the connection is encrypted.
        ca_file: certificates to trust; None: those of the system.
    """

    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: bool = False
    ca_file: Path | None = None


@dataclass(frozen=True)
class Will:
    """What the broker publishes, retained, when this client is gone without a word."""

    topic: str
    payload: str


class MqttClient:
    """Connects until it is closed. Make and use it in the event loop.

    Args:
        address: of the broker.
        client_id: name of this client at the broker.
        will: of this client.
        on_state: told when the connection stands (empty) or why it does not.
        on_message: given the topic and payload of messages; retained ones are left out.

    Raises:
        SettingsError: if the file of certificates cannot be used.
    """

    def __init__(
        self,
        address: MqttAddress,
        *,
        client_id: str,
        will: Will,
        on_state: Callable[[str], None],
        on_message: Callable[[str, bytes], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_state, self._on_message = on_state, on_message
        self._stood = False
        self._acknowledged: dict[int, asyncio.Future[None]] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        if address.user:
            self._client.username_pw_set(address.user, address.password)
        if address.tls:
            self._use_tls(address.ca_file)
        self._client.will_set(will.topic, will.payload, qos=_QOS, retain=True)
        self._client.reconnect_delay_set(_MIN_RETRY_SECONDS, _MAX_RETRY_SECONDS)
        self._client.on_connect = self._connected
        self._client.on_connect_fail = self._failed
        self._client.on_disconnect = self._disconnected
        self._client.on_publish = self._published
        self._client.on_message = self._received
        self._client.connect_async(address.host, address.port, _KEEPALIVE_SECONDS)
        self._client.loop_start()

    def _use_tls(self, ca_file: Path | None) -> None:
        try:
            self._client.tls_set(ca_certs=str(ca_file) if ca_file else None)
        except OSError as error:
            raise SettingsError(f"MOODCUE_GATEWAY_MQTT_CA_FILE={ca_file}: {error}") from None

    async def publish(self, topic: str, payload: str | bytes, *, retain: bool = True) -> None:
        """Publish a message and wait until the broker has it."""
        sent = self._client.publish(topic, payload, qos=_QOS, retain=retain)
        future = self._acknowledged[sent.mid] = self._loop.create_future()
        try:
            await future
        finally:
            self._acknowledged.pop(sent.mid, None)

    def subscribe(self, pattern: str) -> None:
        """Ask for the messages of some topics, for as long as this connection stands."""
        self._client.subscribe(pattern, qos=_QOS)

    async def close(self, *, farewell: Will) -> None:
        """Publish a last word, if the broker is there, and disconnect."""
        if self._client.is_connected():
            self._client.publish(farewell.topic, farewell.payload, qos=_QOS, retain=True)
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _connected(
        self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        self._stood = not reason.is_failure
        self._tell_state(f"it says: {reason}" if reason.is_failure else "")

    def _failed(self, _client: paho.Client, _data: Any) -> None:
        self._tell_state("no connection can be made")

    def _disconnected(
        self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        # After a refusal, its reason is of more use than that the connection ended.
        if self._stood:
            self._stood = False
            self._tell_state(f"the connection was lost: {reason}")

    def _published(
        self, _client: paho.Client, _data: Any, mid: int, _reason: Any, _properties: Any
    ) -> None:
        self._loop.call_soon_threadsafe(self._acknowledge, mid)

    def _received(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if not message.retain:
            self._loop.call_soon_threadsafe(self._on_message, message.topic, bytes(message.payload))

    def _tell_state(self, problem: str) -> None:
        self._loop.call_soon_threadsafe(self._on_state, problem)

    def _acknowledge(self, mid: int) -> None:
        future = self._acknowledged.get(mid)
        if future is not None and not future.done():
            future.set_result(None)
