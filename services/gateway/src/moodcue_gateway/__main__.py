"""Run with `python -m moodcue_gateway`."""

import sys

from moodcue_gateway.cli import main

sys.exit(main())
