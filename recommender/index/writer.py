"""The only code that writes an index: rows of term counts in, a published generation out."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._files import storage_errors, write_array
from recommender._keys import KeyTable
from recommender._strings import StringColumn
from recommender.errors import DamagedIndexError, StorageError
from recommender.index import kernels
from recommender.index.manifest import (
    Manifest,
    collect,
    folder_record,
    generations,
    live,
    make_live,
    remove_debris,
    segment_name,
    settle,
)
from recommender.index.reader import Index, factors
from recommender.index.segment import Segment, invert
from recommender.weighting import WeightSettings, encode_counts

__all__ = ["Corpus", "make_segment", "write_generation"]

KEEP_GENERATIONS = 3


@dataclass(frozen=True, slots=True)
class Corpus:
    """Counted articles, in document order, ready to be written.

    Attributes
    ----------
    indptr, terms, counts : rows of term counts; terms int32 ascending in a row
    vocabulary, forms : StringColumn of n_terms
    local_terms, local_languages : (n_local,) int32, (n_local,) uint8, ascending as pairs
    local_forms : StringColumn of n_local, how a language writes a term, where otherwise than forms
    ids, urls, cards : StringColumn of n_docs
    languages : (n_docs,) uint8; published : (n_docs,) int64 seconds
    """

    indptr: NDArray[np.int64]
    terms: NDArray[np.int32]
    counts: NDArray[np.int32]
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


def make_segment(corpus: Corpus) -> tuple[Segment, NDArray[np.int32]]:
    """Return the segment of a corpus and its document frequencies.

    Terms are numbered by falling document frequency.
    The commonest terms get the smallest numbers, which makes the packed rows short; equal
    frequencies keep the order of the vocabulary, so the numbering depends on nothing but the
    articles.

    Returns
    -------
    Segment, and df : (n_terms,) int32
    """
    n_terms = len(corpus.vocabulary)
    df = np.bincount(corpus.terms, minlength=n_terms).astype(np.int32)
    order = np.argsort(-df, kind="stable")
    number = np.empty(n_terms, np.int32)
    number[order] = np.arange(n_terms, dtype=np.int32)
    terms, counts = _sorted_rows(corpus.indptr, number[corpus.terms], corpus.counts)
    postings, rows = invert(corpus.indptr, terms, encode_counts(counts), n_terms)
    vocabulary, forms = corpus.vocabulary.take(order), corpus.forms.take(order)
    local_keys = number[corpus.local_terms].astype(np.int64) * 256 + corpus.local_languages
    local_order = np.argsort(local_keys)
    ids, urls = corpus.ids.compact(), corpus.urls.compact()
    segment = Segment(
        postings=postings,
        rows=rows,
        terms=vocabulary,
        forms=forms,
        local_forms=corpus.local_forms.take(local_order),
        local_keys=local_keys[local_order],
        ids=ids,
        urls=urls,
        cards=corpus.cards.compact(),
        term_keys=KeyTable.build(vocabulary),
        id_keys=KeyTable.build(ids),
        url_keys=KeyTable.build(urls),
        languages=corpus.languages,
        published=corpus.published,
    )
    return segment, df[order]


def _sorted_rows(
    indptr: NDArray[np.int64], terms: NDArray[np.int32], counts: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Sort each row by term number."""
    docs = np.repeat(np.arange(len(indptr) - 1, dtype=np.int64), np.diff(indptr))
    order = np.argsort((docs << 32) | terms, kind="stable")
    return terms[order], counts[order]


def write_generation(
    root: Path,
    corpus: Corpus,
    *,
    weights: WeightSettings,
    about: Mapping[str, Any],
    languages: Sequence[str],
) -> Manifest:
    """Write ``corpus`` as the next generation of the index in ``root`` and make it the live one.

    Call with the writer lock held. Readers of older generations are not disturbed.

    Parameters
    ----------
    about : the manifest's settings, analysis, package, report, boilerplate
    languages : names of ``corpus.languages``

    Raises
    ------
    StorageError : the disk refused; nothing was published
    """
    remove_debris(root)
    segment, df = make_segment(corpus)
    staged = root / f"tmp-{os.getpid()}-{secrets.token_hex(4)}"
    with storage_errors(root):
        try:
            (staged / "segment").mkdir(parents=True)
            segment.write(staged / "segment")
            own = staged / "generation"
            own.mkdir()
            tf, idf_squared = factors(weights, df, segment.n_docs)
            write_array(own / "df.npy", df)
            write_array(own / "norms.npy", kernels.norms(*segment.rows.arrays(), tf, idf_squared))
            manifest = _manifest(root, staged, segment, weights, languages, about)
            (name,) = manifest.segments
            place = settle(root, own, manifest, {name: staged / "segment"})
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    _probe(root, manifest.generation, place)
    make_live(root, manifest.generation)
    collect(root, keep=KEEP_GENERATIONS)
    return manifest


def _probe(root: Path, generation: int, place: Path) -> None:
    """Open what was written and ask it, as a reader will; what cannot answer never goes live."""
    try:
        index = Index.open(root, generation=generation, verify=False)
        index.search_rows(np.array([index.n_docs - 1], np.int32), 1)
        index.warm_up()
    except BaseException as error:
        shutil.rmtree(place, ignore_errors=True)
        if isinstance(error, DamagedIndexError):
            raise StorageError(
                f"What was written to {root} cannot be read back: {error} "
                "Nothing was published. Check the disk, then run it again."
            ) from error
        raise


def _manifest(
    root: Path,
    staged: Path,
    segment: Segment,
    weights: WeightSettings,
    languages: Sequence[str],
    about: Mapping[str, Any],
) -> Manifest:
    before = generations(root)
    files = folder_record(staged / "segment")
    settings = {**about["settings"], "weights": asdict(weights)}
    return Manifest(
        generation=(before[-1] if before else 0) + 1,
        built_at=datetime.now(UTC).isoformat(timespec="seconds"),
        languages=tuple(languages),
        counts={
            "articles": segment.n_docs,
            "terms": segment.n_terms,
            "postings": len(segment.postings.docs),
        },
        segments={segment_name(files): files},
        files=folder_record(staged / "generation"),
        parent=live(root),
        **{**about, "settings": settings},
    )
