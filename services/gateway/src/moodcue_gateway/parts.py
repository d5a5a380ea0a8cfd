"""The parts of the gateway, put together once."""

from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from moodcue.events import FaceEmotion
from moodcue.health import Problem
from moodcue.identity import Clock, system_clock
from moodcue.tracing import Tracer
from moodcue_gateway.browser_cameras import BrowserCameras, CameraLimits
from moodcue_gateway.library import Library
from moodcue_gateway.live import Live
from moodcue_gateway.metrics import GatewayMetrics
from moodcue_gateway.mqtt.bridge import MqttBridge
from moodcue_gateway.schemas import ServiceModel
from moodcue_gateway.service import Bus
from moodcue_gateway.settings import GatewaySettings
from moodcue_gateway.subsonic.target import SubsonicTarget
from moodcue_gateway.system import not_ready, services_from
from moodcue_gateway.webhooks.service import Webhooks

_REMEMBERED_HISTORIES = 10
"""A restarted gateway gets all that the broker still has, of every topic; none goes out twice."""


@dataclass
class Parts:
    """What the routes work with.

    Attributes:
        settings: of the gateway.
        live: what is known of the bus.
        library: the songs.
        bus: the gateway's end of the bus.
        cameras: browsers that are cameras.
        webhooks: servers that events are sent to.
        mqtt: bridge to an MQTT broker, if there is one.
        subsonic: writer of playlists to a music server, if there is one.
        metrics: of the gateway.
        clock: wall clock.
        tracer: told what was done, where somebody traces.
        on_alive: called a few times a second while the event loop works.
        unready: what keeps the gateway from its work; renewed a few times a second, because
            another thread reads it.
    """

    settings: GatewaySettings
    live: Live
    library: Library
    bus: Bus
    cameras: BrowserCameras
    webhooks: Webhooks
    mqtt: MqttBridge | None
    subsonic: SubsonicTarget | None
    metrics: GatewayMetrics
    clock: Clock = system_clock
    tracer: Tracer | None = None
    on_alive: Callable[[], None] = lambda: None
    unready: Problem = field(default="the gateway is starting", init=False)

    def counters(self) -> dict[str, float]:
        """Figures for the heartbeat."""
        return {**self.live.counters(), **self.cameras.counters()}

    def services(self) -> list[ServiceModel]:
        """List the processes of the system."""
        return services_from(
            self.live.statuses(),
            now_ns=self.clock(),
            stale_seconds=self.settings.stale_seconds,
        )

    def impaired(self) -> Problem:
        """Say what does not work though the gateway does its work."""
        outlets = [outlet for outlet in (self.mqtt, self.subsonic) if outlet is not None]
        return "; ".join(filter(None, (outlet.problem() for outlet in outlets))) or None

    def tick(self) -> None:
        """Give a sign of life and look around; called a few times a second."""
        self.check()
        self.on_alive()

    def check(self) -> Problem:
        """Say what keeps the gateway from its work, and remember it."""
        silence = self.bus.silence()
        self.unready = not_ready(self.services(), silence=silence)
        return self.unready


def build_parts(
    settings: GatewaySettings, registry: CollectorRegistry, *, tracer: Tracer | None = None
) -> Parts:
    """Build the parts; nothing is opened yet.

    Raises:
        SettingsError: if the keys of the bus cannot be read.
    """
    metrics = GatewayMetrics(registry)
    account = settings.subsonic_account()
    live = Live(
        history_events=settings.history_events,
        max_topics=settings.max_topics,
        max_streams=settings.max_streams,
        metrics=metrics,
        tracer=tracer,
    )
    return Parts(
        settings=settings,
        live=live,
        library=Library(settings.index_dir.absolute(), settings.music_dir),
        bus=Bus(
            settings.bus_address(),
            settings.instance,
            metrics,
            stall_seconds=settings.stall_seconds,
            tracer=tracer,
        ),
        cameras=BrowserCameras(
            CameraLimits(
                cameras=settings.max_browser_cameras,
                rate=settings.browser_camera_rate,
                bytes=settings.browser_camera_max_bytes,
            ),
            faces_seen=lambda camera: _last_face(live, camera),
            metrics=metrics,
        ),
        webhooks=Webhooks(
            settings.state_dir.absolute(),
            live,
            limits=settings.webhook_limits(),
            remembered=_REMEMBERED_HISTORIES * settings.history_events,
            metrics=metrics,
        ),
        mqtt=_mqtt(settings, live, metrics),
        subsonic=SubsonicTarget(account, live) if account else None,
        metrics=metrics,
        tracer=tracer,
    )


def _mqtt(settings: GatewaySettings, live: Live, metrics: GatewayMetrics) -> MqttBridge | None:
    address = settings.mqtt_address()
    if address is None:
        return None
    folder = settings.state_dir.absolute()
    return MqttBridge(address, settings.mqtt_names(), folder=folder, live=live, metrics=metrics)


def _last_face(live: Live, camera: str) -> int:
    newest = live.newest(FaceEmotion, camera=camera)
    return newest.time if newest else 0
