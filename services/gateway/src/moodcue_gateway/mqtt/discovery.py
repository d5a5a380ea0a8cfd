"""What Home Assistant is told, so that a room appears by itself: MQTT discovery documents.

See https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery. The states are read out of the
retained recommendation by templates; there is no second copy of them.
"""

from collections.abc import Iterator

import msgspec

from moodcue import __version__
from moodcue.events import HoldReason, Mode
from moodcue.moods import POINT_WORDS
from moodcue.taxonomy import EMOTIONS
from moodcue.topics import Family, topic

_NONE = "none"
_LONGEST_STATE = 255  # of Home Assistant
_MOODS = ("happiness", "sadness", *POINT_WORDS)

Document = dict[str, object]


def mqtt_topic(prefix: str, bus_topic: str) -> str:
    """Return where events of a topic of the bus are published: `moodcue/recommendation/kitchen`."""
    return f"{prefix}/{bus_topic.rstrip('/')}"


def availability_topic(prefix: str) -> str:
    """Return where `online` or `offline` stands."""
    return f"{prefix}/availability"


def command_topic(prefix: str, camera: str, wish: str) -> str:
    """Return where a wish for a room is heard: `moodcue/command/kitchen/mode`."""
    return f"{prefix}/command/{camera}/{wish}"


def discovery(prefix: str, discovery_prefix: str, camera: str) -> Iterator[tuple[str, bytes]]:
    """Yield topic and document of every entity of a camera's room.

    Args:
        prefix: of all topics of Moodcue.
        discovery_prefix: that Home Assistant listens to.
        camera: name of the camera.
    """
    node = f"moodcue_{camera.replace('.', '-dot-')}"
    common: Document = {
        "availability_topic": availability_topic(prefix),
        "device": {
            "identifiers": [f"moodcue_{camera}"],
            "name": f"Moodcue {camera}",
            "manufacturer": "Moodcue",
            "sw_version": __version__,
        },
        "origin": {"name": "moodcue", "sw_version": __version__},
    }
    state: Document = {"state_topic": mqtt_topic(prefix, topic(Family.RECOMMENDATION, camera))}
    for name, document in _sensors().items():
        yield _entity(discovery_prefix, "sensor", node, name, {**common, **state, **document})
    for name, document in _selects().items():
        wish: Document = {"command_topic": command_topic(prefix, camera, name)}
        # A mood is asked for once and is no state of the room.
        told = state if "value_template" in document else {}
        yield _entity(
            discovery_prefix, "select", node, name, {**common, **told, **wish, **document}
        )


def _sensors() -> dict[str, Document]:
    top = "value_json.songs[0].title ~ ' - ' ~ value_json.songs[0].artist"
    titles = "value_json.songs | map(attribute='title') | list"
    return {
        "emotion": {
            "name": "Emotion",
            "icon": "mdi:emoticon-outline",
            "device_class": "enum",
            "options": [*EMOTIONS, _NONE],
            "value_template": f"{{{{ value_json.emotion or '{_NONE}' }}}}",
        },
        "confidence": {
            "name": "Confidence",
            "icon": "mdi:percent",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            "value_template": "{{ (value_json.confidence * 100) | round(0) | int }}",
        },
        "valence": {"name": "Valence", "icon": "mdi:emoticon-happy-outline", **_place(0)},
        "arousal": {"name": "Arousal", "icon": "mdi:lightning-bolt-outline", **_place(1)},
        "top_song": {
            "name": "Top song",
            "icon": "mdi:music",
            "value_template": (
                f"{{{{ ({top})[:{_LONGEST_STATE}] if value_json.songs else '{_NONE}' }}}}"
            ),
            "json_attributes_template": f"{{{{ {{'songs': {titles}}} | tojson }}}}",
        },
        "hold": {
            "name": "Hold",
            "icon": "mdi:pause-circle-outline",
            "device_class": "enum",
            "options": [*HoldReason, _NONE],
            "value_template": f"{{{{ value_json.hold or '{_NONE}' }}}}",
        },
    }


def _place(axis: int) -> Document:
    # Home Assistant takes None for "unknown".
    return {
        "state_class": "measurement",
        "value_template": f"{{{{ value_json.place[{axis}] if value_json.place else None }}}}",
    }


def _selects() -> dict[str, Document]:
    return {
        "mode": {
            "name": "Mode",
            "icon": "mdi:compass-outline",
            "options": list(Mode),
            "value_template": "{{ value_json.mode }}",
        },
        "mood": {"name": "Ask for a mood", "icon": "mdi:palette-outline", "options": list(_MOODS)},
    }


def _entity(
    discovery_prefix: str, component: str, node: str, name: str, document: Document
) -> tuple[str, bytes]:
    unique = {"unique_id": f"{node}_{name}", **document}
    if "json_attributes_template" in unique:
        unique["json_attributes_topic"] = unique["state_topic"]
    return f"{discovery_prefix}/{component}/{node}/{name}/config", msgspec.json.encode(unique)
