"""Writes what the documents say about types and settings: `python docs/generate.py`.

The tables of events in `protocol.md`, of metrics in `observability.md` and of settings in the
READMEs stand between two marks; the AsyncAPI and OpenAPI documents are whole files. `--check` fails
if any is not what this would write.
"""

import argparse
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from dashboard import DASHBOARD, dashboard_text
from metrics_tables import metrics_tables
from settings_tables import README_SETTINGS, settings_table

from moodcue.control import CONTROL_TYPES
from moodcue.events import (
    EVENT_TYPES,
    Event,
    Face,
    FaceProblem,
    Feedback,
    FeedbackKind,
    FrameStatus,
    Guidance,
    HoldReason,
    LeastChange,
    Liking,
    Mode,
    OptedOut,
    ServiceState,
    SongMatch,
    TasteEntry,
    TasteSubject,
    TrackEmotion,
)
from moodcue_gateway.asyncapi import asyncapi_text
from moodcue_gateway.openapi import openapi_text

REPOSITORY = Path(__file__).resolve().parents[1]
PARTS = (
    Face,
    TrackEmotion,
    OptedOut,
    SongMatch,
    Liking,
    Guidance,
    LeastChange,
    Feedback,
    TasteEntry,
)
WORDS = (FrameStatus, FaceProblem, HoldReason, Mode, FeedbackKind, TasteSubject, ServiceState)
END = "<!-- /generated -->"


def type_tables() -> str:
    """Describe every type in a section with a table of its fields."""
    parts = ["### What every event carries\n", _table(Event, own=False)]
    for kind in EVENT_TYPES:
        parts += [f"### `{kind.__struct_config__.tag}`\n", _text(kind), _table(kind, own=True)]
    for part in PARTS:
        parts += [f"#### `{part.__name__}`, inside an event\n", _text(part), _table(part)]
    for control in CONTROL_TYPES:
        tag = control.__struct_config__.tag
        parts += [f"### `{tag}`\n", _text(control), _table(control)]
    parts += ["### Words\n", *(_enum(kind) for kind in WORDS), ""]
    return "\n".join(parts)


def _text(kind: type[msgspec.Struct]) -> str:
    lines = (kind.__doc__ or "").strip().splitlines()
    return "\n".join(line.strip() for line in lines) + "\n"


def _table(kind: type[msgspec.Struct], *, own: bool = True) -> str:
    common = set(Event.__struct_fields__) if own and issubclass(kind, Event) else set()
    schema = msgspec.json.schema(kind)
    definition = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    rows = ["| field | type | default | meaning |", "|---|---|---|---|"]
    for name, field in definition["properties"].items():
        if name == "type" or name in common:
            continue
        default = "" if name in definition["required"] else f"`{_value(field.get('default'))}`"
        rows.append(f"| `{name}` | {_kind(field)} | {default} | {_meaning(field)} |")
    return "\n".join(rows) + "\n"


def _value(default: object) -> str:
    """Write a default as MessagePack would have it, in the notation of JSON."""
    return msgspec.json.encode(default).decode().replace("null", "nil")


def _enum(kind: type[StrEnum]) -> str:
    values = ", ".join(f"`{member.value}`" for member in kind)
    return f"- `{kind.__name__}`: {(kind.__doc__ or '').strip()} {values}"


def _kind(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    if "anyOf" in field:
        return " or ".join(_kind(each) for each in field["anyOf"])
    if field.get("type") == "array" and "prefixItems" in field:
        return f"{len(field['prefixItems'])} x {_kind(field['prefixItems'][0])}"
    if field.get("type") == "array":
        count = f"{field['minItems']} x " if "minItems" in field else "array of "
        return f"{count}{_kind(field['items'])}"
    names = {"null": "nil", "integer": "int", "number": "float", "object": "map"}
    kind = str(field.get("type", "any"))
    return names.get(kind, kind)


def _meaning(field: dict[str, Any]) -> str:
    texts = [field.get("description", "")]
    texts += [each.get("description", "") for each in field.get("anyOf", [])]
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        texts.append(f"{low} to {high}")
    elif low is not None:
        texts.append(f"at least {low}")
    elif "exclusiveMinimum" in field:
        texts.append(f"above {field['exclusiveMinimum']}")
    return "; ".join(text for text in texts if text)


def with_table(document: str, *, subject: str, table: str) -> str:
    """Return a document with the part between the marks of a subject renewed.

    Raises:
        ValueError: if the marks are not there.
    """
    begin = f"<!-- generated: {subject} -->"
    before, found, rest = document.partition(begin)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"the marks {begin} and {END} are missing")
    return f"{before}{begin}\n\n{table}\n{END}{after}"


def documents() -> Iterator[tuple[str, str, str]]:
    """Yield path in the repository, subject and table of every generated part."""
    yield "docs/protocol.md", "types", type_tables()
    yield "docs/observability.md", "metrics", metrics_tables()
    for path, kind in README_SETTINGS.items():
        yield path, "settings", settings_table(kind)


def whole_documents() -> Iterator[tuple[str, str]]:
    """Yield path in the repository and text of every file that is generated as a whole."""
    yield "docs/asyncapi.json", asyncapi_text()
    yield "services/gateway/openapi.json", openapi_text()
    yield DASHBOARD, dashboard_text()


def renewed_documents() -> Iterator[tuple[str, str]]:
    """Yield path in the repository and text of all documents, as they should be."""
    for path, subject, table in documents():
        document = (REPOSITORY / path).read_text(encoding="utf-8")
        yield path, with_table(document, subject=subject, table=table)
    yield from whole_documents()


def main(arguments: list[str] | None = None) -> int:
    """Write or check; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    options = parser.parse_args(arguments)
    stale = []
    for path, renewed in renewed_documents():
        file = REPOSITORY / path
        if not file.is_file() or file.read_text(encoding="utf-8") != renewed:
            stale.append(path)
            if not options.check:
                file.write_text(renewed, encoding="utf-8")
    if options.check and stale:
        print(f"not up to date: {', '.join(stale)}; run: make docs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
