"""Small corpora of counted articles for the index's tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._strings import StringColumn
from recommender.index.collection import factors
from recommender.index.invert import RowBlock
from recommender.index.lengths import weighed
from recommender.index.manifest import Manifest
from recommender.index.publisher import write_generation
from recommender.index.reader import Index
from recommender.index.segment import Segment
from recommender.index.settings import GenerationSettings, SearchSettings
from recommender.index.writer import Corpus, make_segment
from recommender.weighting import WeightSettings, encode_counts

KEEP_ALL = GenerationSettings()

ABOUT = {
    "settings": {},
    "analysis": "none",
    "package": "0",
    "report": {},
    "boilerplate": (),
}


def corpus_of(
    rows: Sequence[Mapping[int, int]],
    *,
    n_terms: int,
    languages: Sequence[int] | None = None,
    cuts: Sequence[int] = (),
) -> Corpus:
    """Return a corpus whose document i holds ``rows[i]``, a mapping of term number to count.

    ``cuts`` are the documents that begin another block of rows.
    """
    n = len(rows)
    bounds = [0, *cuts, n]
    blocks = [block_of(rows[a:b], n_terms) for a, b in pairwise(bounds)]
    return Corpus(
        blocks=blocks,
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
        digests=np.arange(n, dtype=np.uint64),
    )


def block_of(rows: Sequence[Mapping[int, int]], n_terms: int) -> RowBlock:
    """Return rows of counts as a block; their terms stand in the order of the mapping."""
    indptr = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=indptr[1:])
    counts = np.array([c for row in rows for c in row.values()], np.int64)
    terms = np.array([t for row in rows for t in row], np.int32)
    return RowBlock(indptr, terms, encode_counts(counts), np.arange(n_terms, dtype=np.int32))


def index_of(
    folder: Path,
    corpus: Corpus,
    weights: WeightSettings | None = None,
    *,
    search: SearchSettings | None = None,
    keeping: GenerationSettings = KEEP_ALL,
) -> Index:
    """Write ``corpus`` as an index in ``folder`` and open it.

    ``search`` says how the table of neighbours is made; None = there is none. ``keeping`` says
    which older generations stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_generation(
        folder,
        corpus,
        weights=weights or WeightSettings(max_df=1.0),
        about={**ABOUT, "settings": {} if search is None else {"search": asdict(search)}},
        languages=["en", "ru", "uk"],
        neighbours=None if search is None else lambda index: table_of(index, search),
        keeping=keeping,
    )
    return Index.open(folder)


def table_of(index: Index, search: SearchSettings) -> NDArray[np.int32]:
    """Return the table of neighbours, found in one go."""
    every = np.arange(index.n_docs, dtype=np.int32)
    return index.search_rows(every, search.neighbours, effort=search)[0].ravel()


def with_table(index: Index, search: SearchSettings) -> Index:
    """Return the index with a table of neighbours, as a reader sees it."""
    settings = {**index.manifest.settings, "search": asdict(search)}
    manifest = replace(index.manifest, settings=settings)
    return with_arrays(replace(index, manifest=manifest), neighbours=table_of(index, search))


def with_arrays(index: Index, **arrays: Any) -> Index:
    """Return the index of one segment with other arrays in it."""
    (part,) = index.parts
    segment = replace(part.segment, **arrays)
    collection = replace(index.collection, segments=(segment,))
    return replace(index, parts=(replace(part, segment=segment),), collection=collection)


def memory_index(
    corpus: Corpus,
    weights: WeightSettings | None = None,
    *,
    columns: Mapping[str, float] | None = None,
) -> Index:
    """Return the index of ``corpus`` without touching the disk, for tests that need hundreds.

    ``columns`` says which terms get one, as ``make_segment`` takes it.
    """
    chosen = weights or WeightSettings(max_df=1.0)
    segment = make_segment(corpus, chosen, columns=columns)
    # As an opened index has them, so that the loops of one serve the other.
    for array in segment.arrays().values():
        array.setflags(write=False)
    return alone(segment, chosen)


def alone(segment: Segment, weights: WeightSettings) -> Index:
    """Return the index of one segment."""
    segment = weighed(segment, *factors(weights, segment.df, segment.n_docs))
    manifest = Manifest(
        1, "2026-03-01T00:00:00+00:00", "0", "none", {}, ("en",), {}, {}, ("seg",), {"seg": {}}, {}
    )
    numbers, gone = np.arange(segment.n_terms, dtype=np.int32), np.zeros(0, np.int32)
    return Index.assemble(
        manifest, [segment], weights, numbers=[numbers], df=np.array(segment.df), gone=gone
    )
