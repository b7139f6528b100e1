"""Merging: the standing documents of several segments, and new ones, as one corpus.

What comes out is what counting the articles again would give, but for the words that terms are
shown as: those are taken from the first that has the term.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recommender._keys import hash_rows
from recommender._strings import StringColumn, concatenate, sort_rows
from recommender.index.invert import WINDOW, RowBlock
from recommender.index.rows import CSR, stack_rows, take_rows, unpack_rows
from recommender.index.segment import Segment, document_order
from recommender.index.writer import Corpus

__all__ = ["Source", "corpus_source", "merge", "segment_source"]


@dataclass(frozen=True, slots=True)
class Source:
    """Documents to merge.

    Attributes
    ----------
    about : all but their rows; ``blocks`` is empty
    rows : returns the rows of some of the documents, terms as places in ``about.vocabulary``
    """

    about: Corpus
    rows: Callable[[NDArray[np.int64]], CSR]


def segment_source(segment: Segment, docs: NDArray[np.int32]) -> Source:
    """Return some documents of a segment, ascending."""
    terms, languages = np.divmod(np.asarray(segment.local_keys), 256)
    about = Corpus(
        blocks=(),
        vocabulary=segment.terms,
        forms=segment.forms,
        local_terms=terms.astype(np.int32),
        local_languages=languages.astype(np.uint8),
        local_forms=segment.local_forms,
        ids=segment.ids.take(docs),
        urls=segment.urls.take(docs),
        cards=segment.cards.take(docs),
        languages=np.asarray(segment.languages)[docs],
        published=np.asarray(segment.published)[docs],
        digests=np.asarray(segment.digests)[docs],
    )

    def rows(places: NDArray[np.int64]) -> CSR:
        wanted = np.ascontiguousarray(docs[places], np.int32)
        found: CSR = unpack_rows(*segment.rows.arrays(), wanted)
        return found

    return Source(about, rows)


def corpus_source(corpus: Corpus) -> Source:
    """Return all documents of a corpus."""
    whole = stack_rows([(b.indptr, b.numbers[b.terms], b.codes) for b in corpus.blocks])
    return Source(replace(corpus, blocks=()), lambda places: take_rows(whole, places))


def merge(sources: Sequence[Source]) -> tuple[Corpus, NDArray[np.int64]]:
    """Return all documents as one corpus, by publishing time, then id; undated first.

    Returns
    -------
    The corpus, and (n_docs,) int64, the place of each of its documents in the sources, one after
    another.
    """
    abouts = [source.about for source in sources]
    numbers, vocabulary, chosen = _united([about.vocabulary for about in abouts])
    ids = concatenate([about.ids for about in abouts])
    order = document_order(np.concatenate([a.published for a in abouts]), ids.bytes_at)
    blocks = list(_blocks(sources, numbers, order, len(vocabulary)))
    used = _used(blocks, len(vocabulary))
    kept = np.flatnonzero(used)
    places = np.where(used, np.cumsum(used) - 1, -1).astype(np.int32)
    local = _local(abouts, [places[of] for of in numbers])
    corpus = Corpus(
        blocks=[
            block._replace(terms=places[block.terms], numbers=np.arange(len(kept), dtype=np.int32))
            for block in blocks
        ],
        vocabulary=vocabulary.take(kept),
        forms=concatenate([about.forms for about in abouts]).take(chosen[kept]),
        local_terms=local[0],
        local_languages=local[1],
        local_forms=local[2],
        ids=ids.take(order),
        urls=concatenate([about.urls for about in abouts]).take(order),
        cards=concatenate([about.cards for about in abouts]).take(order),
        languages=np.concatenate([about.languages for about in abouts])[order],
        published=np.concatenate([about.published for about in abouts])[order],
        digests=np.concatenate([about.digests for about in abouts])[order],
    )
    return corpus, order


def _united(
    vocabularies: Sequence[StringColumn],
) -> tuple[list[NDArray[np.int32]], StringColumn, NDArray[np.int64]]:
    """Return each term's united number, the terms by hash, then bytes, and where each first is."""
    strings = concatenate(vocabularies)
    order, is_new = sort_rows(strings, hash_rows(strings))
    numbers = np.empty(len(strings), np.int32)
    numbers[order] = np.cumsum(is_new, dtype=np.int32) - 1
    chosen = np.full(int(is_new.sum()), len(strings), np.int64)
    np.minimum.at(chosen, numbers, np.arange(len(strings)))
    cuts = np.cumsum([len(vocabulary) for vocabulary in vocabularies])[:-1]
    return np.split(numbers, cuts), strings.take(chosen), chosen


def _blocks(
    sources: Sequence[Source],
    numbers: Sequence[NDArray[np.int32]],
    order: NDArray[np.int64],
    n_terms: int,
) -> Iterator[RowBlock]:
    """Yield the rows in their new order, a window at a time."""
    ends = np.cumsum([len(source.about.ids) for source in sources])
    every = np.arange(n_terms, dtype=np.int32)
    for first in range(0, len(order), WINDOW):
        wanted = order[first : first + WINDOW]
        home = np.searchsorted(ends, wanted, side="right")
        parts, places = [], []
        for i, source in enumerate(sources):
            here = np.flatnonzero(home == i)
            begin = int(ends[i]) - len(source.about.ids)
            indptr, terms, codes = source.rows(wanted[here] - begin)
            parts.append((indptr, numbers[i][terms], codes))
            places.append(here)
        back = np.argsort(np.concatenate(places))
        yield RowBlock(*take_rows(stack_rows(parts), back), every)


def _used(blocks: Sequence[RowBlock], n_terms: int) -> NDArray[np.bool_]:
    used = np.zeros(n_terms, np.bool_)
    for block in blocks:
        used[block.terms] = True
    return used


def _local(
    abouts: Sequence[Corpus], places: Sequence[NDArray[np.int32]]
) -> tuple[NDArray[np.int32], NDArray[np.uint8], StringColumn]:
    """Return the languages' own words of the terms that are used; of two the first."""
    terms = np.concatenate(
        [np.zeros(0, np.int32), *(of[a.local_terms] for a, of in zip(abouts, places, strict=True))]
    )
    languages = np.concatenate([np.zeros(0, np.uint8), *(a.local_languages for a in abouts)])
    keys = terms.astype(np.int64) * 256 + languages
    _, firsts = np.unique(keys, return_index=True)
    firsts = firsts[terms[firsts] >= 0]
    words = concatenate([about.local_forms for about in abouts])
    return terms[firsts], languages[firsts], words.take(firsts)
