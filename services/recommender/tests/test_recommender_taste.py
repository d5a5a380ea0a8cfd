import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recommender_harness import RULES

from moodcue.events import Feedback, FeedbackKind, TasteSubject
from moodcue_recommender.database import Database
from moodcue_recommender.memory import TasteStore
from moodcue_recommender.taste import RoomTaste, SongTaste, liking_of, noted

MARGIN = 0.1
RULE = RULES.taste


def told(
    taste: RoomTaste, song: int, *kinds: FeedbackKind, artist: str = "", time: int = 0
) -> RoomTaste:
    for kind in kinds:
        feedback = Feedback(song=f"{song:016x}", kind=kind)
        entry = taste.after(feedback, title="", artist=artist, time=time, rules=RULE)
        taste = taste.with_entry(entry)
    return taste


def mean(taste: RoomTaste, song: int, artist: str = "") -> float:
    liking = taste.liking(song, artist)
    assert liking is not None
    return liking.mean


def test_of_what_nothing_was_said_nothing_is_known() -> None:
    taste = told(RoomTaste(), 1, FeedbackKind.LIKE)

    assert taste.liking(2, "somebody") is None
    assert taste.nudges({2: "somebody"}, margin=MARGIN).keys() == {1}


def test_likes_raise_a_song_and_dislikes_lower_it_more_than_skips() -> None:
    def after(*kinds: FeedbackKind) -> float:
        return mean(told(RoomTaste(), 1, *kinds), 1)

    assert after(FeedbackKind.LIKE) > after(FeedbackKind.PLAYED) > 0.5
    assert after(FeedbackKind.DISLIKE) < after(FeedbackKind.SKIP) < 0.5
    assert after(FeedbackKind.LIKE, FeedbackKind.LIKE) > after(FeedbackKind.LIKE)


def test_the_interval_narrows_with_every_word() -> None:
    kinds = [FeedbackKind.LIKE, FeedbackKind.SKIP]
    widths = []
    for rounds in range(1, 6):
        liking = told(RoomTaste(), 1, *kinds * rounds).liking(1, "")
        assert liking is not None
        assert liking.low < liking.mean < liking.high
        widths.append(liking.high - liking.low)

    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize(("alpha", "beta"), [(1, 1), (2, 1), (5.5, 2), (0.6, 3), (40, 60)])
def test_the_interval_holds_nine_tenths_of_the_distribution(alpha: float, beta: float) -> None:
    drawn = np.random.default_rng(0).beta(alpha, beta, 200_000)
    liking = liking_of(alpha, beta)

    assert liking.mean == pytest.approx(drawn.mean(), abs=0.005)
    assert (drawn < liking.low).mean() == pytest.approx(0.05, abs=0.01)
    assert (drawn > liking.high).mean() == pytest.approx(0.05, abs=0.01)


def test_an_artist_who_is_liked_is_a_hint_to_their_other_songs_alone() -> None:
    taste = told(RoomTaste(), 1, FeedbackKind.LIKE, FeedbackKind.LIKE, artist="Band")

    assert 0.5 < mean(taste, 2, "Band") < mean(taste, 1, "Band")
    assert taste.liking(3, "Other") is None


@given(st.lists(st.sampled_from(list(FeedbackKind)), max_size=60))
def test_no_amount_of_feedback_moves_a_song_by_more_than_half_of_the_margin(
    kinds: list[FeedbackKind],
) -> None:
    taste = told(RoomTaste(), 1, *kinds, artist="Band")
    nudges = taste.nudges({2: "Band"}, margin=MARGIN)
    assert all(abs(nudge) <= MARGIN / 2 for nudge in nudges.values())


def test_what_is_disliked_or_not_wanted_now_stays_away_for_its_time() -> None:
    taste = told(RoomTaste(), 1, FeedbackKind.NOT_NOW, time=100)
    taste = told(taste, 2, FeedbackKind.DISLIKE, time=100)

    assert taste.excluded(101) == {1, 2}
    assert taste.excluded(100 + RULE.not_now) == {2}
    assert taste.excluded(100 + RULE.dislike) == set()
    assert told(taste, 2, FeedbackKind.LIKE, time=101).excluded(101) == {1}


def test_not_now_says_nothing_of_how_much_a_song_is_liked() -> None:
    entry = noted(SongTaste(song=1), FeedbackKind.NOT_NOW, time=1, rules=RULE)

    assert (entry.good, entry.bad) == (0, 0)


def test_the_export_names_songs_and_artists_with_what_was_said() -> None:
    taste = told(RoomTaste(), 1, FeedbackKind.LIKE, artist="Band")
    taste = told(taste, 2, FeedbackKind.SKIP, FeedbackKind.SKIP, FeedbackKind.PLAYED, artist="Band")
    entries = taste.entries()

    assert [(e.subject, e.song[-1:], e.artist) for e in entries] == [
        (TasteSubject.SONG, "2", "Band"),
        (TasteSubject.SONG, "1", "Band"),
        (TasteSubject.ARTIST, "", "Band"),
    ]
    assert [(e.likes, e.skips, e.played) for e in entries] == [(0, 2, 1), (1, 0, 0), (1, 2, 1)]


def test_taste_outlives_the_process_and_ends_with_a_reset(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("state")
    entry = SongTaste(song=2**63 - 1, title="T", artist="A", likes=3, excluded_until=7, changed=5)
    with Database(folder) as database, database.connection:
        TasteStore(database).put("kitchen", entry)
    with Database(folder) as database, database.connection:
        tastes = TasteStore(database)
        assert tastes.of("kitchen").songs == {entry.song: entry}
        assert tastes.of("hall").songs == {}
        assert tastes.cameras() == ["kitchen"]
        tastes.forget("kitchen")
        assert tastes.of("kitchen").songs == {}
    with Database(folder) as database:
        assert TasteStore(database).of("kitchen").songs == {}


def test_taste_is_bounded_and_forgets_what_was_said_longest_ago(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Database(tmp_path_factory.mktemp("state")) as database, database.connection:
        tastes = TasteStore(database, keep=3)
        for song in range(5):
            tastes.put("kitchen", SongTaste(song=song, changed=song))
        tastes.put("hall", SongTaste(song=9, changed=9))
        assert tastes.of("kitchen").songs.keys() == {3, 4}
        assert tastes.of("hall").songs.keys() == {9}
