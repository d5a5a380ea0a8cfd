"""Run with `python -m moodcue`."""

import sys

from moodcue.cli import main

sys.exit(main())
