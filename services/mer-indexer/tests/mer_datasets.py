"""A small dataset in the layout of 4Q, of sounds made here."""

import csv
from pathlib import Path

import numpy as np
from mer_sounds import write_audio

from moodcue.taxonomy import QUADRANTS


def make_dataset(folder: Path, *, songs: int, seconds: float = 3.0, seed: int = 0) -> Path:
    """Write noises whose level and colour follow their quadrant, one artist each."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(songs):
        quadrant = QUADRANTS[number % len(QUADRANTS)]
        level = 0.3 if quadrant in {"Q1", "Q2"} else 0.02
        sound = generator.normal(0, level, (int(16_000 * seconds), 1))
        if quadrant in {"Q3", "Q4"}:
            sound = np.cumsum(sound, axis=0) * 0.05
        name = f"{number:02d}.flac"
        clipped = np.clip(sound, -1, 1).astype(np.float32)
        write_audio(folder / name, sound=clipped, rate=16_000)
        rows.append({"file": name, "quadrant": quadrant, "artist": f"artist {number}"})
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=["file", "quadrant", "artist"])
        writer.writeheader()
        writer.writerows(rows)
    return folder
