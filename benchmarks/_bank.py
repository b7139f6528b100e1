"""Real articles cut into words and sentences: what the generator recombines."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks import _ours
from benchmarks.corpora import Texts
from recommender._strings import StringColumn

__all__ = ["Bank", "make_bank"]

_PARTS = re.compile(r"^\W*(.*?)(\W*)$", re.DOTALL)
_PARAGRAPH = 4  # every so many sentences end a paragraph
_MAX_SENTENCE = 60


@dataclass(frozen=True, slots=True)
class Bank:
    """Articles in a random order, as numbers.

    Attributes
    ----------
    lang : language of the articles
    words, separators : StringColumn; what stands between words ends in a space or a line end
    tokens, breaks : (n_tokens,) int32, uint8; word and separator numbers
    sentences : (n_sentences + 1,) int64, in tokens
    articles : (n_articles + 1,) int64, in sentences
    sections : (n_articles,) int32
    section_ptr, section_articles : articles of each section, ascending
    is_name : (n_words,) bool, capitalised words that may be renamed
    term_ptr, terms : CSR of word to the terms it is counted as
    vocabulary : StringColumn of those terms
    heaps : (k, beta), vocabulary = k * articles ** beta
    """

    lang: str
    words: StringColumn
    separators: StringColumn
    tokens: NDArray[np.int32]
    breaks: NDArray[np.uint8]
    sentences: NDArray[np.int64]
    articles: NDArray[np.int64]
    sections: NDArray[np.int32]
    section_ptr: NDArray[np.int64]
    section_articles: NDArray[np.int32]
    is_name: NDArray[np.bool_]
    term_ptr: NDArray[np.int64]
    terms: NDArray[np.int32]
    vocabulary: StringColumn
    heaps: tuple[float, float]

    @property
    def n_articles(self) -> int:
        """Real articles in the bank."""
        return len(self.sections)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Words of each article."""
        return np.diff(self.sentences[self.articles])


def make_bank(source: Texts, *, seed: int = 0) -> Bank:
    """Cut articles into words and sentences; ``seed`` chooses their order."""
    order = np.random.default_rng(seed).permutation(len(source.texts))
    pieces, chunks, pointers = _chunks([source.texts[i] for i in order])
    words, separators, word_of, separator_of, is_end = _types(pieces)
    tokens, breaks = word_of[chunks], separator_of[chunks]
    kept = tokens >= 0
    new_pointers = np.concatenate([[0], np.cumsum(kept)])[pointers]
    tokens, breaks, ends = tokens[kept], breaks[kept], is_end[chunks][kept]
    sentences, articles = _sentences(ends, new_pointers)
    breaks = breaks.copy()
    breaks[sentences[_PARAGRAPH::_PARAGRAPH] - 1] = len(separators) - 1
    sections = _sections([source.sections[i] for i in order])
    by_section = np.argsort(sections, kind="stable").astype(np.int32)
    counted = _ours.count(words, source.lang)
    return Bank(
        lang=source.lang,
        words=StringColumn.from_strings(words),
        separators=StringColumn.from_strings(separators),
        tokens=tokens,
        breaks=breaks,
        sentences=sentences,
        articles=articles,
        sections=sections,
        section_ptr=np.concatenate([[0], np.cumsum(np.bincount(sections))]),
        section_articles=by_section,
        is_name=_names(words, tokens, len(order)),
        term_ptr=counted.indptr,
        terms=counted.terms,
        vocabulary=counted.vocabulary,
        heaps=_heaps(tokens, sentences[articles], counted),
    )


def _chunks(texts: list[str]) -> tuple[list[str], NDArray[np.int32], NDArray[np.int64]]:
    """Return what stands between spaces, the texts as numbers of it, and where each ends."""
    table: dict[str, int] = {}
    parts = [np.zeros(0, np.int32)]
    for text in texts:
        numbers = [table.setdefault(piece, len(table)) for piece in text.split()]
        parts.append(np.array(numbers, np.int32))
    pointers = np.cumsum([len(part) for part in parts])
    return list(table), np.concatenate(parts), pointers


def _types(
    pieces: list[str],
) -> tuple[list[str], list[str], NDArray[np.int32], NDArray[np.uint8], NDArray[np.bool_]]:
    """Split each piece into a word and what follows it."""
    matches = [_PARTS.match(piece) for piece in pieces]
    split = [(match[1], match[2]) if match else ("", "") for match in matches]
    common = [end for end, _ in Counter(end for _, end in split).most_common(200)]
    places = {end: i for i, end in enumerate(common)}
    numbers: dict[str, int] = {"": -1}
    for word, _ in split:
        numbers.setdefault(word, len(numbers) - 1)
    word_of = np.array([numbers[word] for word, _ in split], np.int32)
    separator_of = np.array([places.get(end, 0) for _, end in split], np.uint8)
    is_end = np.array([any(mark in end for mark in ".!?…") for _, end in split], np.bool_)
    separators = [f"{end} " for end in common] + [".\n\n"]
    return list(numbers)[1:], separators, word_of, separator_of, is_end


def _sentences(
    ends: NDArray[np.bool_], pointers: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where sentences begin, in words, and where articles begin, in sentences."""
    marks = ends.copy()
    marks[pointers[1:][np.diff(pointers) > 0] - 1] = True
    marks[_MAX_SENTENCE - 1 :: _MAX_SENTENCE] = True
    sentences = np.concatenate([[0], np.flatnonzero(marks) + 1])
    return sentences, np.searchsorted(sentences, pointers)


def _sections(names: list[str]) -> NDArray[np.int32]:
    return np.unique(np.array(names, dtype=np.str_), return_inverse=True)[1].astype(np.int32)


def _names(words: list[str], tokens: NDArray[np.int32], n_articles: int) -> NDArray[np.bool_]:
    """Return which words are rare, capitalised and never written small."""
    known = set(words)
    seen = np.bincount(tokens, minlength=len(words))
    shaped = [
        w[:1].isupper() and len(w) > 2 and w.isalpha() and w.lower() not in known for w in words
    ]
    return np.array(shaped, np.bool_) & (seen < max(20, 0.02 * n_articles))


def _heaps(
    tokens: NDArray[np.int32], bounds: NDArray[np.int64], counted: _ours.Rows
) -> tuple[float, float]:
    """Fit Heaps' law, vocabulary = k * articles ** beta with beta in 0.5..0.6, on the bank.

    Articles in a random order give a smaller beta than a paper's years do; hence the bounds.
    """
    n = len(bounds) - 1
    quarter, whole = (_n_terms(tokens[: bounds[stop]], counted) for stop in (max(1, n // 4), n))
    beta = float(np.log(whole / quarter) / np.log(n / max(1, n // 4))) if n > 1 else 0.5
    beta = min(0.6, max(0.5, beta))
    return whole / n**beta, beta


def _n_terms(tokens: NDArray[np.int32], counted: _ours.Rows) -> int:
    words = np.unique(tokens)
    spans = zip(counted.indptr[words], counted.indptr[words + 1], strict=True)
    return len(np.unique(np.concatenate([counted.terms[a:b] for a, b in spans])))
