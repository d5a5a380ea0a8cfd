"""Tables of labels as people and archives write them."""

import csv
from collections.abc import Collection
from pathlib import Path

from moodcue_mer_indexer.labels import DatasetError


def columns_of(table: Path) -> list[str]:
    """Return the names of the columns, without the blanks around them.

    Raises:
        DatasetError: The file cannot be read, or is not UTF-8.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            return [name.strip() for name in next(csv.reader(stream), [])]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table} cannot be read ({error}); save it as CSV in UTF-8") from error


def read_table(table: Path, *, columns: Collection[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file, without the blanks around names and values.

    Args:
        table: The file.
        columns: That must be there.

    Raises:
        DatasetError: The file cannot be read, a column or the value of one is missing in a row,
            or there is no row.
    """
    names = columns_of(table)
    missing = sorted(set(columns) - set(names))
    if missing:
        raise DatasetError(f"{table} lacks the columns {', '.join(missing)}; add them")
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.reader(stream))[1:]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table} cannot be read ({error}); save it as CSV in UTF-8") from error
    # Rows of some archives end in more values than there are columns, or in fewer.
    rows = [
        {name: value.strip() for name, value in zip(names, line, strict=False)}
        for line in lines
        if any(line)
    ]
    if not rows:
        raise DatasetError(f"{table} has no rows; add one per audio file")
    for row in rows:
        if wanting := sorted(set(columns) - row.keys()):
            raise DatasetError(
                f"{table}: the row {', '.join(row.values())!r} ends before {', '.join(wanting)}; "
                "complete it"
            )
    return rows
