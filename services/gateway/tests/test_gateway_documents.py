import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_harness import System
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from jsonschema import Draft7Validator, Draft202012Validator, ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError
from outside import missing
from pydantic import BaseModel
from samples import SAMPLES

from moodcue.events import (
    EVENT_TYPES,
    EmotionWindow,
    Event,
    Guidance,
    LeastChange,
    Liking,
    OptedOut,
    Recommendation,
    SongMatch,
    TasteEntry,
    TrackEmotion,
)
from moodcue.topics import Family
from moodcue_gateway.asyncapi import FAMILY_EVENTS, asyncapi_document
from moodcue_gateway.cli import main
from moodcue_gateway.schemas import (
    GuidanceModel,
    LeastChangeModel,
    LikingModel,
    OptedOutModel,
    RecommendationModel,
    SongMatchModel,
    TasteEntryModel,
    TrackModel,
    WindowModel,
)

SERVICE = Path(__file__).resolve().parents[1]
SNAPSHOT = SERVICE / "openapi.json"
REPOSITORY = SERVICE.parents[1]
ASYNCAPI = REPOSITORY / "docs" / "asyncapi.json"
ASYNCAPI_SCHEMA = REPOSITORY / ".tools/node_modules/@asyncapi/specs/schemas/3.0.0.json"


def test_the_openapi_document_in_the_tree_is_up_to_date() -> None:
    assert main(["openapi", "--check", str(SNAPSHOT)]) == 0


def test_the_asyncapi_document_in_the_tree_is_up_to_date() -> None:
    assert main(["asyncapi", "--check", str(ASYNCAPI)]) == 0


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi_document()
    found = set(references(document))

    assert len(found) > 50
    for reference in found:
        node: Any = document
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]


def test_the_asyncapi_document_has_every_event_and_every_family_of_topics() -> None:
    document = asyncapi_document()
    tags = {str(kind.__struct_config__.tag) for kind in EVENT_TYPES}

    assert tags <= set(document["components"]["messages"])
    assert set(FAMILY_EVENTS) == set(Family)
    assert {kind for kind, _ in FAMILY_EVENTS.values()} == set(EVENT_TYPES)


@pytest.mark.parametrize("sample", [one for one in SAMPLES if isinstance(one, Event)])
def test_a_golden_event_follows_its_schema_in_the_asyncapi_document(sample: Event) -> None:
    schemas = asyncapi_document()["components"]["schemas"]
    root = {
        "$ref": f"#/components/schemas/{type(sample).__name__}",
        "components": {"schemas": schemas},
    }
    plain = json.loads(msgspec.json.encode(sample))

    Draft202012Validator(root).validate(plain)
    with pytest.raises(ValidationError):
        Draft202012Validator(root).validate({**plain, "seq": "one"})


@pytest.mark.tools
def test_the_asyncapi_document_is_one_by_the_schema_of_asyncapi() -> None:
    if not ASYNCAPI_SCHEMA.is_file():
        missing(f"{ASYNCAPI_SCHEMA} is not here; deploy/testing/install-tools.sh fetches it")
    schema = json.loads(ASYNCAPI_SCHEMA.read_text())
    document = json.loads(ASYNCAPI.read_text())

    Draft7Validator(schema).validate(document)
    document["channels"]["sse"]["adress"] = "/v1/events"
    with pytest.raises(ValidationError):
        Draft7Validator(schema).validate(document)


def test_the_addresses_of_the_asyncapi_document_name_their_parameters() -> None:
    for name, channel in asyncapi_document()["channels"].items():
        named = re.findall(r"{(\w+)}", channel["address"] or "")

        assert named == list(channel.get("parameters", {})), name


def test_the_openapi_document_is_one_by_the_schema_of_openapi() -> None:
    document = json.loads(SNAPSHOT.read_text())

    OpenAPIV31SpecValidator(document).validate()
    del document["paths"]["/v1/taste"]["get"]["responses"]["200"]["description"]
    with pytest.raises(OpenAPIValidationError):
        OpenAPIV31SpecValidator(document).validate()


def test_the_documents_are_served(system: System) -> None:
    client = system.start_gateway().client

    assert client.get("/asyncapi.json").json() == json.loads(ASYNCAPI.read_text())
    assert client.get("/openapi.json").json() == json.loads(SNAPSHOT.read_text())


def test_the_openapi_document_does_not_depend_on_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOODCUE_GATEWAY_PORT", "no number")

    assert main(["openapi", "--check", str(SNAPSHOT)]) == 0


def test_a_stale_openapi_document_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "openapi.json"
    stale.write_text("{}")

    assert main(["openapi", "--check", str(stale)]) == 1
    assert "moodcue-gateway openapi >" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "struct"),
    [
        (RecommendationModel, Recommendation),
        (SongMatchModel, SongMatch),
        (WindowModel, EmotionWindow),
        (TrackModel, TrackEmotion),
        (OptedOutModel, OptedOut),
        (GuidanceModel, Guidance),
        (LeastChangeModel, LeastChange),
        (LikingModel, Liking),
        (TasteEntryModel, TasteEntry),
    ],
)
def test_the_http_models_have_all_fields_of_the_events(
    model: type[BaseModel], struct: type[msgspec.Struct]
) -> None:
    assert set(model.model_fields) - {"type"} == set(struct.__struct_fields__)
