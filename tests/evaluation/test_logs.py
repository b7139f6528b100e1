"""Logs: read with care, and estimates against closed forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.errors import InputError
from recommender.evaluation.derived import from_clicks
from recommender.evaluation.logs import is_log, read_log
from recommender.evaluation.offpolicy import click_rates, off_policy
from recommender.evaluation.runs import Run


def log_of(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Write a log of JSON lines."""
    path = folder / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_blocks_and_cards_in_any_form_are_the_same_log(tmp_path: Path) -> None:
    """JSON lines a block, CSV and TSV a card: one log."""
    blocks = log_of(
        tmp_path,
        [
            {
                "request": "r",
                "query": "q",
                "shown": ["a", "b"],
                "clicked": ["b"],
                "propensity": [1, 0.5],
            }
        ],
    )
    cards = tmp_path / "log.csv"
    cards.write_text(
        "request,query,item,position,clicked,propensity\nr,q,a,1,0,1\nr,q,b,2,1,0.5\n", "utf-8"
    )
    tabbed = tmp_path / "log.tsv"
    tabbed.write_text(cards.read_text("utf-8").replace(",", "\t"), "utf-8")
    first, *others = (read_log(path) for path in (blocks, cards, tabbed))

    for other in others:
        assert first.items == other.items
        assert first.queries == other.queries
        for name in ("requests", "positions", "clicked", "propensities"):
            assert np.array_equal(getattr(first, name), getattr(other, name)), name
    assert all(is_log(path) for path in (blocks, cards, tabbed))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"query": "q", "item": "a", "position": 0, "clicked": 1}, "a position that is no whole"),
        ({"query": "q", "item": "a", "position": -3, "clicked": 1}, "a position that is no whole"),
        ({"query": "q", "item": "a", "position": 1.5, "clicked": 1}, "a position that is no whole"),
        ({"query": "q", "item": "a", "position": 1e9, "clicked": 1}, "a position that is no whole"),
        ({"query": "q", "item": "a", "position": "x", "clicked": 1}, "a position that is no whole"),
        ({"query": "q", "item": "a", "position": 1, "clicked": 7}, "neither 0 nor 1"),
        ({"query": "q", "item": "a", "position": 1, "clicked": 1, "propensity": 0}, "a propensity"),
        ({"query": "q", "item": "a", "position": 1, "clicked": 1, "propensity": 2}, "a propensity"),
        ({"query": "q", "position": 1, "clicked": 1}, "no article that was shown"),
        ({"item": "a", "position": 1, "clicked": 1}, "no query"),
        ({"query": "q", "shown": ["a", "a"], "clicked": []}, "shown twice"),
        ({"query": "q", "shown": ["a"], "clicked": ["b"]}, "was not shown"),
        ({"query": "q", "shown": [], "clicked": []}, "nothing shown"),
        ({"query": "q", "shown": ["a"], "clicked": [], "propensity": [1, 1]}, "as many as"),
    ],
)
def test_row_that_cannot_be_is_counted_with_its_reason(
    tmp_path: Path, row: dict[str, Any], why: str
) -> None:
    """One bad row: counted, with its line. Only bad rows: refused."""
    good = {"query": "q", "item": "good", "position": 1, "clicked": 0}
    log = read_log(log_of(tmp_path, [good, row]))

    assert log.items == ["good"]
    ((words, n),) = log.notices.items()
    assert (1, True, True) == (n, why in words, "line 2" in words)
    with pytest.raises(InputError, match=why):
        read_log(log_of(tmp_path, [row]))


def test_two_cards_at_one_place_of_a_block_are_refused(tmp_path: Path) -> None:
    """The second is counted, the first is kept."""
    rows = [
        {"request": "r", "query": "q", "item": item, "position": 1, "clicked": 0} for item in "ab"
    ]
    log = read_log(log_of(tmp_path, rows))

    assert log.items == ["a"]
    assert "a position that another card of the block has" in next(iter(log.notices))


