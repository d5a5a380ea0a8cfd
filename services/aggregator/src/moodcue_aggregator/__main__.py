"""Run with `python -m moodcue_aggregator`."""

import sys

from moodcue_aggregator.cli import main

sys.exit(main())
