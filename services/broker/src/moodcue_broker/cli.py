"""The `moodcue-broker` command."""

import argparse

from moodcue import __version__
from moodcue.lifecycle import run_command
from moodcue.settings import load_settings
from moodcue_broker.app import run
from moodcue_broker.settings import BrokerSettings

_NAME = "moodcue-broker"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog=_NAME, description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("run", help="start the service; settings come from the environment")
    parser.parse_args(arguments)
    return run_command(_NAME, lambda: run(load_settings(BrokerSettings)))
