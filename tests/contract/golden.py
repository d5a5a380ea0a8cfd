"""Writes the golden files: `python tests/contract/golden.py`.

A golden file is what an event looked like on the wire when its version was published. Only a new
type or version adds one; a changed one is a breaking change.
"""

from pathlib import Path

from samples import SAMPLES

from moodcue.codec import encode

GOLDEN = Path(__file__).resolve().parent / "golden"


def main() -> None:
    """Write the files that do not exist yet."""
    GOLDEN.mkdir(exist_ok=True)
    for sample in SAMPLES:
        path = GOLDEN / f"{sample.__struct_config__.tag}.msgpack"
        if not path.exists():
            path.write_bytes(encode(sample))


if __name__ == "__main__":
    main()
