"""Blocks that were looked at by eye, in three languages: which cards, in which order, as what.

A change of ranking shows here first. Where the new blocks are better, write them anew with

    python -m tests.quality.test_golden_blocks

read the difference, and say in the changelog why.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

import recommender
from recommender import Recommender

HOME = Path(__file__).parents[2]
FILE = HOME / "tests" / "golden" / "blocks.json"
NOW = "2026-07-01"
ASKED = [
    (f"sc-{lang}-{number}", preset)
    for lang, numbers in {
        "en": ("0001", "0037", "0012", "0064"),
        "uk": ("0001", "0012", "0020", "0008"),
        "ru": ("0001", "0012", "0020", "0007"),
    }.items()
    for number in numbers
    for preset in ("news", "background")
]


def block_of(news: Recommender, key: str, preset: str) -> list[str]:
    """Return a block as lines: id, origin, role, copies."""
    block = news.related(key, preset=preset, now=NOW)
    return [
        " ".join([card.id, card.origin, card.role or "-", *card.copies]) for card in block.cards
    ]


@pytest.mark.parametrize(("key", "preset"), ASKED)
def test_block_is_the_one_that_was_looked_at(news: Recommender, key: str, preset: str) -> None:
    """Card by card."""
    golden: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))

    assert golden[f"{key} {preset}"] == block_of(news, key, preset)


def main() -> None:
    """Write the blocks anew."""
    with tempfile.TemporaryDirectory() as folder:
        news = recommender.build(HOME / "data" / "sample" / "articles.jsonl", folder)
        blocks = {f"{key} {preset}": block_of(news, key, preset) for key, preset in ASKED}
    FILE.write_text(json.dumps(blocks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
