"""Columns and marks of stored cards."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommender._strings import StringColumn
from recommender.ranking.facts import Facts, Marks
from recommender.ranking.values import FIELDS, folded, moment_of


def column(*cards: dict[str, Any]) -> StringColumn:
    """Return cards as an index stores them."""
    texts = [json.dumps(c, ensure_ascii=False, separators=(",", ":")) for c in cards]
    return StringColumn.from_strings(texts)


CARDS = column(
    {"title": "A", "section": "Політика", "tags": ["NATO", "ЄС"], "sensitive": True},
    {"title": "B", "section": "sport", "authors": ["Ann", "Bob"], "extra": {"region": "Kyiv"}},
    {"lead": "no title", "section": "ПОЛІТИКА", "extra": {"embargo_until": "1970-01-02"}},
    {"title": 'says "sensitive":true', "extra": {"embargo_until": "soon", "desk": 7}},
)


def test_facts_are_found_by_folded_values() -> None:
    """One value in any case; several values in a document; columns of the site's own."""
    facts = Facts.of_cards(CARDS, (*FIELDS, "desk"))

    assert [True, False, True, False] == facts.having("section", ("політика",)).tolist()
    assert [True, True, True, False] == facts.having("section", ("sport", "політика")).tolist()
    assert [True, False, False, False] == facts.having("tag", ("єс",)).tolist()
    assert [False, True, False, False] == facts.having("author", ("bob",)).tolist()
    assert [False, True, False, False] == facts.having("region", ("kyiv",)).tolist()
    assert [False, False, False, True] == facts.having("desk", ("7",)).tolist()
    assert not facts.having("label", ("live",)).any()
    assert {"Політика": 2, "sport": 1} == facts.counts("section")


def test_marks_are_found_by_what_cards_hold() -> None:
    """Words in a title are no mark; an embargo that cannot be read is one for ever."""
    marks = Marks.of_cards(CARDS)

    assert [0] == marks.sensitive.tolist()
    assert [2, 3] == marks.embargoed.tolist()
    assert [86_400.0, math.inf] == marks.until.tolist()
    assert [2] == marks.untitled.tolist()


def test_marks_of_no_documents_are_none() -> None:
    """An empty segment has no marks."""
    marks = Marks.of_cards(column())

    assert (0, 0, 0) == (len(marks.sensitive), len(marks.embargoed), len(marks.untitled))


WORDS = st.sampled_from(["sport", "Спорт", 'a "quote"', '{"title":', '"sensitive":true', "ß", "SS"])


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "title": WORDS,
                "lead": WORDS,
                "section": WORDS,
                "sensitive": st.booleans(),
                "extra": st.dictionaries(WORDS, WORDS, max_size=2),
            },
        ),
        max_size=6,
    )
)
def test_marks_are_those_of_every_card_read(cards: list[dict[str, Any]]) -> None:
    """Against reading each card."""
    order = ("title", "lead", "section", "sensitive", "extra")
    stored = column(*({k: card[k] for k in order if card.get(k)} for card in cards))

    marks = Marks.of_cards(stored)

    expected = [i for i, card in enumerate(cards) if card.get("sensitive")]
    assert expected == marks.sensitive.tolist()
    assert [i for i, card in enumerate(cards) if not card.get("title")] == marks.untitled.tolist()
    facts = Facts.of_cards(stored, ("section",))
    for card in cards:
        if card.get("section"):
            wanted = (folded(card["section"]),)
            truth = [folded(c.get("section", "")) == wanted[0] for c in cards]
            assert np.array_equal(truth, facts.having("section", wanted))


def test_moment_of_takes_dates_moments_and_numbers() -> None:
    """Without a zone it is UTC; nonsense is None."""
    assert 0.0 == moment_of("1970-01-01") == moment_of("1970-01-01T00:00:00Z") == moment_of(0)
    assert moment_of("1970-01-01T02:00:00+02:00") == 0.0
    assert [None, None, None] == [moment_of(v) for v in ("soon", True, None)]
