"""Files of strangers: whatever is in them, they are read or refused, never a crash."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommender.errors import RecommenderError
from recommender.evaluation._writing import write_table
from recommender.evaluation.judging import read_marks
from recommender.evaluation.logs import is_log, read_log
from recommender.evaluation.qrels import read_judgements
from recommender.evaluation.runs import read_run

NAMES = ("id", "other", "grade", "related", "scores", "query", "item", "position", "clicked")
MORE = ("shown", "propensity", "request", "marks", "judge", "form", "sheet", "article")
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.just(10**400)
    | st.floats()
    | st.sampled_from(["a", "b", "1", "", " ", "\ud800", "\0", "1e999", "recommender-marks"])
)
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from(MORE), scalars)
objects = st.dictionaries(st.sampled_from(NAMES + MORE), values, max_size=7).map(json.dumps)
words = st.sampled_from(
    ["a", "b", "Q0", "0", "1", "99", "-1", "x", '"', "nan", "inf", "id", "item"]
)
lines = st.lists(words, max_size=7).flatmap(
    lambda cells: st.sampled_from([" ", "\t", ",", ";"]).map(lambda mark: mark.join(cells))
)
contents = st.lists(objects, max_size=4) | st.lists(lines, max_size=4)

READERS: list[Callable[[Path], Any]] = [
    read_judgements,
    read_run,
    read_log,
    is_log,
    lambda path: read_marks([path]),
]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=contents)
def test_any_file_is_read_or_refused_in_words(tmp_path: Path, content: list[str]) -> None:
    """Every reader, every file: a value, or an error of ours."""
    path = tmp_path / "file"
    path.write_text("\n".join(content), "utf-8", errors="surrogatepass")
    for read in READERS:
        try:
            found = read(path)
        except RecommenderError:
            continue
        if read is read_run:
            assert all(math.isfinite(s) for own in found.scores.values() for s in own)
        if read is read_log:
            assert found.positions.min() >= 1
            assert not (found.propensities <= 0).any()


@pytest.mark.parametrize(
    "data",
    [
        b"\x1f\x8b",
        gzip.compress(b"a 0 b 1\n" * 99, mtime=0)[:20] + b"\0" * 40,
        b"\x1f\x8b\x08\x00garbage",
        b"\xff\xfe\x00",
        b"\x00" * 100,
        b'{"id": ' * 2000,
    ],
)
def test_bytes_that_are_no_text_are_refused_in_words(tmp_path: Path, data: bytes) -> None:
    """Broken gzip, other encodings, zeros, nesting without end."""
    path = tmp_path / "file"
    path.write_bytes(data)
    for read in (read_judgements, read_run, read_log, lambda p: read_marks([p])):
        with pytest.raises(RecommenderError):
            read(path)


def test_long_cell_of_a_table_is_refused_with_its_line(tmp_path: Path) -> None:
    """No id is as long as that, whatever limit other readers of tables have set."""
    path = tmp_path / "file"
    path.write_text("id,other\na," + "b" * 200_000, "utf-8")

    with pytest.raises(RecommenderError, match=r"Line 2 of .* cannot be read"):
        read_judgements(path)


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\0"])
def test_text_that_a_spreadsheet_would_run_is_text(tmp_path: Path, begin: str) -> None:
    """It gets an apostrophe before it; numbers and other texts stay as they are."""
    rows = [{"title": f'{begin}HYPERLINK("http://x")', "value": -1.5, "plain": "Мости - це життя"}]
    write_table(tmp_path / "r.csv", rows)
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        (found,) = csv.DictReader(file)

    assert f"'{rows[0]['title']}" == found["title"]
    assert ("-1.5", "Мости - це життя") == (found["value"], found["plain"])
