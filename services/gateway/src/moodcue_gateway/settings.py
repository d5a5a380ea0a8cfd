"""Settings of the gateway."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from moodcue.settings import ServiceSettings
from moodcue_gateway.mqtt.bridge import MqttNames
from moodcue_gateway.mqtt.client import MqttAddress
from moodcue_gateway.subsonic.client import SubsonicAccount, SubsonicLogin
from moodcue_gateway.webhooks.limits import WebhookLimits
from moodcue_gateway.webhooks.targets import Reach


class GatewaySettings(ServiceSettings):
    """What the gateway can be told."""

    model_config = SettingsConfigDict(env_prefix="MOODCUE_GATEWAY_")

    host: str = Field(
        "127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 for all"
    )
    port: int = Field(8080, ge=0, le=65_535, description="port to listen on; 0 takes a free one")
    allowed_hosts: str = Field(
        "",
        description=(
            "names under which browsers may reach the gateway, with commas between; "
            "localhost and plain IP addresses always may"
        ),
    )
    index_dir: Path = Field(
        Path(".moodcue/index"), description="folder of the library index, read only"
    )
    music_dir: Path | None = Field(
        None, description="folder of the music; none: the one that the index names"
    )
    state_dir: Path = Field(
        Path(".moodcue/gateway"), description="folder of the webhooks and what waits for them"
    )
    answer_timeout_seconds: float = Field(
        5.0, gt=0, le=60, description="how long a request waits for its recommendation"
    )
    history_events: int = Field(
        2000,
        ge=10,
        le=100_000,
        description="windows and recommendations kept, of all cameras",
    )
    max_topics: int = Field(
        1000, ge=10, le=100_000, description="topics whose newest event is kept"
    )
    max_streams: int = Field(
        64, ge=1, le=10_000, description="clients of the live events at the same time"
    )
    websocket_ping_seconds: float = Field(
        20.0,
        ge=0.1,
        le=600,
        description="a WebSocket is asked this often whether it lives, and has as long to answer",
    )
    max_browser_cameras: int = Field(
        16, ge=0, le=1000, description="browsers that may be cameras at the same time; 0 for none"
    )
    browser_camera_rate: float = Field(
        5.0, ge=0.2, le=30, description="pictures per second that each browser may send"
    )
    browser_camera_max_bytes: int = Field(
        131_072, ge=4096, le=4_194_304, description="largest picture of a browser"
    )
    max_body_bytes: int = Field(
        65_536, ge=1024, le=16_777_216, description="largest body of a request"
    )
    webhook_targets: Reach = Field(
        Reach.PRIVATE,
        description=(
            "where webhooks may go: the public internet, also private networks, "
            "or also this machine; link-local addresses never"
        ),
    )
    max_webhooks: int = Field(16, ge=0, le=1000, description="webhooks at the same time")
    webhook_timeout_seconds: float = Field(
        10.0, gt=0, le=60, description="how long a server may take to answer an attempt"
    )
    webhook_attempts: int = Field(
        8, ge=1, le=100, description="attempts to send an event before it is a dead letter"
    )
    webhook_retry_seconds: float = Field(
        1.0,
        gt=0,
        le=60,
        description="wait after the first failed attempt; doubles with each, up to a minute",
    )
    webhook_queue_events: int = Field(
        1000,
        ge=1,
        le=100_000,
        description="events that wait for one webhook; the oldest become dead letters beyond",
    )
    webhook_dead_letters: int = Field(
        1000, ge=1, le=100_000, description="dead letters kept for one webhook"
    )
    mqtt_host: str = Field("", description="host of an MQTT broker; empty: no MQTT")
    mqtt_port: int = Field(1883, ge=1, le=65_535, description="port of the MQTT broker")
    mqtt_user: str = Field("", description="user at the MQTT broker; empty: none")
    mqtt_password: SecretStr | None = Field(None, description="of that user")
    mqtt_tls: bool = Field(False, description="encrypt the connection to the MQTT broker")
    mqtt_ca_file: Path | None = Field(
        None, description="certificates to trust at the MQTT broker; none: those of the system"
    )
    mqtt_prefix: str = Field(
        "moodcue", pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="first part of all MQTT topics"
    )
    mqtt_discovery_prefix: str = Field(
        "homeassistant",
        pattern=r"^[A-Za-z0-9_.-]{0,64}$",
        description="where Home Assistant finds its entities; empty: nothing is announced",
    )
    subsonic_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="address of a music server with the OpenSubsonic API; empty: none",
    )
    subsonic_user: str = Field("", description="user at the music server, who owns the playlists")
    subsonic_password: SecretStr | None = Field(None, description="of that user")
    subsonic_login: SubsonicLogin = Field(
        SubsonicLogin.TOKEN,
        description=(
            "what the music server gets: the password's hash with a salt, or for servers that "
            "take none the password itself"
        ),
    )
    stale_seconds: float = Field(
        5.0, ge=2, le=600, description="a service that is silent for longer counts as gone"
    )

    def host_names(self) -> frozenset[str]:
        """Return the host names that a request may carry, in lower case."""
        named = (name.strip().lower() for name in self.allowed_hosts.split(","))
        return frozenset({"localhost", self.host.lower(), *named}) - {""}

    def webhook_limits(self) -> WebhookLimits:
        """Return the bounds of the webhooks."""
        return WebhookLimits(
            hooks=self.max_webhooks,
            reach=self.webhook_targets,
            timeout_seconds=self.webhook_timeout_seconds,
            attempts=self.webhook_attempts,
            retry_seconds=self.webhook_retry_seconds,
            queue=self.webhook_queue_events,
            dead=self.webhook_dead_letters,
        )

    def mqtt_address(self) -> MqttAddress | None:
        """Return where the MQTT broker is, None if there is to be none."""
        if not self.mqtt_host:
            return None
        return MqttAddress(
            host=self.mqtt_host,
            port=self.mqtt_port,
            user=self.mqtt_user,
            password=self.mqtt_password.get_secret_value() if self.mqtt_password else "",
            tls=self.mqtt_tls,
            ca_file=self.mqtt_ca_file,
        )

    def mqtt_names(self) -> MqttNames:
        """Return the names at the MQTT broker."""
        return MqttNames(
            client=f"moodcue-gateway-{self.instance}",
            prefix=self.mqtt_prefix,
            discovery_prefix=self.mqtt_discovery_prefix,
        )

    def subsonic_account(self) -> SubsonicAccount | None:
        """Return the account at the music server, None if there is to be none."""
        if not self.subsonic_url:
            return None
        password = self.subsonic_password.get_secret_value() if self.subsonic_password else ""
        return SubsonicAccount(self.subsonic_url, self.subsonic_user, password, self.subsonic_login)
