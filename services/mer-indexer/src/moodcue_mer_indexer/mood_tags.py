"""The mood fields of an audio file: how ID3, Vorbis comments, MP4 and ASF hold them.

The mood has the field that each format, or the taggers for it, have for it: TMOO, MOOD,
``----:com.apple.iTunes:MOOD``, WM/Mood. Valence and arousal have none, so they are custom fields.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import mutagen
from mutagen.asf import ASFTags
from mutagen.flac import FLAC
from mutagen.id3 import ID3, TMOO, TXXX, Encoding
from mutagen.mp4 import MP4FreeForm, MP4Tags
from mutagen.ogg import OggFileType

from moodcue.errors import MoodcueError
from moodcue.moods import QUADRANT_WORDS
from moodcue.taxonomy import quadrant_of

MOOD: Final = "MOOD"
VALENCE: Final = "MOODCUE_VALENCE"
AROUSAL: Final = "MOODCUE_AROUSAL"
FIELDS: Final = (MOOD, VALENCE, AROUSAL)

_DECIMALS = 2
_ID3V1_BYTES = 128
_DAMAGE: Final = (mutagen.MutagenError, LookupError, ValueError)
"""What mutagen raises for damaged tags: its own errors, and in places what it stumbled over."""


class TagError(MoodcueError):
    """A file whose tags cannot be written; the text has the reason and the remedy."""


def mood_fields(*, valence: float, arousal: float, sure: bool) -> dict[str, str]:
    """Return the fields of a song by their names.

    Args:
        valence: -1 to 1.
        arousal: -1 to 1.
        sure: Whether the quadrant is sure enough to be named; else there is no mood.
    """
    rounded = {VALENCE: _number(valence), AROUSAL: _number(arousal)}
    return {MOOD: _mood_at(rounded), **rounded} if sure else rounded


def _number(value: float) -> str:
    # Adding 0 makes -0.00 a 0.00.
    return f"{round(value, _DECIMALS) + 0:.{_DECIMALS}f}"


def _mood_at(fields: Mapping[str, str]) -> str:
    quadrant = quadrant_of(valence=float(fields[VALENCE]), arousal=float(fields[AROUSAL]))
    return QUADRANT_WORDS[quadrant][0].capitalize()


class MoodFields:
    """The tags of a file, opened to read and write its mood.

    Args:
        path: Of the file.

    Raises:
        TagError: Its format has no tags, or they cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = _opened(path)
        except _DAMAGE as error:
            raise TagError(f"its tags cannot be read ({error}); it is left as it is") from error
        self._tags = self._file.tags
        self._keys = _keys(self._file)

    def read(self) -> dict[str, str]:
        """Return the fields that are there."""
        return {
            name: _text(self._tags[key]) for name, key in self._keys.items() if key in self._tags
        }

    def others(self) -> dict[str, str]:
        """Return everything else in the tags, pictures too, fit to be compared."""
        others = set(self._tags.keys()) - set(self._keys.values())
        values = {key: repr(self._tags[key]) for key in others}
        pictures = [picture.write() for picture in getattr(self._file, "pictures", ())]
        unknown = getattr(self._tags, "unknown_frames", [])
        return {**values, "pictures": repr(pictures), "unknown": repr(unknown)}

    def foreign_mood(self) -> str:
        """Return the mood that somebody else has written, or nothing.

        A mood is ours if it is the one that belongs to the valence and arousal beside it.
        """
        fields = self.read()
        mood = fields.get(MOOD, "")
        try:
            return "" if mood == _mood_at(fields) else mood
        except (KeyError, ValueError):
            return mood

    def has(self, fields: Mapping[str, str]) -> bool:
        """Return whether `replace` would change nothing."""
        kept = {MOOD} if self.foreign_mood() else set()
        ours = {name: text for name, text in self.read().items() if name not in kept}
        return ours == {name: text for name, text in fields.items() if name not in kept}

    def replace(self, fields: Mapping[str, str]) -> None:
        """Put these fields in the place of ours; the mood of somebody else stays.

        Args:
            fields: Those of `mood_fields`; none take ours out.
        """
        kept = {MOOD} if self.foreign_mood() else set()
        for name, key in self._keys.items():
            if name in kept:
                continue
            if name in fields:
                self._put(key, fields[name])
            elif key in self._tags:
                del self._tags[key]

    def save(self) -> None:
        """Write the tags into the file, in the version of ID3 that they had.

        Raises:
            TagError: They cannot be written.
        """
        try:
            if isinstance(self._tags, ID3):
                _save_id3(self._path, self._file)
            else:
                self._file.save()
        except _DAMAGE as error:
            raise TagError(f"its tags cannot be written ({error}); it is left as it is") from error

    def _put(self, key: str, text: str) -> None:
        tags = self._tags
        if isinstance(tags, ID3):
            # What is written is ASCII, which every version and reader knows as Latin 1.
            plain = {"encoding": Encoding.LATIN1, "text": [text]}
            description = key.partition(":")[2]
            tags[key] = TXXX(desc=description, **plain) if description else TMOO(**plain)
        elif isinstance(tags, MP4Tags):
            tags[key] = [MP4FreeForm(text.encode())]
        else:
            tags[key] = [text]


