import json
from pathlib import Path
from typing import Any

import generate
import msgpack
import msgspec
import pytest
from samples import GUIDED, REQUESTS, SAMPLES
from settings_tables import settings_table

from moodcue.codec import decode_control, decode_event, encode, from_frames, to_frames
from moodcue.control import Control
from moodcue.errors import ProtocolError
from moodcue.events import Event
from moodcue.settings import ServiceSettings
from moodcue.taxonomy import EMOTIONS

GOLDEN = Path(__file__).resolve().parent / "golden"
PROTOCOL = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"


def tag_of(kind: type[msgspec.Struct] | msgspec.Struct) -> str:
    return str(kind.__struct_config__.tag)


def concrete(kind: type[Any]) -> set[str]:
    """The tags of everything that is derived from a base, wherever it is defined."""
    return {tag for sub in kind.__subclasses__() for tag in ({tag_of(sub)} | concrete(sub))}


def decode(data: bytes, sample: Event | Control) -> Event | Control:
    return decode_event(data) if isinstance(sample, Event) else decode_control(data)


def test_every_type_has_a_sample_and_a_golden_file() -> None:
    types = concrete(Event) | concrete(Control)

    assert {tag_of(sample) for sample in SAMPLES} == types
    assert {path.stem for path in GOLDEN.glob("*.msgpack")} == types


@pytest.mark.parametrize("sample", SAMPLES, ids=tag_of)
def test_a_golden_file_reads_as_it_did_when_its_version_was_published(
    sample: Event | Control,
) -> None:
    data = (GOLDEN / f"{tag_of(sample)}.msgpack").read_bytes()

    assert decode(data, sample) == sample


@pytest.mark.parametrize("sample", SAMPLES, ids=tag_of)
def test_any_messagepack_library_reads_an_event_as_a_map_with_its_type(
    sample: Event | Control,
) -> None:
    plain = msgpack.unpackb(encode(sample))

    assert plain["type"] == tag_of(sample)
    assert plain == json.loads(msgspec.json.encode(sample))


@pytest.mark.parametrize("sample", SAMPLES, ids=tag_of)
def test_what_another_library_packs_is_understood(sample: Event | Control) -> None:
    assert decode(msgpack.packb(msgpack.unpackb(encode(sample))), sample) == sample


@pytest.mark.parametrize("sample", SAMPLES, ids=tag_of)
def test_a_field_of_a_later_version_is_ignored(sample: Event | Control) -> None:
    plain = msgpack.unpackb(encode(sample)) | {"invented_later": [1, {"a": 2}]}

    assert decode(msgpack.packb(plain), sample) == sample


@pytest.mark.parametrize("sample", SAMPLES, ids=tag_of)
def test_fields_with_defaults_may_be_missing(sample: Event | Control) -> None:
    fields = {f.encode_name: f for f in msgspec.structs.fields(sample)}
    plain = {
        name: value
        for name, value in msgpack.unpackb(encode(sample)).items()
        if name == "type" or fields[name].required
    }

    assert tag_of(decode(msgpack.packb(plain), sample)) == tag_of(sample)


@pytest.mark.parametrize("event", [GUIDED, *REQUESTS], ids=tag_of)
def test_fields_that_came_later_travel_whole_through_another_library(event: Event) -> None:
    assert decode_event(msgpack.packb(msgpack.unpackb(encode(event)))) == event


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mode": "party"}, "mode"),
        ({"feedback": {"song": "../x", "kind": "like"}}, "song"),
        ({"feedback": {"song": "00c0ffee00c0ffee", "kind": "meh"}}, "kind"),
        ({"opt_out": 0}, "opt_out"),
        ({"point": [0.5, 1.5]}, "point"),
    ],
)
def test_a_wish_outside_of_the_contract_is_refused_with_the_name_of_the_field(
    changes: dict[str, object], named: str
) -> None:
    plain = msgpack.unpackb(encode(REQUESTS[0])) | changes

    with pytest.raises(ProtocolError, match=named):
        decode_event(msgpack.packb(plain))


def test_an_unknown_version_is_refused_by_name() -> None:
    with pytest.raises(ProtocolError, match=r"recommendation\.v99"):
        decode_event(msgpack.packb({"type": "recommendation.v99"}))


def test_a_wrong_type_is_refused_with_the_name_of_the_field() -> None:
    plain = msgpack.unpackb(encode(SAMPLES[0])) | {"width": "wide"}

    with pytest.raises(ProtocolError, match="width"):
        decode_event(msgpack.packb(plain))


@pytest.mark.parametrize("probabilities", [[0.5] * 6, [0.5] * 8, [2.0] + [0.0] * 6])
def test_a_vector_that_is_no_seven_probabilities_is_refused(probabilities: list[float]) -> None:
    window = next(s for s in SAMPLES if tag_of(s) == "emotion_window.v1")
    plain = msgpack.unpackb(encode(window)) | {"probabilities": probabilities}

    with pytest.raises(ProtocolError, match="probabilities"):
        decode_event(msgpack.packb(plain))


@pytest.mark.parametrize("sample", [s for s in SAMPLES if isinstance(s, Event)], ids=tag_of)
def test_a_picture_travels_beside_the_header_never_inside(sample: Event) -> None:
    frames = to_frames("frame/kitchen/", sample, b"\xff\xd8")

    message = from_frames(frames)

    assert (message.topic, message.event, message.body) == ("frame/kitchen/", sample, b"\xff\xd8")
    assert b"\xff\xd8" not in frames[1]


@pytest.mark.parametrize("frames", [[], [b"topic"], [b"t", b"h", b"b", b"more"], [b"\xff", b""]])
def test_messages_of_another_shape_are_refused(frames: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        from_frames(frames)


def test_the_generated_tables_of_the_documents_are_those_of_types_and_settings() -> None:
    assert generate.main(["--check"]) == 0


def test_a_table_that_is_out_of_date_is_named_and_renewed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before <!-- generated: settings --> old <!-- /generated --> after")
    monkeypatch.setattr(generate, "REPOSITORY", tmp_path)
    monkeypatch.setattr(generate, "documents", lambda: [("README.md", "settings", "new")])
    monkeypatch.setattr(generate, "whole_documents", lambda: [("whole.json", "{}")])

    assert generate.main(["--check"]) == 1
    assert "README.md, whole.json; run: make docs" in capsys.readouterr().err
    assert generate.main([]) == generate.main(["--check"]) == 0
    assert readme.read_text().split() == (
        [
            "before",
            "<!--",
            "generated:",
            "settings",
            "-->",
            "new",
            "<!--",
            "/generated",
            "-->",
            "after",
        ]
    )


def test_the_default_of_a_setting_that_the_machine_decides_is_said_in_words() -> None:
    assert "| `MOODCUE_INSTANCE` | host name |" in settings_table(ServiceSettings)


def test_the_protocol_document_gives_the_order_of_the_emotions() -> None:
    assert ", ".join(EMOTIONS) in PROTOCOL.read_text()
