from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from moodcue.taxonomy import quadrant_of
from moodcue_mer_indexer.audio import decode_audio
from moodcue_mer_indexer.composer.library import (
    ComposerError,
    Piece,
    compose_library,
    compose_piece,
    plan_library,
)
from moodcue_mer_indexer.composer.plan import MODES, Plan, make_plan
from moodcue_mer_indexer.composer.score import compose_score, form
from moodcue_mer_indexer.composer.synthesis import SAMPLE_RATE
from moodcue_mer_indexer.composer.theory import chord_classes, frequency, lead_voices
from moodcue_mer_indexer.composer.titles import Credit
from moodcue_mer_indexer.tags import read_tags

CORNERS = [(0.8, 0.8), (-0.8, 0.8), (-0.8, -0.8), (0.8, -0.8)]


def plan(valence: float, arousal: float, *, seed: int = 3) -> Plan:
    generator = np.random.default_rng(seed)
    return make_plan(valence=valence, arousal=arousal, generator=generator)


def piece(valence: float, arousal: float, *, seed: int = 3) -> Piece:
    credit = Credit(title="Title", artist="Artist")
    return Piece(number=1, valence=valence, arousal=arousal, credit=credit, seed=seed)


@cache
def sound_of(valence: float, arousal: float) -> NDArray[np.float32]:
    """Compose once what several tests look at."""
    return compose_piece(piece(valence, arousal))[1]


def level_db(sound: NDArray[np.float32]) -> float:
    return float(10 * np.log10((sound.astype(np.float64) ** 2).mean()))


@pytest.mark.parametrize(("valence", "arousal"), CORNERS[1:3])
def test_the_same_seed_gives_the_same_samples_and_another_seed_others(
    valence: float, arousal: float
) -> None:
    first = sound_of(valence, arousal)
    _, again = compose_piece(piece(valence, arousal))
    _, other = compose_piece(piece(valence, arousal, seed=4))

    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


@pytest.mark.parametrize(("valence", "arousal"), CORNERS)
def test_a_piece_lasts_30_to_60_seconds_and_never_clips(valence: float, arousal: float) -> None:
    sound = sound_of(valence, arousal)

    assert 30 <= len(sound) / SAMPLE_RATE <= 60
    assert sound.shape[1] == 2
    assert 0.2 < np.abs(sound).max() < 0.96
    assert np.abs(sound[-10:]).max() < 0.01
    assert np.isfinite(sound).all()


def test_tempo_and_loudness_rise_with_arousal() -> None:
    for valence in (-0.7, 0.7):
        plans = [plan(valence, arousal) for arousal in (-0.9, -0.4, 0.4, 0.9)]
        assert sorted(p.tempo for p in plans) == [p.tempo for p in plans]
        assert sorted(p.loudness_db for p in plans) == [p.loudness_db for p in plans]


def test_an_energetic_piece_sounds_louder_and_denser_than_a_calm_one() -> None:
    for valence in (-0.8, 0.8):
        calm, energetic = sound_of(valence, -0.8), sound_of(valence, 0.8)
        assert level_db(energetic) > level_db(calm) + 5

        notes = [
            len(compose_score(plan(valence, arousal), generator=np.random.default_rng(1)))
            for arousal in (-0.8, 0.8)
        ]
        assert notes[1] > 3 * notes[0]


def test_the_mode_darkens_as_valence_falls() -> None:
    brightness = {name: sum(steps) for name, steps in MODES.items()}
    for arousal in (-0.6, 0.6):
        sums = [brightness[plan(valence, arousal).mode] for valence in np.linspace(-1, 1, 9)]
        assert sorted(sums) == sums
    assert MODES[plan(0.6, 0.6).mode][2] == 4
    assert MODES[plan(-0.6, 0.6).mode][2] == 3


@pytest.mark.parametrize(("valence", "arousal"), CORNERS)
def test_melody_and_chords_stay_in_the_key(valence: float, arousal: float) -> None:
    chosen = plan(valence, arousal)
    scale = {(chosen.tonic + step) % 12 for step in MODES[chosen.mode]}
    leading = (chosen.tonic + 11) % 12
    passing = (chosen.tonic + 1) % 12

    notes = compose_score(chosen, generator=np.random.default_rng(1))
    pitched = [note.pitch % 12 for note in notes if note.pitch > 0]

    outside = {pitch for pitch in pitched if pitch not in scale}
    # Harmonic minor borrows its leading tone; a tense bass leans on the semitone above.
    assert outside <= {leading} | {(note + 1) % 12 for note in scale} | {passing}
    assert sum(pitch in scale for pitch in pitched) > 0.9 * len(pitched)


def test_drums_play_in_energetic_music_alone() -> None:
    for valence, arousal in CORNERS:
        notes = compose_score(plan(valence, arousal), generator=np.random.default_rng(1))
        assert any(note.instrument == "kick" for note in notes) == (arousal > 0)


def test_the_form_has_an_introduction_and_a_contrast() -> None:
    assert form(16) == "IAAB"
    assert form(24) == "IAABAA"


def test_voices_move_little_from_chord_to_chord() -> None:
    voicing = lead_voices(chord_classes(0, tonic=48, mode="ionian"), previous=(), centre=60)
    for degree in (3, 4, 5, 0):
        classes = chord_classes(degree, tonic=48, mode="ionian")
        following = lead_voices(classes, previous=voicing, centre=60)
        assert {note % 12 for note in following} == set(classes)
        assert all(abs(a - b) <= 4 for a, b in zip(voicing, following, strict=True))
        voicing = following


def test_concert_pitch() -> None:
    assert frequency(69) == 440.0
    assert frequency(57) == 220.0


def test_a_library_fills_all_quadrants_evenly_under_different_titles() -> None:
    planned = plan_library(pieces=36, seed=1)

    quadrants = [quadrant_of(valence=p.valence, arousal=p.arousal) for p in planned]
    assert {q: quadrants.count(q) for q in quadrants} == dict.fromkeys(("Q1", "Q2", "Q3", "Q4"), 9)
    assert len({p.credit.title for p in planned}) == 36
    assert plan_library(pieces=36, seed=1) == planned
    assert plan_library(pieces=36, seed=2) != planned


@pytest.mark.parametrize("pieces", [0, 3, 197])
def test_a_library_of_impossible_size_is_refused(pieces: int) -> None:
    with pytest.raises(ComposerError, match=f"{pieces} pieces"):
        plan_library(pieces=pieces, seed=1)


def test_a_library_is_tagged_complete_and_not_composed_twice(tmp_path: Path) -> None:
    first = list(compose_library(tmp_path, pieces=4, seed=1, workers=1))
    (tmp_path / first[2][0].file_name).unlink()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}

    second = [new for _, new in compose_library(tmp_path, pieces=4, seed=1, workers=1)]

    assert [new for _, new in first] == [True] * 4
    assert second == [False, False, True, False]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [p.file_name for p, _ in first]
    tags = read_tags(tmp_path / first[0][0].file_name)
    assert (tags.title, tags.artist) == (first[0][0].credit.title, first[0][0].credit.artist)
    assert tags.album == "Moodcue Demo Library"
    assert soundfile.info(tmp_path / first[0][0].file_name).samplerate == SAMPLE_RATE
    assert decode_audio(tmp_path / first[0][0].file_name, sample_rate=16_000).size > 30 * 16_000


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")

    with pytest.raises(ComposerError, match="choose another folder"):
        list(compose_library(blocked, pieces=4, seed=1, workers=1))
