"""Roles by story, time and section."""

from __future__ import annotations

import pytest

from recommender.ranking.roles import role_of

HOUR = 3600.0


@pytest.mark.parametrize(
    ("same_story", "apart", "same_section", "role"),
    [
        (True, 5 * HOUR, True, "same-event"),
        (True, -36 * HOUR, False, "same-event"),
        (True, 37 * HOUR, True, "follow-up"),
        (True, -37 * HOUR, True, "background"),
        (False, 5 * HOUR, True, "more-in-section"),
        (False, 5 * HOUR, False, None),
        (True, None, True, "more-in-section"),
        (False, None, False, None),
    ],
)
def test_role_of_a_card(
    same_story: bool, apart: float | None, same_section: bool, role: str | None
) -> None:
    """The table of the guide."""
    assert role == role_of(same_story=same_story, apart=apart, same_section=same_section)
