"""The only code that writes an index: rows of term counts in, a published generation out."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._files import map_array, storage_errors, write_array
from recommender._keys import KeyTable
from recommender._strings import StringColumn
from recommender.errors import DamagedIndexError, InputError, StorageError
from recommender.index import rows
from recommender.index.invert import (
    RowBlock,
    count_documents,
    invert,
    n_columns,
    tf_levels,
)
from recommender.index.keeping import collect, discard
from recommender.index.manifest import (
    Manifest,
    folder_record,
    generations,
    live,
    make_live,
    remove_debris,
    scratch_folder,
    segment_name,
    segments,
    settle,
)
from recommender.index.reader import NEIGHBOURS, Index, factors, statistics_of
from recommender.index.segment import Postings, Rows, Segment
from recommender.index.settings import GenerationSettings
from recommender.weighting import COUNT_OF_CODE, WeightSettings, tf_weights

__all__ = ["MAX_POSTINGS", "Corpus", "check_size", "make_segment", "write_generation"]

DEFAULT_KEEPING = GenerationSettings()

MAX_DOCS = MAX_TERMS = 2**31 - 2
MAX_POSTINGS = 2**32
"""What an index can hold: numbers of articles and terms are 32-bit, and four billion postings are
refused before work begins, since a machine that could serve them is not what this is made for."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Counted articles, in document order, ready to be written.

    Attributes
    ----------
    blocks : rows of term counts, one after another; ``numbers`` are places in the vocabulary
    vocabulary, forms : StringColumn of n_terms, in an order that depends on nothing but the terms
    local_terms, local_languages : (n_local,) int32, (n_local,) uint8, ascending as pairs
    local_forms : StringColumn of n_local, how a language writes a term, where otherwise than forms
    ids, urls, cards : StringColumn of n_docs
    languages : (n_docs,) uint8; published : (n_docs,) int64 seconds
    """

    blocks: Sequence[RowBlock]
    vocabulary: StringColumn
    forms: StringColumn
    local_terms: NDArray[np.int32]
    local_languages: NDArray[np.uint8]
    local_forms: StringColumn
    ids: StringColumn
    urls: StringColumn
    cards: StringColumn
    languages: NDArray[np.uint8]
    published: NDArray[np.int64]


def make_segment(
    corpus: Corpus, weights: WeightSettings, *, columns: Mapping[str, Any] | None = None
) -> tuple[Segment, NDArray[np.int32]]:
    """Return the segment of a corpus and its document frequencies.

    Terms are numbered by falling document frequency. The commonest terms get the smallest numbers,
    which makes the packed rows short; equal frequencies keep the order of the vocabulary, so the
    numbering depends on nothing but the articles.

    Parameters
    ----------
    weights : only whether they are sublinear matters; counts as they are do not fit columns
    columns : ``share`` and ``least`` of ``invert.n_columns``, where not the usual

    Returns
    -------
    Segment, and df : (n_terms,) int32, falling
    """
    vocabulary = corpus.vocabulary
    n_postings = sum(len(block.terms) for block in corpus.blocks)
    check_size(len(corpus.ids), len(vocabulary), n_postings)
    by_window = count_documents(corpus.blocks, len(vocabulary))
    df = by_window.sum(axis=0, dtype=np.int32)
    order = np.argsort(-df, kind="stable")
    number = np.empty(len(vocabulary), np.int32)
    number[order] = np.arange(len(vocabulary), dtype=np.int32)
    blocks = [block._replace(numbers=number[block.numbers]) for block in corpus.blocks]
    levels, _, _ = tf_levels(tf_weights(COUNT_OF_CODE, sublinear_tf=weights.sublinear_tf))
    df, by_window = df[order], by_window[:, order]
    n_dense = n_columns(df, len(corpus.ids), **columns or {}) if weights.sublinear_tf else 0
    inverted = invert(blocks, by_window, levels, n_dense)
    local_keys = number[corpus.local_terms].astype(np.int64) * 256 + corpus.local_languages
    local_order = np.argsort(local_keys)
    terms, ids, urls = vocabulary.take(order), corpus.ids.compact(), corpus.urls.compact()
    segment = Segment(
        postings=Postings(*inverted[:-2]),
        rows=Rows(*inverted[-2:]),
        terms=terms,
        forms=corpus.forms.take(order),
        local_forms=corpus.local_forms.take(local_order),
        local_keys=local_keys[local_order],
        ids=ids,
        urls=urls,
        cards=corpus.cards.compact(),
        term_keys=KeyTable.build(terms),
        id_keys=KeyTable.build(ids),
        url_keys=KeyTable.build(urls),
        languages=corpus.languages,
        published=corpus.published,
    )
    return segment, df


def check_size(n_docs: int, n_terms: int, n_postings: int) -> None:
    """Raise InputError for a corpus larger than one index can be."""
    for what, found, limit in (
        ("articles", n_docs, MAX_DOCS),
        ("distinct terms", n_terms, MAX_TERMS),
        ("pairs of article and term", n_postings, MAX_POSTINGS),
    ):
        if found > limit:
            raise InputError(
                f"This corpus has {found:,} {what}; one index holds at most {limit:,}. Split it "
                "by site or by year, or leave out rare words with a higher min_df."
            )


def write_generation(
    root: Path,
    corpus: Corpus,
    *,
    weights: WeightSettings,
    about: Mapping[str, Any],
    languages: Sequence[str],
    neighbours: Callable[[Index], NDArray[np.int32]] | None = None,
    gate: Callable[[Index], None] | None = None,
    keeping: GenerationSettings = DEFAULT_KEEPING,
) -> Manifest:
    """Write ``corpus`` as the next generation of the index in ``root`` and make it the live one.

    Call with the writer lock held. Readers of older generations are not disturbed.

    Parameters
    ----------
    about : the manifest's settings, analysis, package, report, boilerplate
    languages : names of ``corpus.languages``
    neighbours : finds the table of neighbours of what is about to be published
    gate : is given what is about to be published; what it raises stops it, and nothing is left
    keeping : which older generations are kept

    Raises
    ------
    InputError : more articles, terms or postings than an index can hold
    StorageError : the disk refused; nothing was published
    """
    remove_debris(root)
    segment, df = make_segment(corpus, weights)
    staged, before = scratch_folder(root), segments(root)
    with storage_errors(root):
        try:
            (staged / "segment").mkdir(parents=True)
            segment.write(staged / "segment")
            del segment
            own = staged / "generation"
            own.mkdir()
            manifest = _manifest(root, staged, df, weights, languages, about)
            index = _staged_index(staged, df, weights, manifest)
            if neighbours is not None:
                write_array(own / NEIGHBOURS, neighbours(index))
            del index
            manifest = replace(manifest, files=folder_record(own))
            (name,) = manifest.segments
            settle(root, own, manifest, {name: staged / "segment"})
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    try:
        index = _probe(root, manifest.generation)
        if gate is not None:
            gate(index)
        del index
    except BaseException:
        discard(root, manifest, older=before)
        raise
    make_live(root, manifest.generation)
    with contextlib.suppress(OSError):  # the new one has been published, whatever the old ones are
        collect(root, keeping)
    return manifest


def _staged_index(
    staged: Path, df: NDArray[np.int32], weights: WeightSettings, manifest: Manifest
) -> Index:
    """Return what was written as a reader will see it, its statistics written too."""
    own = staged / "generation"
    segment = Segment.open(staged / "segment")
    tf, idf_squared = factors(weights, df, segment.n_docs)
    write_array(own / "df.npy", df)
    write_array(own / "norms.npy", rows.norms(*segment.rows.arrays(), tf, idf_squared))
    stored = map_array(own / "df.npy", np.int32), map_array(own / "norms.npy", np.float64)
    return Index(manifest, segment, statistics_of(weights, *stored))


def _probe(root: Path, generation: int) -> Index:
    """Open what was written and ask it, as a reader will; what cannot answer never goes live."""
    try:
        index = Index.open(root, generation=generation, verify=False)
        index.search_rows(np.arange(min(1, index.n_docs), dtype=np.int32), 1)
        index.warm_up()
    except DamagedIndexError as error:
        raise StorageError(
            f"What was written to {root} cannot be read back: {error} "
            "Nothing was published. Check the disk, then run it again."
        ) from error
    return index


def _manifest(
    root: Path,
    staged: Path,
    df: NDArray[np.int32],
    weights: WeightSettings,
    languages: Sequence[str],
    about: Mapping[str, Any],
) -> Manifest:
    before = generations(root)
    files = folder_record(staged / "segment")
    n_docs = len(map_array(staged / "segment" / "languages.npy", np.uint8))
    settings = {**about["settings"], "weights": asdict(weights)}
    return Manifest(
        generation=(before[-1] if before else 0) + 1,
        built_at=datetime.now(UTC).isoformat(timespec="seconds"),
        languages=tuple(languages),
        counts={
            "articles": n_docs,
            "terms": len(df),
            "postings": int(df.sum(dtype=np.int64)),
        },
        segments={segment_name(files): files},
        files={},
        parent=live(root),
        **{**about, "settings": settings},
    )
