"""Indexes of every released format, as they were written: they stay readable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from recommender.index.check import verify_index
from recommender.index.manifest import OLDEST, read_manifest
from recommender.index.reader import Index

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("index-*"))


def test_there_is_a_golden_index_of_every_readable_format() -> None:
    """Who raises the format writes one."""
    formats = [int(path.name.removeprefix("index-")) for path in GOLDEN]

    assert formats
    assert min(formats) == OLDEST
    for path, number in zip(GOLDEN, formats, strict=True):
        assert read_manifest(path, 2).format == number


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_golden_index_is_sound_and_answers_as_it_did(path: Path) -> None:
    """Two segments, an article replaced and one deleted, in Ukrainian, Russian and English."""
    index = Index.open(path)
    wanted = {
        row["id"]: row for row in json.loads((path / "answers.json").read_text(encoding="utf-8"))
    }

    assert verify_index(path).healthy
    assert len(index.parts) == 2
    assert len(index.gone) == 2
    assert {index.article_id(doc) for doc in index.docs().tolist()} == set(wanted)
    found, scores = index.related_rows(index.docs(), 3)
    for doc, row, marks in zip(index.docs().tolist(), found, scores, strict=True):
        want = wanted[index.article_id(doc)]
        assert [index.article_id(d) for d in row[row >= 0].tolist()] == want["related"]
        np.testing.assert_allclose(marks[row >= 0], want["scores"], rtol=0, atol=2**-39)
