"""Metrics of the gateway."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class GatewayMetrics:
    """All metrics of the gateway, on an injected registry."""

    __slots__ = (
        "answer_seconds",
        "browser_cameras",
        "browser_cameras_refused",
        "browser_frame_age",
        "browser_frames",
        "events_invalid",
        "events_lost",
        "events_received",
        "mqtt_commands",
        "mqtt_connected",
        "readings_skipped",
        "registry",
        "requests",
        "stream_gaps",
        "streams",
        "streams_refused",
        "webhook_attempts",
        "webhook_dead_letters",
    )

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.events_received = Counter(
            "moodcue_gateway_events_received_total",
            "Events taken from the bus",
            ["family"],
            registry=registry,
        )
        self.events_lost = Counter(
            "moodcue_gateway_events_lost_total",
            "Gaps in the sequence numbers, before the broker's history filled them",
            registry=registry,
        )
        self.events_invalid = Counter(
            "moodcue_gateway_events_invalid_total",
            "Messages that did not follow the contract",
            registry=registry,
        )
        self.streams = Gauge(
            "moodcue_gateway_streams", "Clients of the live events", registry=registry
        )
        self.streams_refused = Counter(
            "moodcue_gateway_streams_refused_total",
            "Clients of the live events beyond the limit",
            registry=registry,
        )
        self.readings_skipped = Counter(
            "moodcue_gateway_readings_skipped_total",
            "Live readings that a slow client did not get, because a newer one replaced them",
            registry=registry,
        )
        self.stream_gaps = Counter(
            "moodcue_gateway_stream_gaps_total",
            "Times that a client asked for windows or recommendations that are no longer kept",
            registry=registry,
        )
        self.browser_cameras = Gauge(
            "moodcue_gateway_browser_cameras", "Browsers that are cameras", registry=registry
        )
        self.browser_cameras_refused = Counter(
            "moodcue_gateway_browser_cameras_refused_total",
            "Connections of browsers' cameras that were ended, by reason",
            ["reason"],
            registry=registry,
        )
        self.browser_frames = Counter(
            "moodcue_gateway_browser_frames_total",
            "Pictures from browsers, and what became of them",
            ["outcome"],
            registry=registry,
        )
        self.browser_frame_age = Histogram(
            "moodcue_gateway_browser_frame_age_seconds",
            "Age of a picture when its browser sent it, half of the last round trip included",
            buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            registry=registry,
        )
        self.requests = Counter(
            "moodcue_gateway_requests_total",
            "Requests for songs by mood",
            ["outcome"],
            registry=registry,
        )
        self.answer_seconds = Histogram(
            "moodcue_gateway_answer_seconds",
            "From a request for songs to its answer",
            buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        self.webhook_attempts = Counter(
            "moodcue_gateway_webhook_attempts_total",
            "Attempts to hand an event to a webhook",
            ["outcome"],
            registry=registry,
        )
        self.webhook_dead_letters = Counter(
            "moodcue_gateway_webhook_dead_letters_total",
            "Events given up after the last attempt to hand them to a webhook",
            registry=registry,
        )
        self.mqtt_connected = Gauge(
            "moodcue_gateway_mqtt_connected",
            "Whether the connection to the MQTT broker stands",
            registry=registry,
        )
        self.mqtt_commands = Counter(
            "moodcue_gateway_mqtt_commands_total",
            "Commands that came by MQTT",
            ["outcome"],
            registry=registry,
        )