def simulated(rng: np.random.Generator, n: int) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Return blocks of one card, shown with known chances, and how much each is liked."""
    liked = {"a": 0.1, "b": 0.5, "c": 0.3}
    chances = {"a": 0.6, "b": 0.1, "c": 0.3}
    items = rng.choice([*chances], n, p=[*chances.values()])
    return [
        {
            "query": "q",
            "shown": [str(i)],
            "clicked": [str(i)] if rng.random() < liked[i] else [],
            "propensity": [chances[i]],
        }
        for i in items
    ], liked


def test_estimates_find_what_other_lists_would_have_got(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    """From a log that shows the best card seldom, IPS and SNIPS tell how good it is."""
    rows, liked = simulated(rng, 2000)
    log = read_log(log_of(tmp_path, rows))
    for item in "abc":
        found = off_policy(log, Run("other", {"q": (item,)}))
        for figure in (found.ips, found.snips):
            assert figure.mean == pytest.approx(liked[item], abs=0.08)
            assert figure.low is not None
            assert figure.high is not None
            assert figure.low <= liked[item] <= figure.high
        assert found.logged.mean == pytest.approx(0.1 * 0.6 + 0.5 * 0.1 + 0.3 * 0.3, abs=0.03)


def test_estimates_equal_their_closed_forms(tmp_path: Path) -> None:
    """Weights 2 and 4 and 2 of three matches among four blocks, clicks on the first two."""
    rows = [
        {"query": "q", "shown": ["a"], "clicked": ["a"], "propensity": [0.5]},
        {"query": "q", "shown": ["a"], "clicked": ["a"], "propensity": [0.25]},
        {"query": "q", "shown": ["a"], "clicked": [], "propensity": [0.5]},
        {"query": "q", "shown": ["b"], "clicked": ["b"], "propensity": [0.5]},
    ]
    found = off_policy(read_log(log_of(tmp_path, rows)), Run("r", {"q": ("a",)}))

    assert found.ips.mean == pytest.approx((2 + 4) / 4)
    assert found.snips.mean == pytest.approx((2 + 4) / (2 + 4 + 2))
    assert found.effective == pytest.approx(8**2 / (4 + 16 + 4))
    assert (3, 4) == (found.matched, found.shown)


def test_estimates_that_are_not_defined_say_why(tmp_path: Path) -> None:
    """No propensity, or nothing in common: a reason instead of a figure."""
    row = {"query": "q", "shown": ["a", "b"], "clicked": ["a"]}
    log = read_log(log_of(tmp_path, [row]))
    for items, why in ((("a", "b"), "propensity"), (("x", "y"), "no card where the log shows it")):
        found = off_policy(log, Run("r", {"q": items}))
        assert (None, None, None) == (found.ips.mean, found.snips.mean, found.effective)
        assert why in found.why


def test_click_rates_are_by_position(tmp_path: Path) -> None:
    """Clicks over cards shown, place by place."""
    rows = [
        {"query": "q", "shown": ["a", "b"], "clicked": ["a"]},
        {"query": "q", "shown": ["b", "a", "c"], "clicked": ["c"]},
    ]
    found = click_rates(read_log(log_of(tmp_path, rows)))

    assert [(1, 2, 1, 0.5), (2, 2, 0, 0.0), (3, 1, 1, 1.0)] == [
        (rate.position, rate.shown, rate.clicks, rate.rate.mean) for rate in found
    ]


def test_clicks_are_weak_judgements(tmp_path: Path) -> None:
    """Clicked once is relevant, shown and never clicked is not; and the weakness is said."""
    rows = [
        {"query": "q", "shown": ["a", "b"], "clicked": []},
        {"query": "q", "shown": ["a", "b"], "clicked": ["a"]},
    ]
    found = from_clicks(read_log(log_of(tmp_path, rows)))

    assert {"a": 1, "b": 0} == found.truth("q")
    assert "what they were shown" in found.weak
