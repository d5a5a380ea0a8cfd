"""Run with `python -m moodcue_broker`."""

import sys

from moodcue_broker.cli import main

sys.exit(main())
