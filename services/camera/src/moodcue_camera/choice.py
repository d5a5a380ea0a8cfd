"""One setting names the source; this makes the camera that it means."""

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from moodcue.identity import system_clock
from moodcue_camera.camera import Camera, LiveCamera, MediaCamera
from moodcue_camera.files import PICTURE_SUFFIXES, PictureFolder, VideoFile
from moodcue_camera.live import Capture, LiveReader, open_stream, open_webcam
from moodcue_camera.metrics import CameraMetrics
from moodcue_camera.moods import parse_moods
from moodcue_camera.pacing import Backoff
from moodcue_camera.settings import CameraSettings
from moodcue_camera.sources import LiveSource, MediaSource, SourceError, mask_credentials
from moodcue_camera.synthetic import SyntheticPeople

_DEVICE = re.compile(r"(?:/dev/video)?(\d{1,3})")
_URL = re.compile(r"(?:rtsps?|https?)://\S+", re.IGNORECASE)


def make_camera(settings: CameraSettings, *, metrics: CameraMetrics) -> Camera:
    """Make the camera that the settings ask for; it is not open yet.

    Raises:
        SourceError: if the setting names nothing that can be a source.
    """
    backoff = Backoff(
        first_seconds=settings.retry_first_seconds, longest_seconds=settings.retry_longest_seconds
    )
    live = _live_source(settings, backoff=backoff, metrics=metrics)
    if live is not None:
        if settings.pace == "workers":
            raise SourceError(
                f"MOODCUE_CAMERA_PACE=workers does not suit {live.name}: it runs in its own "
                "time; set MOODCUE_CAMERA_PACE=media"
            )
        return LiveCamera(live, rate=settings.rate)
    return MediaCamera(
        _media_source(settings),
        rate=settings.rate,
        loop=settings.loop,
        backoff=backoff,
        clock=system_clock,
        monotonic=time.monotonic,
        metrics=metrics,
    )


def _live_source(
    settings: CameraSettings, *, backoff: Backoff, metrics: CameraMetrics
) -> LiveSource | None:
    opener: Callable[[], Capture]
    if (device := _DEVICE.fullmatch(settings.source)) is not None:
        name, opener = f"webcam {device[1]}", partial(open_webcam, int(device[1]))
    elif _URL.fullmatch(settings.source):
        name, opener = mask_credentials(settings.source), partial(open_stream, settings.source)
    else:
        return None
    return LiveReader(
        name,
        open_capture=opener,
        backoff=backoff,
        clock=system_clock,
        on_retry=metrics.reconnected,
    )


def _media_source(settings: CameraSettings) -> MediaSource:
    if settings.source == "synthetic":
        return SyntheticPeople(
            parse_moods(settings.moods), seed=settings.seed, people=settings.people
        )
    path = Path(settings.source).expanduser()
    if path.is_dir() or (path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES):
        return PictureFolder(path, picture_seconds=settings.picture_seconds)
    if path.is_file():
        return VideoFile(path)
    raise SourceError(
        f"MOODCUE_CAMERA_SOURCE={settings.source}: no such file or folder; give 'synthetic', a "
        "webcam's number, a path that exists, or an rtsp:// or http:// URL"
    )
