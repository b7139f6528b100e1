"""JSON of every layout: broken parts are named and passed over, good ones kept, memory bounded."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import InputError
from recommender.ingest import (
    IngestSettings,
    NoticeKind,
    RejectionReason,
    Rejections,
    read_articles,
)

GOOD = [{"id": str(i), "title": f"Стаття {i}", "body": 'a "quote" {brace} [x]\n'} for i in range(5)]


def _read(path: Path, **settings: Any) -> tuple[list[str], Rejections]:
    found = Rejections()
    articles = read_articles(
        path, settings=IngestSettings(clean=False, **settings), rejections=found
    )
    return [article.id for article in articles], found


def _lines(records: list[Any]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


LAYOUTS: dict[str, Callable[[list[Any]], str]] = {
    "lines": _lines,
    "lines without the last end": lambda r: _lines(r)[:-1],
    "lines with CRLF and gaps": lambda r: _lines(r).replace("\n", "\r\n\r\n"),
    "lines with a BOM": lambda r: "\ufeff" + _lines(r),
    "array": json.dumps,
    "array over lines": lambda r: json.dumps(r, indent=2, ensure_ascii=False),
    "array with a BOM": lambda r: "\ufeff\n " + json.dumps(r, indent=1),
    "objects over lines": lambda r: "\n".join(json.dumps(x, indent=2) for x in r),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
def test_json_in_any_layout_gives_the_same_articles(
    tmp_path: Path, layout: str, suffix: str
) -> None:
    """One object a line, one array, or objects over lines: the content decides."""
    path = tmp_path / f"a{suffix}"
    path.write_text(LAYOUTS[layout](GOOD), encoding="utf-8")
    ids, found = _read(path)
    assert (ids, found.count, found.notices) == (list("01234"), 0, {})


@pytest.mark.parametrize("broken", ['{"id": "x", "ti', "nonsense", '{"id": "x",}', '{"id": x}'])
@pytest.mark.parametrize("at", [0, 2, 5])
def test_broken_line_is_named_and_the_rest_kept(tmp_path: Path, broken: str, at: int) -> None:
    """A line that is no JSON costs itself; file and line are told."""
    lines = _lines(GOOD).splitlines()
    lines.insert(at, broken)
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    ids, found = _read(path)
    assert (ids, found.by_reason) == (list("01234"), {RejectionReason.BROKEN_JSON: 1})
    assert (found.samples[0].file, found.samples[0].line) == (str(path), at + 1)


@pytest.mark.parametrize("broken", ['{"id": "x",}', '{"id": x}', '{"id" "x"}'])
def test_broken_object_in_an_array_costs_itself(tmp_path: Path, broken: str) -> None:
    """Reading goes on with the next object of the array."""
    parts = [json.dumps(record) for record in GOOD]
    parts.insert(2, broken)
    path = tmp_path / "a.json"
    path.write_text("[" + ",\n".join(parts) + "]")
    ids, found = _read(path)
    assert (ids, found.by_reason) == (list("01234"), {RejectionReason.BROKEN_JSON: 1})
    assert found.samples[0].line == 3


@pytest.mark.parametrize("other", ["7", '"text"', "[]", "null", "true"])
def test_line_that_is_no_object_is_rejected(tmp_path: Path, other: str) -> None:
    """Valid JSON of another kind is told apart from broken JSON."""
    path = tmp_path / "a.jsonl"
    path.write_text(_lines(GOOD) + other + "\n", encoding="utf-8")
    ids, found = _read(path)
    assert (ids, found.by_reason) == (list("01234"), {RejectionReason.NOT_AN_OBJECT: 1})


@pytest.mark.parametrize("bomb", ['{"a":' * 100_000, '{"id":' + "[" * 100_000, "[" * 200_000])
def test_depth_bomb_is_rejected(tmp_path: Path, bomb: str) -> None:
    """JSON nested past all reason is a rejection, not a RecursionError."""
    path = tmp_path / "a.jsonl"
    path.write_text(_lines(GOOD) + bomb + "\n", encoding="utf-8")
    ids, found = _read(path)
    assert (ids, found.by_reason) == (list("01234"), {RejectionReason.BROKEN_JSON: 1})


def test_number_of_thousands_of_digits_is_rejected(tmp_path: Path) -> None:
    """Python refuses such integers; the line is rejected and reading goes on."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": ' + "9" * 5000 + "}\n" + _lines(GOOD), encoding="utf-8")
    ids, found = _read(path)
    assert (ids, found.by_reason) == (list("01234"), {RejectionReason.BROKEN_JSON: 1})


