import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodcue.errors import ModelError, ProtocolError
from moodcue.events import AnyEvent, EmotionWindow, HoldReason, Recommendation, SongMatch
from moodcue.identity import host_name, new_id, new_trace
from moodcue.lifecycle import run_command, stop_on_signals
from moodcue.model_folder import ModelManifest, load_manifest, sha256_of, write_manifest
from moodcue.sequence import SequenceTracker
from moodcue.taxonomy import (
    EMOTIONS,
    VALENCE_AROUSAL,
    dominant_emotion,
    emotions_at,
    quadrant_of,
    valence_arousal_of,
    vector_from_mapping,
)
from moodcue.telling import as_text
from moodcue.topics import Family, family_of, topic


def test_a_topic_ends_with_a_slash_so_that_no_other_name_begins_with_it() -> None:
    assert topic(Family.FRAME, "cam1") == "frame/cam1/"
    assert not topic(Family.FRAME, "cam10").startswith(topic(Family.FRAME, "cam1"))


@pytest.mark.parametrize("name", ["", "a/b", "a b", "ä", "x" * 65, "-x", "../x"])
def test_names_that_would_break_a_topic_are_refused(name: str) -> None:
    with pytest.raises(ProtocolError, match="no usable name"):
        topic(Family.FRAME, name)


def test_the_family_of_a_topic_is_its_first_part() -> None:
    assert family_of("emotion-window/kitchen/") is Family.EMOTION_WINDOW
    with pytest.raises(ProtocolError, match="known"):
        family_of("gossip/")


def test_ids_sort_by_time_and_differ() -> None:
    ids = [new_id() for _ in range(1000)]

    assert len(set(ids)) == 1000
    assert [i[:12] for i in ids] == sorted(i[:12] for i in ids)
    assert {len(i) for i in ids} == {len(new_trace())} == {32}


def test_the_host_name_may_stand_in_a_topic() -> None:
    assert topic(Family.STATUS, "fer", host_name())


