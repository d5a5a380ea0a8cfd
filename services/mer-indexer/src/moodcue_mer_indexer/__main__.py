"""Run the command as `python -m moodcue_mer_indexer`."""

import sys

from moodcue_mer_indexer.cli import main

if __name__ == "__main__":
    sys.exit(main())