@pytest.mark.parametrize("layout", ["lines", "array"])
def test_wrong_encoding_is_named_with_a_hint(tmp_path: Path, layout: str) -> None:
    """A cp1251 file read as UTF-8 says so for each article; with the setting named, all is read."""
    records = [{"id": i, "title": "Київ і Львів", "body": "Москва"} for i in range(3)]
    text = _lines(records) if layout == "lines" else json.dumps(records, ensure_ascii=False)
    path = tmp_path / "a.jsonl"
    path.write_bytes(text.encode("cp1251"))
    ids, found = _read(path)
    assert (ids, found.by_reason) == ([], {RejectionReason.WRONG_ENCODING: 3})
    assert "[ingest]" in found.samples[0].detail
    right = read_articles(path, settings=IngestSettings(clean=False, encoding="cp1251"))
    assert [a.title for a in right] == ["Київ і Львів"] * 3


def test_utf16_is_known_by_its_mark(tmp_path: Path) -> None:
    """What Windows calls Unicode is read without a setting."""
    path = tmp_path / "a.jsonl"
    path.write_text(_lines(GOOD), encoding="utf-16")
    ids, found = _read(path)
    assert (ids, found.count) == (list("01234"), 0)


def test_surrogates_and_nul_bytes_are_mended(tmp_path: Path) -> None:
    """Escaped lone surrogates and NUL keep their article, with a notice each."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": 1, "title": "a\\ud800b", "body": "x\\u0000y\x00z"}\n')
    found = Rejections()
    (article,) = read_articles(path, settings=IngestSettings(clean=False), rejections=found)
    assert (article.title, article.body) == ("a\ufffdb", "xyz")
    assert found.notices == {NoticeKind.SURROGATES_REPLACED: 1, NoticeKind.CONTROLS_REMOVED: 1}


@pytest.mark.parametrize("layout", ["lines", "array"])
def test_huge_article_is_rejected_in_bounded_memory(tmp_path: Path, layout: str) -> None:
    """An article a hundred times the limit (as 100 MB is to 1 MB) never comes into memory."""
    path = tmp_path / "a.jsonl"
    with path.open("w") as file:
        file.write("[" if layout == "array" else "")
        file.write(json.dumps(GOOD[0]) + (",\n" if layout == "array" else "\n"))
        file.write('{"id": "huge", "body": "')
        for _ in range(100):
            file.write("word " * 20_000)
        file.write('"}' + (",\n" if layout == "array" else "\n"))
        file.write(json.dumps(GOOD[1]) + ("]" if layout == "array" else "\n"))
    tracemalloc.start()
    ids, found = _read(path, max_article_bytes=100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (ids, found.by_reason) == (["0", "1"], {RejectionReason.TOO_LARGE: 1})
    assert peak < 8 * 2**20 < path.stat().st_size


def test_large_file_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """Memory does not grow with the number of articles, in an array either."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"id": i, "body": "word " * 2_000} for i in range(2_000)]))
    tracemalloc.start()
    n_articles = sum(1 for _ in read_articles(path, settings=IngestSettings(clean=False)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_articles == 2_000
    assert peak < 8 * 2**20 < path.stat().st_size


@given(st.data())
def test_damaged_json_never_fails_otherwise(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Bytes changed, cut or put in anywhere give articles and rejections, nothing else."""
    layout = data.draw(st.sampled_from(sorted(LAYOUTS)))
    raw = bytearray(LAYOUTS[layout](GOOD).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(1, len(raw) - 1))
        piece = data.draw(
            st.sampled_from([b"", b'"', b"{", b"}", b"\n", b"\\", b"\xff", b"\0", b"]"])
        )
        raw[at : at + data.draw(st.integers(0, 3))] = piece
    path = tmp_path_factory.mktemp("json") / "a.jsonl"
    path.write_bytes(raw)
    try:
        ids, found = _read(path)
    except InputError:
        return  # no line of it looks like JSON any more
    assert ids or found.count
