import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodcue.errors import ProtocolError
from moodcue_recommender.vectors import query_vector

sevens = st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(any)


@given(sevens)
def test_a_query_is_a_unit_vector_that_keeps_the_proportions(probabilities: list[float]) -> None:
    vector = query_vector(probabilities)
    assert math.isclose(float(np.linalg.norm(vector)), 1.0, abs_tol=1e-9)
    assert int(vector.argmax()) == int(np.argmax(probabilities))


@pytest.mark.parametrize(
    ("probabilities", "text"),
    [
        ([0.0] * 7, "all seven probabilities are 0"),
        ([1.0] * 6, "not 7 probabilities"),
        ([math.nan, *[0.0] * 6], "not 7 probabilities"),
        ([-0.1, *[0.5] * 6], "not 7 probabilities"),
    ],
)
def test_what_is_no_mood_is_refused_with_the_remedy(probabilities: list[float], text: str) -> None:
    with pytest.raises(ProtocolError, match=text):
        query_vector(probabilities)
