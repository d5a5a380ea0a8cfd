"""`python -m moodcue_camera`."""

import sys

from moodcue_camera.cli import main

sys.exit(main())