def _opened(path: Path) -> Any:
    """Open a file with tags that are as they are in it, and none from elsewhere."""
    file = mutagen.File(path)
    if file is None:
        raise TagError("its kind of file is not known; it is left as it is")
    if isinstance(file.tags, ID3):
        if file.tags.version[:2] == (2, 2):
            raise TagError("it has ID3 2.2, which is only read; save it with 2.3 or 2.4 first")
        if file.tags.version[0] == 2:  # noqa: PLR2004 - ID3v2; of ID3v1 alone a copy is made
            kind: Any = type(file)
            file = kind(path, translate=False, load_v1=False)
    if file.tags is None:
        try:
            file.add_tags()
        except (mutagen.MutagenError, NotImplementedError) as error:
            raise TagError("its format has no place for tags; convert it to M4A or MP3") from error
    return file


def _keys(file: Any) -> dict[str, str]:
    """Return what the fields are called in the tags of a file."""
    tags = file.tags
    custom = (VALENCE, AROUSAL)
    if isinstance(tags, ID3):
        # ID3 2.3 has no frame for a mood.
        mood = "TXXX:MOOD" if tags.version[:2] == (2, 3) else "TMOO"
        keys = {MOOD: mood, **{name: f"TXXX:{name}" for name in custom}}
    elif isinstance(tags, MP4Tags):
        keys = {name: f"----:com.apple.iTunes:{name}" for name in FIELDS}
    elif isinstance(tags, ASFTags):
        keys = {MOOD: "WM/Mood", **{name: name for name in custom}}
    elif isinstance(file, FLAC | OggFileType):
        keys = {name: name for name in FIELDS}
    else:
        raise TagError("its kind of tags is not known; it is left as it is")
    # Others may write them in other cases, and one file should not have a mood twice.
    there = {key.lower(): key for key in set(tags.keys())}
    return {name: there.get(key.lower(), key) for name, key in keys.items()}


def _text(value: Any) -> str:
    first = next(iter(getattr(value, "text", value)), "")
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)


def _save_id3(path: Path, file: Any) -> None:
    old = file.tags.version[:2] == (2, 3)
    with path.open("rb") as raw:
        raw.seek(-min(_ID3V1_BYTES, path.stat().st_size), os.SEEK_END)
        ending = raw.read()
    file.save(v2_version=3 if old else 4, v23_sep=None)
    if ending.startswith(b"TAG"):
        # It was made anew from the frames; the listener's may say something else.
        with path.open("r+b") as raw:
            raw.seek(-_ID3V1_BYTES, os.SEEK_END)
            raw.write(ending)
