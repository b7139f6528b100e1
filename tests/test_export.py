"""Lists ahead of time are the lists of blocks."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from recommender import Recommender, export_jsonl
from recommender.errors import SourceNotFoundError, UnknownArticleError
from recommender.export import related_rows


@pytest.mark.parametrize("languages", ["same", "any", "uk,ru"])
def test_rows_equal_the_blocks_of_each_article(news: Recommender, languages: str) -> None:
    """Whatever the language rule, an exported list is the list of the block."""
    rows = list(related_rows(news, limit=5, languages=languages, threshold=0.02))

    assert news.index.n_docs == len(rows)
    for row in rows:
        block = news.related(row["id"], limit=5, languages=languages, threshold=0.02)
        assert [(c.id, c.score) for c in block.cards] == list(
            zip(row["related"], row["scores"], strict=True)
        )
        copies = {c.id: [*c.copies] for c in block.cards if c.copies}
        assert row.get("copies", {}) == copies
        assert ("copies" in row) == bool(copies)


@pytest.mark.parametrize("languages", ["same", "any", "uk,ru"])
def test_rows_leave_out_what_is_excluded(news: Recommender, languages: str) -> None:
    """Excluded ids never stand in a list, just as in a block."""
    gone = [c.id for c in news.related("sc-en-0001", languages=languages, limit=3).cards]
    options: Any = {"limit": 5, "languages": languages, "exclude_ids": gone}

    for row in related_rows(news, **options):
        expected = [c.id for c in news.related(row["id"], **options).cards]
        assert expected == row["related"]
        assert not set(gone) & set(row["related"])


@pytest.mark.parametrize("options", [{}, {"preset": "similarity"}])
def test_rows_of_some_articles_are_those_of_all(news: Recommender, options: dict[str, Any]) -> None:
    """By id or address, with any workers; one that is not there is refused."""
    every = {row["id"]: row for row in related_rows(news, limit=5, **options)}
    keys = [*every][::-7]
    some = list(related_rows(news, ids=keys, limit=5, jobs=2, **options))

    assert [every[key] for key in every if key in keys] == some
    assert [] == list(related_rows(news, ids=[], limit=5))
    with pytest.raises(UnknownArticleError, match="No article 'nobody'"):
        list(related_rows(news, ids=["nobody"]))


def test_export_to_a_path_replaces_it_only_when_whole(
    news: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure half-way leaves the file that was there, and no debris."""
    out = tmp_path / "run.jsonl"
    out.write_text("old", encoding="utf-8")

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("recommender.export._line", fail)
    with pytest.raises(KeyboardInterrupt):
        export_jsonl(news, out)

    assert out.read_text(encoding="utf-8") == "old"
    assert [out] == list(tmp_path.iterdir())


def test_export_to_a_stream_writes_json_lines(news: Recommender) -> None:
    """An open file is written to as it is."""
    stream = io.StringIO()

    n = export_jsonl(news, stream, limit=2)

    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert n == len(rows) == news.index.n_docs


def test_export_into_no_folder_is_named(news: Recommender, tmp_path: Path) -> None:
    """A wrong path fails before any work."""
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        export_jsonl(news, tmp_path / "nowhere" / "run.jsonl")
