"""Runs the command line: `python -m moodcue_fer`."""

import sys

from moodcue_fer.cli import main

sys.exit(main())
