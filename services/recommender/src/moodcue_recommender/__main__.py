"""Run with `python -m moodcue_recommender`."""

import sys

from moodcue_recommender.cli import main

sys.exit(main())
