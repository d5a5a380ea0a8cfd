"""Change the tags of an audio file so that nothing else of it changes, or nothing at all."""

import hashlib
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import av

from moodcue_mer_indexer.durability import flush
from moodcue_mer_indexer.mood_tags import MoodFields, TagError

_COPY = ".moodcue-partial"
"""One at a time in a folder, hidden from scans; the next run writes over what a kill has left."""


def rewrite_mood(path: Path, fields: Mapping[str, str]) -> None:
    """Put mood fields into a file, in the place of those that are ours.

    A copy beside the file is changed, compared with it packet by packet and tag by tag, flushed,
    and takes its place by one rename. Owner, permissions and extended attributes stay; the time
    of the last change is that of now, by which players see that there is something new.

    Args:
        path: The file; of a link, what it leads to is changed.
        fields: Those of `moodcue_mer_indexer.mood_tags.mood_fields`; none take ours out.

    Raises:
        TagError: It cannot be done; the file is as it was.
    """
    target = path.resolve()
    copy = target.with_name(f"{_COPY}{target.suffix}")
    try:
        before = target.stat()
        if not before.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
            raise TagError("it is read-only; allow writing, if you want it changed")
        shutil.copyfile(target, copy)
        _change(copy, fields)
        if _sound(copy) != _sound(target) or _others(copy) != _others(target):
            raise TagError("more than its mood would change; it is left as it is")
        _take_place(copy, target, before=before)
    except OSError as error:
        raise TagError(f"it cannot be written ({error.strerror}); it is left as it is") from error
    except av.FFmpegError as error:
        raise TagError(f"its sound cannot be compared ({error}); it is left as it is") from error
    finally:
        copy.unlink(missing_ok=True)


def _change(copy: Path, fields: Mapping[str, str]) -> None:
    tags = MoodFields(copy)
    tags.replace(fields)
    tags.save()


def _others(path: Path) -> dict[str, str]:
    return MoodFields(path).others()


def _sound(path: Path) -> bytes:
    """Return a digest of the encoded packets of the sound."""
    digest = hashlib.blake2b()
    # Tags in another encoding than they say are no concern of the sound.
    with av.open(str(path), metadata_errors="replace") as container:
        for packet in container.demux(*container.streams.audio):
            digest.update(bytes(packet))
    return digest.digest()


def _take_place(copy: Path, target: Path, *, before: os.stat_result) -> None:
    shutil.copystat(target, copy)
    with suppress(PermissionError):
        os.chown(copy, before.st_uid, before.st_gid)
    os.utime(copy)
    flush(copy)
    now = target.stat()
    if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise TagError("it was changed meanwhile; run the command again")
    copy.replace(target)
    flush(target.parent)
