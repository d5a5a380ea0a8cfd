"""The `moodcue-camera` command."""

import argparse

from moodcue import __version__
from moodcue.lifecycle import run_command
from moodcue.settings import load_settings
from moodcue_camera.app import run
from moodcue_camera.settings import CameraSettings

_NAME = "moodcue-camera"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog=_NAME, description="Moodcue's camera")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("run", help="send frames until stopped; settings: MOODCUE_CAMERA_...")
    parser.parse_args(arguments)
    return run_command(_NAME, lambda: run(load_settings(CameraSettings)))
