"""What the steps of a block cost: presets beside the plain list of neighbours, in one run.

A block is made cold (of articles that nobody asked for yet) and warm (of the same ones again, when
their stories are known). Milliseconds a block, cards included; ``allsides_30k``, a limit of 6.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import recommender
from benchmarks._sets import datasets
from recommender import Recommender
from recommender.ranking.popularity import Popularity

N_ARTICLES = 500
EVERY_STEP = {
    "preset": "news",
    "max_per_section": 3,
    "max_per_author": 2,
    "max_per_story": 2,
    "popularity": 0.2,
}
PLAIN = {"preset": "similarity", "smoothing": 0.0, "crowding": 0.0}
SEARCHED = {**PLAIN, "languages": "any"}  # the known neighbours are those of one language
ASKED: Mapping[str, Mapping[str, Any]] = {
    "known neighbours": PLAIN,
    "plain search": SEARCHED,
    "similarity (smoothed)": {"preset": "similarity"},
    "default": {},
    "news": {"preset": "news"},
    "background": {"preset": "background"},
    "evergreen": {"preset": "evergreen"},
    "every step on": EVERY_STEP,
    "plain search again": SEARCHED,
}


def seconds(model: Recommender, keys: Sequence[str], options: Mapping[str, Any]) -> list[float]:
    """Return what each block takes."""
    out = []
    for key in keys:
        started = time.perf_counter()
        model.related(key, **options)
        out.append(time.perf_counter() - started)
    return out


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="an index of allsides_30k; built if not given")
    given = parser.parse_args().model
    with tempfile.TemporaryDirectory() as folder:
        home = given or Path(folder)
        if given is None:
            recommender.build(datasets() / "allsides_30k" / "articles.parquet", home)
        rng = np.random.default_rng(1)
        every = Recommender.open(home).index
        keys = [every.article_id(int(d)) for d in rng.permutation(every.docs())]
        counts = Popularity(
            {key: float(n) for key, n in zip(keys, rng.zipf(2, len(keys)), strict=True)}
        )
        print(f"{'':22s}{'cold':>8s}{'warm':>8s}{'p95':>8s}   warm: more than known, than searched")
        known = searched = 0.0
        for i, (name, options) in enumerate(ASKED.items()):
            # Opened anew: nothing is known of any story.
            model = Recommender.open(home, popularity=counts, verify=False)
            own = keys[i * N_ARTICLES : (i + 1) * N_ARTICLES]
            seconds(model, keys[-50:], options)
            cold, warm = seconds(model, own, options), seconds(model, own, options)
            figures = [statistics.median(cold), statistics.median(warm), np.quantile(warm, 0.95)]
            known = known or figures[1]
            searched = searched or (figures[1] if options is SEARCHED else 0.0)
            shown = "".join(f"{1e3 * figure:8.2f}" for figure in figures)
            more = f"{1e3 * (figures[1] - known):+.2f}, {1e3 * (figures[1] - searched):+.2f}"
            print(f"{name:22s}{shown}   {more if searched else ''}")


if __name__ == "__main__":
    main()
