"""Counts of readers: read, decayed, smoothed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recommender.errors import InputError, SourceNotFoundError
from recommender.ranking.popularity import (
    Popularity,
    popularity_factors,
    read_counts,
    usual_count,
)


def test_popularity_of_rows_adds_up_and_halves_with_age() -> None:
    """Yesterday's views are worth half of today's at a half-life of a day; no moment is now."""
    rows = [("a", 10.0, 0.0), ("a", 10.0, 86_400.0), ("b", 3.0, None), ("c", 8.0, 9e9)]

    found = Popularity.of_rows(rows, now=86_400.0, half_life=86_400.0)

    assert found.counts == pytest.approx({"a": 15.0, "b": 3.0, "c": 8.0})


def test_popularity_without_half_life_counts_all_days_alike() -> None:
    """0 = age does not matter."""
    found = Popularity.of_rows([("a", 10.0, 0.0)], now=9e9, half_life=0.0)

    assert {"a": 10.0} == dict(found.counts)


def test_popularity_factors_stay_between_one_less_weight_and_one() -> None:
    """Nobody: the least; the mean: the middle; very many: nearly one. More is never less."""
    many, few = np.array([0.0, 10.0, 10.0, 1e9]), np.array([0.0, 10.0, 10.0])
    factors = popularity_factors(many, 0.4, usual_count(many))
    middle = popularity_factors(few, 0.4, usual_count(few))

    assert factors[0] == pytest.approx(0.6)
    assert middle[1] == pytest.approx(0.8)
    assert 0.6 < factors[1] < factors[3] < 1.0


def test_popularity_factors_without_any_reader_are_all_alike() -> None:
    """No division by nothing."""
    assert popularity_factors(np.zeros(3), 0.5, usual_count(np.zeros(3))).tolist() == [
        0.5,
        0.5,
        0.5,
    ]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("id,count\na,1\nb,2.5\n", [("a", 1.0, None), ("b", 2.5, None)]),
        ("count\tid\tat\n3\tя-1\t1970-01-02\n", [("я-1", 3.0, 86_400.0)]),
        ("\ufeffid,count,at\na,1,1970-01-01T00:00:10Z\n", [("a", 1.0, 10.0)]),
    ],
)
def test_read_counts_reads_commas_and_tabs(tmp_path: Path, text: str, rows: object) -> None:
    """With a head in any order, and a byte order mark."""
    (tmp_path / "counts.csv").write_text(text, encoding="utf-8")

    assert read_counts(tmp_path / "counts.csv") == rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "none"),
        ("id,views\na,1\n", "id, views"),
        ("id,count\na,1\nb,many\n", "line 3.*'many'"),
        ("id,count\na,-1\n", "line 2.*'-1'"),
        ("id,count\na,inf\n", "line 2.*'inf'"),
        ("id,count,at\na,1,yesterday\n", "line 2.*'yesterday'"),
    ],
)
def test_read_counts_of_nonsense_names_the_line(tmp_path: Path, text: str, said: str) -> None:
    """What was found, and what was expected."""
    (tmp_path / "counts.csv").write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match=said):
        read_counts(tmp_path / "counts.csv")


def test_read_counts_of_no_file_says_so(tmp_path: Path) -> None:
    """A missing file is no empty table."""
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        read_counts(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("count", "said"), [("9" * 200_000, "line 2"), ("1e308", "line 2: count is '1e308'")]
)
def test_count_beyond_all_bounds_broke_blocks(tmp_path: Path, count: str, said: str) -> None:
    """A cell of a megabyte, and numbers whose sum is infinite."""
    table = tmp_path / "views.csv"
    table.write_text(f"id,count\na,{count}\na,{count}\n", encoding="utf-8")

    with pytest.raises(InputError, match=said):
        read_counts(table)
