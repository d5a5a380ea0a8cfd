import msgspec
import pytest

from moodcue.codec import Message
from moodcue.errors import ProtocolError, SettingsError
from moodcue.events import EmotionWindow, Event, Face, FaceEmotion, FrameStatus
from moodcue.settings import load_settings
from moodcue_aggregator.checks import check_face_emotion, check_past_window
from moodcue_aggregator.settings import AggregatorSettings

PREFIX = "MOODCUE_AGGREGATOR_"


def test_seconds_become_nanoseconds_and_thresholds_reach_the_rules() -> None:
    settings = load_settings(AggregatorSettings, {})
    rules, holds = settings.window_rules(), settings.hold_rules()
    assert (rules.length, rules.lateness, rules.idle_grace) == (
        15_000_000_000,
        1_000_000_000,
        2_000_000_000,
    )
    assert (rules.tracks.silence, rules.tracks.memory) == (2_000_000_000, 120_000_000_000)
    assert rules.tracks.max_remembered == 16
    assert (rules.max_cameras, rules.max_frames) == (64, 20_000)
    assert (holds.min_coverage, holds.min_confidence) == (0.2, 0.45)
    assert (holds.disagreement_distance, holds.majority_share) == (0.6, 0.6)


@pytest.mark.parametrize(
    ("name", "value"), [("WINDOW_SECONDS", "0.5"), ("WINDOW_SECONDS", "601"), ("MAX_CAMERAS", "0")]
)
def test_a_value_out_of_bounds_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsError, match=f"{PREFIX}{name}={value}"):
        load_settings(AggregatorSettings)


FACES = FaceEmotion(
    id="a",
    source="fer/1",
    seq=1,
    time=1,
    trace="",
    camera="kitchen",
    frame_id="f",
    frame_seq=1,
    rate=5,
    width=640,
    height=480,
    status=FrameStatus.OK,
)
WINDOW = EmotionWindow(
    id="w",
    source="aggregator/1",
    seq=1,
    time=15,
    trace="",
    camera="kitchen",
    start=0,
    end=15,
    frames_expected=0,
    frames_seen=0,
    frames_with_face=0,
    coverage=0,
    confidence=0,
)
FACE = Face(box=(0, 0, 9, 9), score=1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"camera": "hall"}, "'hall' came on topic 'face-emotion/kitchen/'"),
        ({"labels": "basic-8"}, "'basic-8' is unknown"),
        ({"rate": float("inf")}, "inf frames per second"),
        ({"time": 2**63}, "9223372036854775808 lies beyond"),
        ({"faces": (FACE,) * 101}, "101 faces"),
        ({"faces": (FACE,), "width": 0}, "0 x 480"),
        ({"faces": (Face(box=(1, 2, 0, 4), score=1),)}, r"\(1, 2, 0, 4\) has no area"),
        ({"faces": (Face(box=(1, 2, 3, 4), score=1, appearance=(0.5, float("nan"))),)}, "nan"),
        ({"faces": (Face(box=(1, 2, 3, 4), score=1, appearance=(1e9,)),)}, "figure 1e.09 of"),
        ({"faces": (Face(box=(1, 2, 3, 4), score=1, probabilities=(0.0,) * 7),)}, "all zero"),
    ],
)
def test_unusable_faces_are_refused_with_the_value(changes: dict[str, object], words: str) -> None:
    event = msgspec.structs.replace(FACES, **changes)
    with pytest.raises(ProtocolError, match=words):
        check_face_emotion(Message("face-emotion/kitchen/", event))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"end": 0}, "from 0 to 0"),
        ({"end": 2**63}, "is none"),
        ({"frames_expected": 10**9}, "1000000000 frames expected"),
        ({"seq": 2**60}, "numbered 1152921504606846976"),
    ],
)
def test_unusable_past_windows_are_refused_with_the_value(
    changes: dict[str, object], words: str
) -> None:
    event = msgspec.structs.replace(WINDOW, **changes)
    with pytest.raises(ProtocolError, match=words):
        check_past_window(Message("emotion-window/kitchen/", event))


def test_events_of_another_type_are_refused() -> None:
    faces: Event = FACES
    assert check_face_emotion(Message("face-emotion/kitchen/", FACES)) is faces
    with pytest.raises(ProtocolError, match="EmotionWindow, not FaceEmotion"):
        check_face_emotion(Message("face-emotion/kitchen/", WINDOW))
    with pytest.raises(ProtocolError, match="FaceEmotion, not EmotionWindow"):
        check_past_window(Message("emotion-window/kitchen/", FACES))
