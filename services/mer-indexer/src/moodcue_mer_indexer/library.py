"""Find the audio files of a music folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from moodcue.errors import MoodcueError
from moodcue_mer_indexer.audio import AUDIO_SUFFIXES


class LibraryError(MoodcueError):
    """A music folder that cannot be indexed."""


@dataclass(frozen=True, kw_only=True)
class LibraryFile:
    """An audio file as the scan found it.

    Attributes:
        relative: Path from the music folder, with forward slashes.
        path: The file.
        size: Bytes.
        mtime_ns: Time of the last change.
    """

    relative: str
    path: Path
    size: int
    mtime_ns: int


def scan_library(root: Path) -> Iterator[LibraryFile]:
    """Yield the audio files below a folder, folders and files each in order of their names.

    Links to folders are followed, but no folder is entered twice. Names that begin with a dot
    are passed over, as are files and folders that vanish meanwhile or may not be read.

    Raises:
        LibraryError: The folder does not exist.
    """
    if not root.is_dir():
        raise LibraryError(f"{root} is no folder; give the folder that holds the music")
    entered: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        identity = (status.st_dev, status.st_ino)
        if identity in entered:
            subfolders.clear()
            continue
        entered.add(identity)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and path.suffix.lower() in AUDIO_SUFFIXES:
                file = library_file(path, root=root)
                if file is not None:
                    yield file


def library_file(path: Path, *, root: Path) -> LibraryFile | None:
    """Return a file below the root as it is now; None for a dangling link or one that is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return LibraryFile(
        relative=path.relative_to(root).as_posix(),
        path=path,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )
