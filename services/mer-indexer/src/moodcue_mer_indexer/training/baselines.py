"""What networks are compared with: the most frequent quadrant, and an SVM on features.

The features are those that the literature on music emotion starts from: chroma, spectral
centroid, bandwidth and roll-off, loudness, zero crossings (means and deviations over a clip) and
the tempo.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.audio import decode_audio
from moodcue_mer_indexer.labels import DatasetError, LabelledSong
from moodcue_mer_indexer.tables import columns_of, read_table
from moodcue_mer_indexer.training.cache import song_key
from moodcue_mer_indexer.training.files import compute_missing

_RATE: Final = 22_050
_N_FFT: Final = 2048
_HOP: Final = 512
_IDENTITY: Final = "SongID"
# What tables of features call the answer.
_ANSWERS: Final = frozenset({"quadrant", "label", "valence", "arousal"})
_KIND: Final = "hand features 1"


def hand_features(samples: NDArray[np.float32], *, sample_rate: int) -> NDArray[np.float64]:
    """Return the features of a clip, shape ``(35,)``.

    Args:
        samples: At least one window of 2048.
        sample_rate: In Hz.

    Returns:
        Means of 12 chroma, centroid, bandwidth, roll-off (Hz), RMS of windows and zero crossings
        (share of samples), then their deviations, then the tempo in BPM.
    """
    import librosa  # noqa: PLC0415 - brings numba, seconds that only this needs

    spectra = np.abs(librosa.stft(samples, n_fft=_N_FFT, hop_length=_HOP))
    onsets = librosa.onset.onset_strength(y=samples, sr=sample_rate, hop_length=_HOP)
    rows = np.concatenate(
        [
            # The tuning is taken as 440 Hz: to estimate it takes as long as all else.
            librosa.feature.chroma_stft(S=np.square(spectra), sr=sample_rate, tuning=0.0),
            librosa.feature.spectral_centroid(S=spectra, sr=sample_rate),
            librosa.feature.spectral_bandwidth(S=spectra, sr=sample_rate),
            librosa.feature.spectral_rolloff(S=spectra, sr=sample_rate),
            librosa.feature.rms(S=spectra, frame_length=_N_FFT),
            librosa.feature.zero_crossing_rate(samples, frame_length=_N_FFT, hop_length=_HOP),
        ]
    )
    tempo = librosa.feature.tempo(onset_envelope=onsets, sr=sample_rate, hop_length=_HOP)
    return np.concatenate([rows.mean(axis=1), rows.std(axis=1), tempo]).astype(np.float64)


def load_hand_features(
    songs: Sequence[LabelledSong], *, cache: Path, workers: int
) -> NDArray[np.float64]:
    """Return the features of every song, from the cache where they are there.

    Args:
        songs: The dataset.
        cache: Folder that is created if need be.
        workers: Processes that compute what is missing.

    Returns:
        Shape ``(songs, 35)``.

    Raises:
        AudioError: A song cannot be decoded.
    """
    paths = [cache / f"{song_key(song, of=_KIND)}.npy" for song in songs]
    compute_missing([song.path for song in songs], paths, compute=_listen, workers=workers)
    return np.stack([np.load(path) for path in paths])


def read_features(table: Path, *, songs: Sequence[LabelledSong]) -> NDArray[np.float64]:
    """Return the features that a table holds of every song, in the order of the songs.

    Args:
        table: CSV with the column ``SongID`` (the name of the audio without its suffix) and one
            column per feature. Columns called quadrant, label, valence or arousal are answers
            and left out.
        songs: The dataset.

    Raises:
        DatasetError: A song is missing, or a feature is no number.
    """
    names = [
        name for name in columns_of(table) if name != _IDENTITY and name.lower() not in _ANSWERS
    ]
    found = {row[_IDENTITY]: row for row in read_table(table, columns=[_IDENTITY])}
    missing = [song.file for song in songs if song.path.stem not in found]
    if missing:
        raise DatasetError(
            f"{table} lacks {len(missing)} songs, the first is {missing[0]!r}; add their rows"
        )
    try:
        rows = [[float(found[song.path.stem][name]) for name in names] for song in songs]
    except (KeyError, ValueError) as error:
        raise DatasetError(f"{table}: a feature is no number ({error}); mend its row") from error
    return np.array(rows)


def most_frequent(truth: NDArray[np.int64], *, folds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return, for every song, the quadrant that prevails in the other folds.

    Args:
        truth: Quadrant index of every song.
        folds: Fold of every song.

    Returns:
        Shape ``(songs, 4)``, one of each row is 1.
    """
    answers = np.zeros((len(truth), len(QUADRANTS)))
    for fold in np.unique(folds):
        prevailing = np.bincount(truth[folds != fold]).argmax()
        answers[folds == fold, prevailing] = 1
    return answers


def classify_by_svm(
    features: NDArray[np.float64], *, truth: NDArray[np.int64], folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the quadrant that an SVM that has not seen the song's fold decides for.

    The features are standardised by the folds that it has seen. C is 1 and the kernel is a
    Gaussian of scikit-learn's width; nothing is chosen by the answers.

    Args:
        features: Shape ``(songs, features)``.
        truth: Quadrant index of every song.
        folds: Fold of every song.

    Returns:
        Shape ``(songs, 4)``, one of each row is 1: an SVM states no probabilities.
    """
    answers = np.zeros((len(truth), len(QUADRANTS)))
    for fold in np.unique(folds):
        seen, unseen = folds != fold, np.flatnonzero(folds == fold)
        machine = make_pipeline(StandardScaler(), SVC(C=1.0))
        machine.fit(features[seen], truth[seen])
        answers[unseen, machine.predict(features[unseen])] = 1
    return answers


def _listen(path: Path) -> NDArray[np.float64]:
    return hand_features(decode_audio(path, sample_rate=_RATE), sample_rate=_RATE)
