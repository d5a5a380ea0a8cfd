"""The `moodcue-broker` command."""

import argparse

from moodcue.lifecycle import run_command
from moodcue.settings import load_settings
from moodcue_broker.app import run
from moodcue_broker.settings import BrokerSettings


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="moodcue-broker", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("run", help="start the service; settings come from the environment")
    parser.parse_args(arguments)
    return run_command("moodcue-broker", lambda: run(load_settings(BrokerSettings)))
