from pathlib import Path

import msgspec
import pytest
from pydantic import BaseModel

from moodcue.events import (
    EmotionWindow,
    Guidance,
    Liking,
    OptedOut,
    Recommendation,
    SongMatch,
    TasteEntry,
    TrackEmotion,
)
from moodcue_gateway.cli import main
from moodcue_gateway.schemas import (
    GuidanceModel,
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


def test_the_openapi_document_in_the_tree_is_up_to_date() -> None:
    assert main(["openapi", "--check", str(SNAPSHOT)]) == 0


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
        (LikingModel, Liking),
        (TasteEntryModel, TasteEntry),
    ],
)
def test_the_http_models_have_all_fields_of_the_events(
    model: type[BaseModel], struct: type[msgspec.Struct]
) -> None:
    assert set(model.model_fields) - {"type"} == set(struct.__struct_fields__)
