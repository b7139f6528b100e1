"""From rows of term counts to a segment: what a build and every change of an index write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._keys import KeyTable
from recommender._memory import give_back
from recommender._strings import StringColumn
from recommender.errors import InputError
from recommender.index.invert import (
    RowBlock,
    count_documents,
    invert,
    n_columns,
    tf_levels,
)
from recommender.index.rows import packed_at_most
from recommender.index.segment import Postings, Rows, Segment
from recommender.weighting import COUNT_OF_CODE, WeightSettings, tf_weights

__all__ = ["MAX_POSTINGS", "Corpus", "check_size", "make_segment"]

MAX_DOCS = MAX_TERMS = 2**31 - 2
MAX_POSTINGS = 2**32
MAX_PACKED = 2**32 - 1
"""What an index can hold: numbers of articles and terms are 32-bit, and so are the places where
packed rows begin; four billion postings, which take as many numbers there, are refused before work
begins, since a machine that could serve them is not what this is made for."""


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
    digests : (n_docs,) uint64, of all that was read of the article
    spend_blocks : whether the list ``blocks`` is emptied when a segment is made of it, so that
        rows and postings are not held both at once
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
    digests: NDArray[np.uint64]
    spend_blocks: bool = False


def make_segment(
    corpus: Corpus, weights: WeightSettings, *, columns: Mapping[str, Any] | None = None
) -> Segment:
    """Return the segment of a corpus. What depends on the collection (``segment.LATER``) is empty.

    Terms are numbered by falling document frequency. The commonest terms get the smallest numbers,
    which makes the packed rows short; equal frequencies keep the order of the vocabulary, so the
    numbering depends on nothing but the articles.

    Parameters
    ----------
    columns : ``share`` and ``least`` of ``invert.n_columns``, where not the usual

    Raises
    ------
    InputError : more articles, terms or postings than an index can hold
    """
    vocabulary = corpus.vocabulary
    n_postings = sum(len(block.terms) for block in corpus.blocks)
    check_size(len(corpus.ids), len(vocabulary), n_postings)
    by_window = count_documents(corpus.blocks, len(vocabulary))
    df = by_window.sum(axis=0, dtype=np.int32)
    order = np.argsort(-df, kind="stable")
    every_code = (block.codes for block in corpus.blocks)
    check_size(n_packed=packed_at_most(df[order], len(corpus.ids), every_code))
    number = np.empty(len(vocabulary), np.int32)
    number[order] = np.arange(len(vocabulary), dtype=np.int32)
    blocks = _renumbered(corpus.blocks, number)
    if corpus.spend_blocks and isinstance(corpus.blocks, list):
        corpus.blocks.clear()
    give_back()
    levels, _, _ = tf_levels(tf_weights(COUNT_OF_CODE, sublinear_tf=weights.sublinear_tf))
    df, by_window = df[order], by_window[:, order]
    n_dense = n_columns(df, len(corpus.ids), **columns or {}) if weights.sublinear_tf else 0
    inverted = invert(blocks, by_window, levels, n_dense, spend=True)
    local_keys = number[corpus.local_terms].astype(np.int64) * 256 + corpus.local_languages
    local_order = np.argsort(local_keys)
    terms, ids, urls = vocabulary.take(order), corpus.ids.compact(), corpus.urls.compact()
    return Segment(
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
        digests=corpus.digests,
        df=df,
        idf_squared=np.zeros(0),
        norms=np.zeros(0),
        neighbours=np.zeros(0, np.int32),
    )


def _renumbered(blocks: Sequence[RowBlock], number: NDArray[np.int32]) -> list[RowBlock]:
    """Return the blocks with other numbers for their terms; those that share them go on so."""
    made: dict[int, NDArray[np.int32]] = {}
    for block in blocks:
        if id(block.numbers) not in made:
            made[id(block.numbers)] = number[block.numbers]
    return [block._replace(numbers=made[id(block.numbers)]) for block in blocks]


def check_size(n_docs: int = 0, n_terms: int = 0, n_postings: int = 0, n_packed: int = 0) -> None:
    """Raise InputError for a corpus larger than one index can be."""
    for what, found, limit in (
        ("articles", n_docs, MAX_DOCS),
        ("distinct terms", n_terms, MAX_TERMS),
        ("pairs of article and term", n_postings, MAX_POSTINGS),
        ("numbers in packed rows, or nearly so", n_packed, MAX_PACKED),
    ):
        if found > limit:
            raise InputError(
                f"This corpus has {found:,} {what}; one index holds at most {limit:,}. Split it "
                "by site or by year, or leave out rare words with a higher min_df."
            )
