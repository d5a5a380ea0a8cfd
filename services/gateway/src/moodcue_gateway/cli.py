"""The `moodcue-gateway` command."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from moodcue import __version__
from moodcue.lifecycle import run_command
from moodcue.settings import load_settings
from moodcue_gateway.app import run
from moodcue_gateway.asyncapi import asyncapi_text
from moodcue_gateway.openapi import openapi_text
from moodcue_gateway.settings import GatewaySettings

_NAME = "moodcue-gateway"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog=_NAME, description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("run", help="start the service; settings come from the environment")
    serve.set_defaults(command=lambda _: run(load_settings(GatewaySettings)))
    for name, text in (("openapi", openapi_text), ("asyncapi", asyncapi_text)):
        document = commands.add_parser(name, help=f"print the document of {name}")
        document.add_argument(
            "--check", type=Path, metavar="FILE", help="fail unless FILE holds just that"
        )
        document.set_defaults(command=partial(_document, name, text))
    options = parser.parse_args(arguments)
    return run_command(_NAME, lambda: int(options.command(options)))


def _document(name: str, make_text: Callable[[], str], options: argparse.Namespace) -> int:
    text = make_text()
    if options.check is None:
        print(text, end="")
        return 0
    if options.check.is_file() and options.check.read_text() == text:
        return 0
    print(
        f"{options.check} is not up to date; write it: moodcue-gateway {name} > {options.check}",
        file=sys.stderr,
    )
    return 1
