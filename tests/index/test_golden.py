"""Indexes of every released format, as they were written: they stay readable.

Who raises the format writes one with

    python -m tests.index.test_golden

and removes those that can no longer be read.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender import Updater, build_index
from recommender.config import Config
from recommender.index.check import verify_index
from recommender.index.manifest import FORMAT, OLDEST, generation_name, read_manifest
from recommender.index.reader import Index
from recommender.index.settings import UpdateSettings

HOME = Path(__file__).parents[2]
GOLDEN = sorted((HOME / "tests" / "golden").glob("index-*"))

BUILT = ["en-0001", "en-0009", "en-0047", "en-0073", "ru-0001", "ru-0002", "ru-0003", "ru-0021"]
BUILT += ["uk-0001", "uk-0006", "uk-0008", "uk-0029"]
ADDED, REPLACED, DELETED = ["en-0002", "ru-0009", "uk-0040"], "uk-0001", "ru-0003"


def test_there_is_a_golden_index_of_every_readable_format() -> None:
    """Who raises the format writes one."""
    formats = [int(path.name.removeprefix("index-")) for path in GOLDEN]

    assert formats
    assert (min(formats), max(formats)) == (OLDEST, FORMAT)
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


def main() -> None:
    """Write an index of today's format, and what it answers."""
    home = HOME / "tests" / "golden" / f"index-{FORMAT}"
    lines = (HOME / "data" / "sample" / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    sample: dict[str, Any] = {row["id"]: row for row in map(json.loads, lines)}
    replaced = sample[f"sc-{REPLACED}"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        build_index([sample[f"sc-{key}"] for key in BUILT], root)
        with Updater(root, config=Config(updates=UpdateSettings(last_segment=1))) as updater:
            updater.add([sample[f"sc-{key}"] for key in ADDED])
            updater.add([{**replaced, "title": f"{replaced['title']} (оновлено)"}])
            updater.delete([f"sc-{DELETED}"])
            updater.commit()
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(
            root, home, ignore=shutil.ignore_patterns("LOCK", "tmp-*", generation_name(1))
        )
    index = Index.open(home)
    found, scores = index.related_rows(index.docs(), 3)
    answers = [
        {
            "id": index.article_id(doc),
            "related": [index.article_id(d) for d in row[row >= 0].tolist()],
            "scores": marks[row >= 0].tolist(),
        }
        for doc, row, marks in zip(index.docs().tolist(), found, scores, strict=True)
    ]
    (home / "answers.json").write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
