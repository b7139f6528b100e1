"""CSV, TSV, Parquet, Arrow and DataFrames: one article a row, whatever is wrong with the others."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.article import Article
from recommender.errors import InputError, MissingExtraError
from recommender.ingest import (
    IngestSettings,
    NoticeKind,
    RejectionReason,
    Rejections,
    read_articles,
)

MOMENT = datetime(2026, 3, 4, 10, tzinfo=UTC)


def _read(source: Any, **settings: Any) -> tuple[list[Article], Rejections]:
    found = Rejections()
    articles = read_articles(
        source, settings=IngestSettings(clean=False, **settings), rejections=found
    )
    return list(articles), found


def _csv(tmp_path: Path, text: str, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_with_any_delimiter_is_read(tmp_path: Path, delimiter: str) -> None:
    """The header tells the delimiter; quoted cells keep delimiters, quotes and line ends."""
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file, delimiter=delimiter)
        rows.writerows([["id", "Title", "text"], ["1", 'Київ, "Львів"; |\t', "one\n\ntwo"]])
    articles, found = _read(path)
    assert articles == [Article("1", 'Київ, "Львів"; |', "", "one\n\ntwo")]
    assert (found.count, found.notices) == (0, {})


def test_csv_with_a_cell_longer_than_the_modules_limit_is_read(tmp_path: Path) -> None:
    """The csv module's own limit of 128 KiB a cell does not hold."""
    (article,), _ = _read(_csv(tmp_path, "id,body\n1," + "x" * 190_000 + "\n"))
    assert len(article.body) == 190_000


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_stray_quote_does_not_swallow_the_rows_behind_it(tmp_path: Path, name: str) -> None:
    """A quote that is never closed costs no row."""
    d = "," if name == "a.csv" else "\t"
    rows = [f"{i}{d}Title {i}{d}Body" for i in range(50)]
    rows[3] = f'3{d}"Title 3{d}Body'
    articles, found = _read(_csv(tmp_path, "\n".join([f"id{d}title{d}body", *rows]), name))
    assert [a.id for a in articles] == [str(i) for i in range(50)]
    assert (found.count, found.notices) == (0, {NoticeKind.STRAY_QUOTE: 1})


def test_row_with_too_many_cells_is_rejected(tmp_path: Path) -> None:
    """A comma that should have been quoted shifts the cells: better named than wrong."""
    articles, found = _read(_csv(tmp_path, "id,title\n1,a\n2,b,c\n3,d\n4,e,,\n"))
    assert [a.id for a in articles] == ["1", "3", "4"]
    assert found.by_reason == {RejectionReason.BROKEN_ROW: 1}
    assert found.samples[0].line == 3


def test_row_with_too_few_cells_is_kept_with_a_notice(tmp_path: Path) -> None:
    """Cells missing at the end are empty."""
    articles, found = _read(_csv(tmp_path, "id,title,body\n1,a\n\n2,b,c\n"))
    assert articles == [Article("1", "a"), Article("2", "b", "", "c")]
    assert found.notices == {NoticeKind.SHORT_ROW: 1}


def test_row_larger_than_the_limit_is_rejected(tmp_path: Path) -> None:
    """A huge row costs itself."""
    path = _csv(tmp_path, "id,body\n1,a\n2," + "x" * 5_000 + "\n3,c\n")
    articles, found = _read(path, max_article_bytes=1_000)
    assert [a.id for a in articles] == ["1", "3"]
    assert found.by_reason == {RejectionReason.TOO_LARGE: 1}


def test_row_larger_than_the_limit_over_many_lines_is_one_rejection(tmp_path: Path) -> None:
    """Lines of a huge quoted text are not taken for rows."""
    prose = "One line, of prose.\nAnd another one.\nA third.\n" * 300
    path = _csv(tmp_path, f'id,body\n1,a\n2,"{prose}"\n3,c\n')
    articles, found = _read(path, max_article_bytes=1_000)
    assert [a.id for a in articles] == ["1", "3"]
    assert found.by_reason == {RejectionReason.TOO_LARGE: 1}
    assert [a.id for a in _read(path)[0]] == ["1", "2", "3"]


def test_quote_open_at_the_end_of_prose_is_one_rejection(tmp_path: Path) -> None:
    """A file cut off within a text of many lines loses that row and makes no rows of its lines."""
    path = _csv(tmp_path, 'id,body\n1,a\n2,"One.\nTwo.\nThree.\n')
    articles, found = _read(path)
    assert [a.id for a in articles] == ["1"]
    assert found.by_reason == {RejectionReason.BROKEN_ROW: 1}


def test_csv_in_another_encoding_names_the_setting(tmp_path: Path) -> None:
    """The rows that are not UTF-8 are rejected; with the right encoding all are read."""
    path = tmp_path / "a.csv"
    path.write_bytes("id,title\n1,Київ\n2,plain\n".encode("cp1251"))
    articles, found = _read(path)
    assert ([a.id for a in articles], found.count) == (["2"], 1)
    assert [a.title for a in _read(path, encoding="cp1251")[0]] == ["Київ", "plain"]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "id,b\n1,2\n", "title,b\n1,2\n"])
