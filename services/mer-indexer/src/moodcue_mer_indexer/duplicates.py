"""Fold the files of one recording into its best one."""

from collections.abc import Iterable

from moodcue_mer_indexer.analysis import Analysed
from moodcue_mer_indexer.fingerprint import recordings
from moodcue_mer_indexer.tags import is_lossless


def find_duplicates(analysed: Iterable[tuple[str, Analysed]]) -> dict[str, tuple[str, ...]]:
    """Return the best file of every recording that is there more than once, and its others.

    Lossless files are better than lossy ones, then higher bit rates than lower ones, then the
    first by path.

    Args:
        analysed: Files by path, with what was found.

    Returns:
        The others by path of the best one.
    """
    ranked: list[tuple[bool, int, str]] = []
    fingerprints: list[bytes] = []
    seconds: list[float] = []
    for path, found in analysed:
        more = found.tags.more
        ranked.append((not is_lossless(more), -(more.bitrate_kbps or 0), path))
        fingerprints.append(found.fingerprint)
        seconds.append(found.tags.duration_seconds)
    groups = (
        sorted(ranked[place] for place in group)
        for group in recordings(fingerprints, seconds=seconds)
    )
    return {best: tuple(path for *_, path in others) for (*_, best), *others in groups}
