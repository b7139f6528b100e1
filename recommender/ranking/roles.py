"""Roles: what a card is to the article it stands under."""

from __future__ import annotations

from typing import Final

__all__ = ["role_of"]

_SAME_EVENT: Final = 36 * 3600
"""Seconds between two reports of one event."""


def role_of(*, same_story: bool, apart: float | None, same_section: bool) -> str | None:
    """Return the role of a card: from story, time and section.

    ``same-event``: of the same story, published within a day and a half; ``follow-up``: of the
    same story, later; ``background``: of the same story, earlier; ``more-in-section``: of another
    story in the same section; None: near in words only.

    Parameters
    ----------
    apart : seconds from the article to the card, negative where the card is older; None = unknown
    """
    if same_story and apart is not None:
        if abs(apart) <= _SAME_EVENT:
            return "same-event"
        return "follow-up" if apart > 0 else "background"
    return "more-in-section" if same_section else None
