"""Small corpora of counted articles for the index's tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from recommender._strings import StringColumn
from recommender.index import kernels
from recommender.index.manifest import Manifest
from recommender.index.reader import Index, Statistics, factors
from recommender.index.writer import Corpus, make_segment, write_generation
from recommender.weighting import WeightSettings

ABOUT = {
    "settings": {},
    "analysis": "none",
    "package": "0",
    "report": {},
    "boilerplate": (),
}


def corpus_of(
    rows: Sequence[Mapping[int, int]], *, n_terms: int, languages: Sequence[int] | None = None
) -> Corpus:
    """Return a corpus whose document i holds ``rows[i]``, a mapping of term number to count."""
    ordered = [sorted(row.items()) for row in rows]
    indptr = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in ordered], out=indptr[1:])
    flat = [pair for row in ordered for pair in row]
    n = len(rows)
    return Corpus(
        indptr=indptr,
        terms=np.array([t for t, _ in flat], np.int32),
        counts=np.array([c for _, c in flat], np.int32),
        vocabulary=StringColumn.from_strings([f"t{i:06}" for i in range(n_terms)]),
        forms=StringColumn.from_strings([f"T{i:06}" for i in range(n_terms)]),
        local_terms=np.zeros(0, np.int32),
        local_languages=np.zeros(0, np.uint8),
        local_forms=StringColumn.from_strings([]),
        ids=StringColumn.from_strings([f"a{i}" for i in range(n)]),
        urls=StringColumn.from_strings([f"site.example/{i}" for i in range(n)]),
        cards=StringColumn.from_strings([f'{{"title":"Title {i}"}}' for i in range(n)]),
        languages=np.array(languages if languages is not None else [0] * n, np.uint8),
        published=np.arange(n, dtype=np.int64),
    )


def index_of(folder: Path, corpus: Corpus, weights: WeightSettings | None = None) -> Index:
    """Write ``corpus`` as an index in ``folder`` and open it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_generation(
        folder,
        corpus,
        weights=weights or WeightSettings(max_df=1.0),
        about=ABOUT,
        languages=["en", "ru", "uk"],
    )
    return Index.open(folder)


def memory_index(corpus: Corpus, weights: WeightSettings | None = None) -> Index:
    """Return the index of ``corpus`` without touching the disk, for tests that need hundreds."""
    chosen = weights or WeightSettings(max_df=1.0)
    segment, df = make_segment(corpus)
    norms = kernels.norms(*segment.rows.arrays(), *factors(chosen, df, segment.n_docs))
    manifest = Manifest(1, "2026-03-01T00:00:00+00:00", "0", "none", {}, ("en",), {}, {}, {}, {})
    return Index(manifest, segment, Statistics.of(chosen, df, norms), df)
