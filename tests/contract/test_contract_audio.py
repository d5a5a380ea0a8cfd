from moodcue_gateway.library import MEDIA_TYPES
from moodcue_mer_indexer.audio import AUDIO_SUFFIXES


def test_every_format_that_is_indexed_can_be_played() -> None:
    assert set(MEDIA_TYPES) == AUDIO_SUFFIXES
