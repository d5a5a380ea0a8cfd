"""What the demo starts."""

from demo import services


def names(camera: str) -> list[str]:
    return [child.name for child in services(2, camera=camera)]


def test_where_browsers_are_the_cameras_no_other_is_started() -> None:
    assert "camera" in names("synthetic")
    assert set(names("synthetic")) - set(names("browser")) == {"camera"}
