"""Floors of relevance: written after a measurement, and lowered only with a reason that is told.

    python -m tests.quality.floors [--hard] [--lower "why"]

Measures the default configuration and raises each floor to what it reaches, less ``MARGIN``. A
figure that is now below its floor is an error, unless ``--lower`` gives a reason: that is written
beside the floor, and a line of it belongs in the changelog (``test_relevance.py`` looks for it).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import recommender
from benchmarks import relevance
from benchmarks._sets import datasets, mean_ndcg
from recommender import Recommender

__all__ = ["MARGIN", "PLACE", "Floors", "of_the_sample", "read"]

PLACE: Final = Path(__file__).with_name("floors.json")
MARGIN: Final = 0.003
_SAMPLE: Final = Path(__file__).parents[2] / "data" / "sample"
_LANGUAGES: Final = ("en", "uk", "ru")

Floors = Mapping[str, Mapping[str, Any]]
"""By figure: ``floor``, and ``lowered``, why it is lower than it was, if it is."""


def read() -> dict[str, dict[str, Any]]:
    """Return the floors that hold."""
    found: dict[str, dict[str, Any]] = json.loads(PLACE.read_text(encoding="utf-8"))
    return found


def of_the_sample(model: Recommender) -> dict[str, float]:
    """Return nDCG@10 on the bundled corpus: each language finds the rest of its stories."""
    out = {}
    for lang in _LANGUAGES:
        truth: dict[str, set[str]] = defaultdict(set)
        for line in (_SAMPLE / "judgements.tsv").read_text(encoding="utf-8").splitlines()[1:]:
            one, other, _, grade = line.split("\t")
            if int(grade) >= 2 and f"-{lang}-" in one and f"-{lang}-" in other:
                truth[one].add(other)
        out[f"sample {lang}"] = mean_ndcg(relevance.ours(model, truth), truth)
    return out


def moved(
    floors: Floors, figures: Mapping[str, float], why: str
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return the floors after a measurement, and the figures that are too low for them.

    Parameters
    ----------
    why : the reason for which floors may be lowered; empty = they may not
    """
    out = {name: dict(entry) for name, entry in floors.items()}
    low = []
    for name, figure in figures.items():
        entry = out.setdefault(name, {"floor": 0.0})
        reached = math.floor((figure - MARGIN) * 1000) / 1000
        if figure >= entry["floor"]:
            entry["floor"] = max(entry["floor"], reached)
        elif why:
            out[name] = {"floor": reached, "lowered": why}
        else:
            low.append(f"{name} is {figure:.4f}, below its floor of {entry['floor']:.3f}")
    return out, low


def main() -> None:
    """Measure, and write the floors."""
    parser = argparse.ArgumentParser(description="Raise the floors of relevance.")
    parser.add_argument("--hard", action="store_true", help="hard mode too, about two minutes")
    parser.add_argument("--lower", default="", metavar="WHY", help="lower floors, for this reason")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = recommender.build(_SAMPLE / "articles.jsonl", Path(folder) / "sample")
        figures = of_the_sample(model)
        figures |= relevance.figures(datasets(), Path(folder), hard=chosen.hard)
    floors, low = moved(read() if PLACE.exists() else {}, figures, chosen.lower)
    if low:
        sys.exit("\n".join([*low, "Mend it, or give a reason: --lower WHY"]))
    PLACE.write_text(json.dumps(floors, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for name, figure in figures.items():
        sys.stdout.write(f"{name}: {figure:.4f}, floor {floors[name]['floor']:.3f}\n")


if __name__ == "__main__":
    main()
