"""What the commands print: one JSON object per line."""

import json
import sys
from collections.abc import Iterable
from typing import Any


def print_records(records: Iterable[dict[str, Any]]) -> int:
    """Print records as they come; returns the exit code, 1 if one of them tells of an error."""
    failed = False
    for record in records:
        sys.stdout.write(json.dumps(record) + "\n")
        sys.stdout.flush()
        failed = failed or "error" in record
    return 1 if failed else 0