@given(st.dictionaries(st.sampled_from(EMOTIONS), st.floats(0.01, 100), min_size=1))
def test_named_weights_become_seven_probabilities(weights: dict[str, float]) -> None:
    vector = vector_from_mapping(weights)

    assert sum(vector) == pytest.approx(1)
    assert dominant_emotion(vector) in weights
    assert all(-1 <= x <= 1 for x in valence_arousal_of(vector))


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"joy": 1.0}, "unknown emotion 'joy'"),
        ({"anger": -1.0}, "weight of anger is -1"),
        ({"anger": float("nan")}, "weight of anger is nan"),
        ({}, "give at least one"),
        ({"anger": 0.0}, "give at least one"),
    ],
)
def test_weights_that_make_no_vector_are_refused(weights: dict[str, float], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        vector_from_mapping(weights)


@pytest.mark.parametrize(
    ("emotion", "quadrant"),
    [("happiness", "Q1"), ("surprise", "Q1"), ("anger", "Q2"), ("fear", "Q2"), ("sadness", "Q3")],
)
def test_basic_emotions_lie_in_their_quadrants(emotion: str, quadrant: str) -> None:
    valence, arousal = valence_arousal_of(vector_from_mapping({emotion: 1}))

    assert quadrant_of(valence=valence, arousal=arousal) == quadrant


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_the_point_of_an_emotion_is_led_by_it(emotion: str) -> None:
    valence, arousal = VALENCE_AROUSAL[emotion]

    vector = emotions_at(valence=valence, arousal=arousal)

    assert sum(vector) == pytest.approx(1)
    assert dominant_emotion(vector) == emotion


def test_calm_is_mostly_neutral_and_a_little_happy() -> None:
    vector = dict(zip(EMOTIONS, emotions_at(valence=0.8, arousal=-0.8), strict=True))

    assert vector["neutral"] > 0.7 > vector["happiness"] > 0.1


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_every_point_gives_seven_probabilities(valence: float, arousal: float) -> None:
    seven = emotions_at(valence=valence, arousal=arousal)

    assert sum(seven) == pytest.approx(1)
    assert min(seven) > 0


def test_a_point_outside_the_plane_is_refused() -> None:
    with pytest.raises(ProtocolError, match=r"arousal is 1\.5"):
        emotions_at(valence=0, arousal=1.5)


def test_any_number_of_signals_sets_the_stop_once_and_locks_nothing() -> None:
    with stop_on_signals((signal.SIGUSR1,)) as stop:
        for _ in range(2000):
            signal.raise_signal(signal.SIGUSR1)
            stop.wait(0)
        assert stop.wait(10)


def test_what_came_twice_or_went_missing_is_seen() -> None:
    sequence = SequenceTracker()

    assert sequence.accept("t/", "a", 5)
    assert not sequence.accept("t/", "a", 5)
    assert sequence.accept("t/", "b", 1)
    assert sequence.missing_before("t/", "a", 9) == 3
    assert sequence.accept("t/", "a", 9)
    assert not sequence.accept("t/", "a", 7)
    assert sequence.lost == 3


def test_the_sources_that_are_remembered_are_bounded() -> None:
    sequence = SequenceTracker(max_sources=2)
    for source in ("a", "b", "c"):
        sequence.accept("t/", source, 1)

    assert [sequence.last("t/", source) for source in ("a", "b", "c")] == [0, 1, 1]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(b"weights")
    manifest = ModelManifest(
        name="m",
        version="1",
        sha256=sha256_of(tmp_path / "model.onnx"),
        labels=("a", "b"),
        input={"size": 48},
        training={},
        metrics={},
    )
    write_manifest(tmp_path, manifest)
    return tmp_path


def test_a_model_folder_reads_back(model: Path) -> None:
    assert load_manifest(model, labels=["a", "b"]).input == {"size": 48}


def test_other_weights_than_the_manifest_names_are_refused(model: Path) -> None:
    (model / "model.onnx").write_bytes(b"others")

    with pytest.raises(ModelError, match="sha256"):
        load_manifest(model, labels=["a", "b"])


def test_labels_in_another_order_are_refused(model: Path) -> None:
    with pytest.raises(ModelError, match="b, a"):
        load_manifest(model, labels=["b", "a"])


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_missing_file_of_a_model_is_named(model: Path, name: str) -> None:
    (model / name).unlink()

    with pytest.raises(ModelError, match=name):
        load_manifest(model, labels=["a", "b"])


def test_a_damaged_manifest_is_refused(model: Path) -> None:
    (model / "manifest.json").write_text('{"name": 1}')

    with pytest.raises(ModelError, match="not a model manifest"):
        load_manifest(model, labels=["a", "b"])


def recommendation(**fields: object) -> Recommendation:
    common = {"id": "i", "source": "s", "seq": 1, "time": 0, "trace": "", "camera": "kitchen"}
    return msgspec.convert({"type": "recommendation.v1", **common, **fields}, Recommendation)


def test_people_read_the_emotion_and_the_songs() -> None:
    song = SongMatch(
        song="0" * 16,
        title="Title",
        artist="Artist",
        path="p",
        score=0.9,
        emotions=(0, 0, 0, 1, 0, 0, 0),
        valence=0,
        arousal=0,
    )
    event = msgspec.structs.replace(
        recommendation(emotion="happiness", confidence=0.7), songs=(song,)
    )

    assert "kitchen: happiness, confidence 70%" in as_text(event)
    assert "1. 0.90  Title - Artist" in as_text(event)


def test_people_read_why_there_are_no_songs() -> None:
    held = recommendation(hold="too_dark", detail="switch on a lamp")
    assert "kitchen: no songs, too dark: switch on a lamp" in as_text(held)


def test_people_read_the_mode_that_leads() -> None:
    event = recommendation(emotion="sadness", confidence=0.7, mode="calm")
    assert "kitchen: sadness, confidence 70%, calm" in as_text(event)


def test_people_read_what_was_asked_for_and_not_the_emotion_nearest_to_it() -> None:
    calm = {"request": "r", "emotion": "neutral", "confidence": 1, "place": (0.6, -0.7)}

    assert as_text(recommendation(**calm)).endswith("kitchen: calm music, as asked for")
    of_a_window = recommendation(**calm, window="w")
    assert "kitchen: neutral, confidence 100%" in as_text(of_a_window)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            {"type": "recommendation_request.v1", "mood": "calm", "mode": "lift"},
            "mood calm, mode lift",
        ),
        ({"type": "recommendation_request.v1", "point": (0.5, -1)}, "asks for point 0.5,-1"),
        ({"type": "recommendation_request.v1", "opt_out": 3}, "asks for opt-out of person 3"),
        (
            {"type": "recommendation_request.v1", "reset_taste": True},
            "asks for forgetting the taste",
        ),
        ({"type": "taste.v1"}, "kitchen: feedback on 0 songs and artists"),
        (
            {"type": "index_published.v1", "generation": "g7", "songs": 36, "model_sha256": ""},
            "a library of 36 songs, generation g7",
        ),
    ],
)
def test_people_read_every_kind_of_event(event: dict[str, object], said: str) -> None:
    common = {"id": "i", "source": "s", "seq": 1, "time": 0, "trace": "", "camera": "kitchen"}
    assert said in as_text(msgspec.convert({**common, **event}, AnyEvent))


def test_people_read_why_a_window_holds() -> None:
    window = EmotionWindow(
        id="i",
        source="s",
        seq=1,
        time=0,
        trace="",
        camera="kitchen",
        start=0,
        end=1,
        frames_expected=1,
        frames_seen=0,
        frames_with_face=0,
        coverage=0,
        confidence=0,
        hold=HoldReason.NOBODY,
    )

    assert "kitchen: hold, nobody" in as_text(window)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/dev/full", "No space left on device: make room, then run the same command again"),
        ("nowhere/x", "nowhere/x: No such file or directory: name one that is there"),
    ],
)
def test_an_error_of_the_system_is_one_line_with_a_remedy(
    path: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("moodcue-x", lambda: Path(path).write_text("x")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("moodcue-x: ")
    assert told in line


def test_an_array_that_does_not_fit_on_the_disk_has_a_remedy_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def save() -> int:
        raise OSError("100000 requested and 0 written")  # as NumPy does

    assert run_command("moodcue-x", save) == 1
    assert "requested and 0 written: make room" in capsys.readouterr().err


def test_a_reader_of_the_output_that_has_gone_ends_a_command_without_a_word() -> None:
    code = (
        "import sys; from moodcue.lifecycle import run_command\n"
        "sys.exit(run_command('x', lambda: [print('x', flush=True) for _ in range(9999)] and 0))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE
