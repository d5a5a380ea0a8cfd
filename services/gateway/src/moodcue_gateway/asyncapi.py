"""The AsyncAPI document: every event, and by which door it comes. https://www.asyncapi.com, 3.0.0.

Payloads are the JSON schemas of the types in `moodcue.events`, so that there is one contract.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from moodcue import __version__
from moodcue.bus import DEFAULT_PORT, Port
from moodcue.events import (
    EVENT_TYPES,
    EmotionWindow,
    Event,
    FaceEmotion,
    Frame,
    IndexPublished,
    Recommendation,
    RecommendationRequest,
    Status,
    Taste,
)
from moodcue.topics import Family
from moodcue_gateway.outlets import OUTLET_FAMILIES

Document = dict[str, Any]

FAMILY_EVENTS: Mapping[Family, tuple[type[Event], tuple[str, ...]]] = {
    Family.FRAME: (Frame, ("camera",)),
    Family.FACE_EMOTION: (FaceEmotion, ("camera",)),
    Family.EMOTION_WINDOW: (EmotionWindow, ("camera",)),
    Family.RECOMMENDATION: (Recommendation, ("camera",)),
    Family.REQUEST: (RecommendationRequest, ("camera",)),
    Family.TASTE: (Taste, ("camera",)),
    Family.INDEX: (IndexPublished, ()),
    Family.STATUS: (Status, ("service", "instance")),
}
"""The event of every family of topics, and the names that stand behind the family in a topic."""

_UNSEEN = frozenset({Family.FRAME, Family.REQUEST})
"""Families that live clients of the gateway do not get."""

_HEARTBEATS = "QoS 1, not retained: when a service begins or its state changes, and once a minute"

_COMMANDS = {
    "mode": "`match`, `lift`, `calm`, `energise` or `hold`: the mode of the room from now on",
    "mood": "a word such as `calm`: songs for it, as a recommendation",
}


def asyncapi_text() -> str:
    """Return the document as indented JSON."""
    return json.dumps(asyncapi_document(), indent=2, ensure_ascii=False) + "\n"


def asyncapi_document() -> Document:
    """Describe servers, channels, operations and messages."""
    channels = {**_bus_channels(), **_gateway_channels(), **_mqtt_channels()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Moodcue events",
            "version": __version__,
            "description": (
                "Emotions and songs as they happen, by ZeroMQ, Server-Sent Events, WebSocket, "
                "webhooks and MQTT. On the bus an event is MessagePack, elsewhere JSON with its "
                "`topic`; the fields are the same."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": channels,
        "operations": _operations(channels),
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _servers() -> Document:
    return {
        "bus": {
            "host": f"127.0.0.1:{DEFAULT_PORT + Port.EVENTS_OUT}",
            "protocol": "zmq",
            "description": "XPUB of the broker; see docs/protocol.md for its other ports",
        },
        "frames": {
            "host": f"127.0.0.1:{DEFAULT_PORT + Port.FRAMES_IN}",
            "protocol": "zmq",
            "description": "the one way that pictures take, from cameras to the broker",
        },
        "gateway": {"host": "127.0.0.1:8080", "protocol": "http"},
        "websocket": {"host": "127.0.0.1:8080", "protocol": "ws"},
        "mqtt": {
            "host": "127.0.0.1:1883",
            "protocol": "mqtt",
            "description": "a broker of yours, with MOODCUE_GATEWAY_MQTT_HOST",
        },
    }


def _bus_channels() -> Document:
    return {
        f"bus.{family.value}": {
            "address": "/".join([family.value, *(f"{{{name}}}" for name in names), ""]),
            "servers": [{"$ref": f"#/servers/{'frames' if family is Family.FRAME else 'bus'}"}],
            "messages": _references([_tag(kind)]),
            **_parameters(names),
        }
        for family, (kind, names) in FAMILY_EVENTS.items()
    }


def _gateway_channels() -> Document:
    live = [_tag(kind) for family, (kind, _) in FAMILY_EVENTS.items() if family not in _UNSEEN]
    pushed = [_tag(FAMILY_EVENTS[family][0]) for family in sorted(OUTLET_FAMILIES)]
    return {
        "sse": {
            "address": "/v1/events",
            "description": (
                "Server-Sent Events; `topic` filters, the header Last-Event-ID resumes"
            ),
            "servers": [{"$ref": "#/servers/gateway"}],
            "messages": _references([*live, "gap"]),
        },
        "websocket": {
            "address": "/v1/events/ws",
            "description": "one text message for each event; `topic` filters, `after` resumes",
            "servers": [{"$ref": "#/servers/websocket"}],
            "messages": _references([*live, "gap", "connected"]),
        },
        "webhook": {
            "address": None,
            "description": (
                "POST to the URL of a webhook, signed as Standard Webhooks says; heartbeats when a "
                "service begins or its state changes, and once a minute"
            ),
            "messages": _references(pushed),
        },
    }


def _mqtt_channels() -> Document:
    channels = {}
    for family in sorted(OUTLET_FAMILIES):
        kind, names = FAMILY_EVENTS[family]
        channels[f"mqtt.{family.value}"] = {
            "address": "/".join(["moodcue", family.value, *(f"{{{name}}}" for name in names)]),
            "description": _HEARTBEATS if family is Family.STATUS else "retained, QoS 1",
            "servers": [{"$ref": "#/servers/mqtt"}],
            "messages": _references([_tag(kind)]),
            **_parameters(names),
        }
    for wish, text in _COMMANDS.items():
        channels[f"mqtt.command.{wish}"] = {
            "address": f"moodcue/command/{{camera}}/{wish}",
            "description": text,
            "servers": [{"$ref": "#/servers/mqtt"}],
            "messages": _references(["command"]),
            **_parameters(["camera"]),
        }
    return channels


def _operations(channels: Document) -> Document:
    heard = {f"bus.{Family.REQUEST.value}", *(f"mqtt.command.{wish}" for wish in _COMMANDS)}
    return {
        name: {
            "action": "receive" if name in heard else "send",
            "channel": {"$ref": f"#/channels/{name}"},
        }
        for name in channels
    }


def _messages() -> Document:
    events = {
        _tag(kind): {
            "name": _tag(kind),
            "summary": (kind.__doc__ or "").strip().splitlines()[0],
            "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        }
        for kind in EVENT_TYPES
    }
    return {
        **events,
        "connected": {
            "name": "connected",
            "summary": "The first message of a WebSocket: where to resume until an event came.",
            "payload": _object({"type": {"const": "connected"}, "after": {"type": "string"}}),
        },
        "gap": {
            "name": "gap",
            "summary": "Stands where something asked for is no longer kept.",
            "payload": _object(
                {"detail": {"type": "string"}, "lost": {"type": ["integer", "null"], "minimum": 0}}
            ),
        },
        "command": {
            "name": "command",
            "contentType": "text/plain",
            "summary": "A word.",
            "payload": {"type": "string", "maxLength": 64},
        },
    }


def _schemas() -> Document:
    _, schemas = msgspec.json.schema_components(
        EVENT_TYPES, ref_template="#/components/schemas/{name}"
    )
    return dict(sorted(schemas.items()))


def _object(properties: Document) -> Document:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _references(messages: Iterable[str]) -> Document:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in messages}


def _parameters(names: Iterable[str]) -> Document:
    described = {name: {"description": f"name of the {name}"} for name in names}
    return {"parameters": described} if described else {}


def _tag(kind: type[Event]) -> str:
    return str(kind.__struct_config__.tag)
