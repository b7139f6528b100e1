"""Order in arrays: the compiled loops say what slow and obvious ones say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommender.index.ordering import first_places


@hypothesis_settings(deadline=None, max_examples=200)
@given(numbers=st.lists(st.integers(-1, 40) | st.integers(2**31 - 3, 2**31 - 1)))
def test_first_places_are_those_of_a_list(numbers: list[int]) -> None:
    """Also where numbers meet in the table, and for -1, a number as any other."""
    found = first_places(np.array(numbers, np.int32))

    assert found.tolist() == [numbers.index(number) for number in numbers]
