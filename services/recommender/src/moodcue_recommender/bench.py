"""How long an answer takes: from a window's bytes to the kept recommendation's bytes."""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from moodcue.codec import decode_event, encode
from moodcue.events import EmotionWindow
from moodcue.identity import NS_PER_SECOND, new_id, new_trace, system_clock
from moodcue.taxonomy import EMOTIONS, vector_from_mapping
from moodcue_recommender.answerer import Answerer
from moodcue_recommender.database import Database
from moodcue_recommender.index import IndexFollower
from moodcue_recommender.log import RecommendationLog
from moodcue_recommender.sample_library import random_songs, write_library
from moodcue_recommender.settings import RecommenderSettings

_WINDOW_SECONDS = 15


def measure(*, songs: int, windows: int, count: int = 5) -> dict[str, Any]:
    """Time answers over a made-up library, as the service makes them, without the sockets.

    Each is timed from the window's bytes over decoding, search, ranking and the log on disk to
    the bytes of the recommendation, on one thread.

    Args:
        songs: size of the library.
        windows: how many are timed, of one camera and of random emotions.
        count: songs per window.

    Returns:
        The sizes, the seconds that loading the index took, and the 50th and 99th percentile of
        the answers in milliseconds: by the clock, and of the processor, which tells more where
        others use the machine too.
    """
    faiss.omp_set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="moodcue-bench-") as name:
        folder = Path(name)
        write_library(folder / "index", random_songs(songs), generation="bench")
        index = IndexFollower(folder / "index")
        began = time.perf_counter()
        index.check()
        load_seconds = time.perf_counter() - began
        with Database(folder / "state") as database:
            numbers: Counter[str] = Counter()

            def next_seq(topic: str) -> int:
                numbers[topic] += 1
                return numbers[topic]

            answerer = Answerer(
                index=index,
                database=database,
                log=RecommendationLog(database, source="recommender/bench"),
                next_seq=next_seq,
                rules=replace(RecommenderSettings().rules(), songs=count),
            )
            times = np.array(list(_times(answerer, windows))) * 1000
    return {
        "songs": songs,
        "windows": windows,
        "load_seconds": round(load_seconds, 3),
        **{
            f"{name}p{percent}_ms": round(float(np.percentile(times[:, column], percent)), 3)
            for column, name in enumerate(("", "processor_"))
            for percent in (50, 99)
        },
    }


def _times(answerer: Answerer, windows: int) -> Iterator[tuple[float, float]]:
    for data in _encoded_windows(windows):
        began = time.perf_counter(), time.thread_time()
        window = decode_event(data)
        if isinstance(window, EmotionWindow):
            made = answerer.answer(window)
            if made is not None:
                encode(made.recommendation)
        yield time.perf_counter() - began[0], time.thread_time() - began[1]


def _encoded_windows(count: int) -> Iterator[bytes]:
    chance = random.Random(0)
    start = system_clock()
    for seq in range(1, count + 1):
        end = start + seq * _WINDOW_SECONDS * NS_PER_SECOND
        yield encode(
            EmotionWindow(
                id=new_id(),
                source="aggregator/bench",
                seq=seq,
                time=end,
                trace=new_trace(),
                camera="bench",
                start=end - _WINDOW_SECONDS * NS_PER_SECOND,
                end=end,
                frames_expected=75,
                frames_seen=75,
                frames_with_face=75,
                coverage=1.0,
                confidence=0.8,
                probabilities=vector_from_mapping({name: chance.random() for name in EMOTIONS}),
            )
        )
