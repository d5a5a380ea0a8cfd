import pytest

from moodcue.errors import SettingsError
from moodcue.settings import load_settings
from moodcue_camera.settings import CameraSettings


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> CameraSettings:
    for name, value in variables.items():
        monkeypatch.setenv(f"MOODCUE_CAMERA_{name}", value)
    return load_settings(CameraSettings)


def test_the_defaults_need_no_environment() -> None:
    settings = load_settings(CameraSettings)
    assert (settings.source, settings.rate, settings.max_size) == ("synthetic", 5, 640)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RATE", "0"),
        ("RATE", "61"),
        ("RATE", "nan"),
        ("JPEG_QUALITY", "101"),
        ("MAX_SIZE", "10"),
        ("NAME", "a/b"),
        ("PACE", "fast"),
        ("IN_FLIGHT", "0"),
        ("MOODS", "glee 20"),
        ("PEOPLE", "4"),
        ("LOOP", "perhaps"),
    ],
)
def test_a_value_out_of_bounds_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=f"MOODCUE_CAMERA_{name}={value}"):
        load(monkeypatch, **{name: value})


def test_a_password_is_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, SOURCE="rtsp://me:secret@kitchen.lan/stream")
    assert settings.masked()["source"] == "rtsp://***@kitchen.lan/stream"
    assert "secret" not in str(settings.masked())
