import pytest

from moodcue.errors import ProtocolError
from moodcue.moods import EMOTION_WORDS, POINT_WORDS, known_words, seven_of_mood
from moodcue.taxonomy import EMOTIONS, valence_arousal_of


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_the_name_of_an_emotion_asks_for_it_alone(emotion: str) -> None:
    seven = seven_of_mood(emotion)
    assert sum(seven) == 1
    assert seven[EMOTIONS.index(emotion)] == 1


@pytest.mark.parametrize("word", known_words())
def test_every_known_word_can_be_asked_for_in_any_writing(word: str) -> None:
    assert seven_of_mood(f" {word.upper()} ") == seven_of_mood(word)


def test_calm_and_tense_words_lie_on_their_sides() -> None:
    calm = valence_arousal_of(seven_of_mood("calm"))
    tense = valence_arousal_of(seven_of_mood("tense"))
    assert calm[0] > tense[0]
    assert calm[1] < tense[1]


def test_no_word_means_two_things() -> None:
    assert not EMOTION_WORDS.keys() & POINT_WORDS.keys()


def test_an_unknown_word_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(ProtocolError, match=r"unknown mood 'groovy'; known: anger, .*calm"):
        seven_of_mood("groovy")