def test_csv_without_id_or_text_column_names_its_columns(tmp_path: Path, text: str) -> None:
    """The message lists what is there and how to map it."""
    with pytest.raises(InputError, match=r"Its columns: '.*', 'b'.*with columns"):
        _read(_csv(tmp_path, text))


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_mapped_column_that_is_missing_is_named_at_once(tmp_path: Path, kind: str) -> None:
    """The message shows the nearest and all columns."""
    frame = pd.DataFrame({"id": [1], "headline": ["a"]})
    source: Any = frame
    if kind == "csv":
        source = _csv(tmp_path, frame.to_csv(index=False))
    if kind == "parquet":
        source = tmp_path / "a.parquet"
        frame.to_parquet(source)
    with pytest.raises(InputError, match=r"'headlin' \(mapped to title\).*mean 'headline'.*'id'"):
        _read(source, columns={"title": "headlin"})


@pytest.fixture
def frame() -> pd.DataFrame:
    """Rows with NaN, NaT and None in every place."""
    return pd.DataFrame(
        {
            "id": [1.0, 2.0, np.nan, 4.0],
            "title": ["a", None, "c", "d"],
            "text": ["x", "y", "z", None],
            "date": pd.to_datetime(pd.Series(["2026-03-04 10:00", None, None, "2026-03-04 10:00"])),
            "tags": [["p", "q"], None, None, []],
        }
    )


EXPECTED = [
    Article("1", "a", "", "x", published_at=MOMENT, tags=("p", "q")),
    Article("2", "", "", "y"),
    Article("4", "d", published_at=MOMENT),
]


@pytest.mark.parametrize("kind", ["frame", "parquet", "table", "batch", "reader"])
def test_table_with_nan_and_nat_is_read(tmp_path: Path, frame: pd.DataFrame, kind: str) -> None:
    """Absent is absent in every table; a row without an id is counted with its number."""
    source: Any = frame
    if kind == "parquet":
        source = tmp_path / "a.parquet"
        frame.to_parquet(source)
    elif kind != "frame":
        table = pa.Table.from_pandas(frame)
        batches = table.to_batches()
        source = {"table": table, "batch": batches[0]}.get(kind) or table.to_reader()
    articles, found = _read(source)
    assert articles == EXPECTED
    assert found.by_reason == {RejectionReason.MISSING_ID: 1}
    assert found.samples[0].line == 3


def test_frame_with_a_named_index_takes_it_as_a_column() -> None:
    """A DataFrame indexed by id needs no reset_index."""
    frame = pd.DataFrame({"title": ["a"]}, index=pd.Index(["n7"], name="id"))
    assert _read(frame)[0] == [Article("n7", "a")]


def test_frame_of_several_slices_keeps_all_rows_in_order() -> None:
    """Slicing loses and repeats nothing."""
    frame = pd.DataFrame({"id": range(2_000), "title": "t"})
    articles, _ = _read(frame)
    assert [a.id for a in articles] == [str(i) for i in range(2_000)]


def test_frame_that_is_empty_gives_nothing() -> None:
    """No rows, no columns, no error."""
    assert _read(pd.DataFrame())[0] == []


def test_parquet_times_of_any_unit_and_range_are_read(tmp_path: Path) -> None:
    """Nanoseconds, days and impossible years: a date or a notice, never an error."""
    table = pa.table(
        {
            "id": ["1", "2"],
            "title": ["a", "b"],
            "date": pa.array([1772618400_000_000_001, None], pa.timestamp("ns", "Europe/Kyiv")),
            "updated_at": pa.array([2**60, 1772618400_000_000], pa.timestamp("us")),
            "created_at": pa.array([date(2026, 3, 4)] * 2),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    articles, found = _read(tmp_path / "a.parquet")
    assert [a.published_at for a in articles] == [MOMENT, datetime(2026, 3, 4, tzinfo=UTC)]
    assert [a.updated_at for a in articles] == [None, MOMENT]
    assert found.notices == {NoticeKind.UNREADABLE_DATE: 1}


def test_parquet_text_kept_as_bytes_is_read(tmp_path: Path) -> None:
    """Columns without the UTF-8 mark, and cells that are not UTF-8, are text all the same."""
    broken = pa.array([b"T\xff"]).view(pa.utf8())
    table = pa.table({"id": [b"n1"], "title": broken, "section": ["Світ".encode()]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert _read(tmp_path / "a.parquet")[0] == [Article("n1", "T\ufffd", section="Світ")]


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message holds the install command."""
    pd.DataFrame({"id": [1], "title": ["t"]}).to_parquet(tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'recommender\[parquet\]'"):
        _read(tmp_path / "a.parquet")


def test_parquet_that_is_damaged_is_an_input_error(tmp_path: Path) -> None:
    """A file cut off has no footer and cannot be read at all; the message names it."""
    path = tmp_path / "a.parquet"
    pd.DataFrame({"id": range(100), "title": "t"}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"a\.parquet cannot be read as Parquet"):
        _read(path)


@given(st.text(st.sampled_from('ab,;"\n\r\t\0 1'), max_size=60))
def test_csv_of_any_text_gives_articles_or_rejections(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """No text behind a header makes the reader fail, and the last sound row is always reached."""
    path = _csv(tmp_path_factory.mktemp("csv"), f"id,title,body\n{text}\nlast,title,body\n")
    articles, found = _read(path)
    assert (articles and articles[-1].id == "last") or found.count


def test_table_without_header_is_read_by_column_names(tmp_path: Path) -> None:
    """A file whose first row is an article already is read with the names given in settings."""
    source = tmp_path / "news.tsv"
    source.write_text("N1\tworld\tBridge closed\nN2\tsport\tCup won\n", encoding="utf-8")
    settings = IngestSettings(column_names=("id", "section", "title"))

    articles = list(read_articles(source, settings=settings))

    assert [("N1", "world"), ("N2", "sport")] == [(a.id, a.section) for a in articles]
