"""Compiled loops of the generator: articles from the bank, their text, their term counts.

Every article has random numbers of its own, from the seed and its place, so that it does not depend
on the shards or on what was generated before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._jit import jit

__all__ = ["count_articles", "render", "write_articles"]

Array = NDArray[Any]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@jit
def _mix(a: Any, b: Any) -> Any:
    """Return 64 well-mixed bits of two numbers (SplitMix64, Steele et al. 2014)."""
    z = np.uint64(a) * _STEP + np.uint64(b) * _M2 + _STEP
    z = (z ^ (z >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    return z ^ (z >> _S31)


@jit
def _unit(state: Array) -> float:
    """Return the next number in 0..1 of a stream; ``state`` is (2,) uint64: key, counter."""
    state[1] += np.uint64(1)
    return float(_mix(state[0], state[1]) >> _S11) * 2.0**-53


@jit
def _below(state: Array, n: int) -> int:
    return min(n - 1, int(_unit(state) * n))


@jit
def _peer(state: Array, section: int, pool: int, section_ptr: Array, members: Array) -> Any:
    """Return a random article of a section among the first ``pool`` articles."""
    first, last = section_ptr[section], section_ptr[section + 1]
    size = np.searchsorted(members[first:last], pool)
    return members[first + _below(state, max(1, size))]


@jit
def _renamed(word: int, key: Any, first: int, n_new: int, old: float, shares: Array) -> int:
    """Return the invented name that a story has for a name, or -1 where it keeps the real one.

    ``first`` names were invented before the story, which brings ``n_new`` more; ``shares`` is the
    chance that a name is one of the new ones, per new name, and its ceiling.
    """
    h = _mix(key, word)
    u = float(h >> _S11) * 2.0**-53
    share = min(shares[1], n_new * shares[0])
    if u < share:
        return first + int(_mix(h, 1) % np.uint64(n_new))
    if u < share + (1.0 - share) * old and first > 0:
        v = float(_mix(h, 2) >> _S11) * 2.0**-53
        return int(first * v * v * v)
    return -1


@jit
def _copy_run(
    article: int,
    wanted: int,
    bank: tuple[Array, ...],
    state: Array,
    out: tuple[Array, Array],
    at: int,
) -> int:
    """Copy an article from a random sentence on, at most ``wanted`` words; return the new end."""
    tokens, breaks, sentences, articles = bank
    n = articles[article + 1] - articles[article]
    if n == 0:
        return at
    start = sentences[articles[article] + _below(state, n)]
    stop = min(start + wanted, sentences[articles[article + 1]])
    for j in range(start, stop):
        out[0][at] = tokens[j]
        out[1][at] = breaks[j]
        at += 1
    return at


@jit
def write_articles(
    first: int,
    plan: tuple[Array, ...],
    bank: tuple[Array, ...],
    sections: tuple[Array, Array, Array],
    is_name: Array,
    shares: Array,
    pool_rate: float,
    seed: int,
) -> tuple[Array, Array, Array]:
    """Write the articles of a stretch of the plan.

    Parameters
    ----------
    first : place of the first article in the whole
    plan : story of each article, its length in words; birth, first name and names of each story
    bank : tokens, breaks, sentences, articles
    sections : section of each bank article, section_ptr, section_articles
    shares : [per new name, most new, old, story part, second source, swapped, dropped, run]

    Returns
    -------
    indptr : (n + 1,) int64; tokens : int32, word numbers, from ``is_name.size`` on invented names;
    breaks : uint8
    """
    stories, lengths, births, name_ptr, n_names = plan
    n, n_bank = stories.size, sections[0].size
    indptr = np.zeros(n + 1, np.int64)
    total = lengths.sum()
    tokens, breaks = np.empty(total, np.int32), np.empty(total, np.uint8)
    own, told = np.zeros(2, np.uint64), np.zeros(2, np.uint64)
    at = 0
    for i in range(n):
        story, wanted = stories[i], at + lengths[i]
        key = _mix(seed, story)
        own[0], own[1] = _mix(key, first + i + 1), 0
        told[0], told[1] = key, 0
        pool = int(min(n_bank, max(min(n_bank, 64), births[story] * pool_rate)))
        main = _below(told, pool)
        section = sections[0][main]
        second = _peer(told, section, pool, sections[1], sections[2])
        begun = at
        part = int(lengths[i] * shares[3])
        out = (tokens, breaks)
        at = _copy_run(main, int(part * (1.0 - shares[4])), bank, own, out, at)
        at = _copy_run(second, max(0, part - (at - begun)), bank, own, out, at)
        tries = 0
        while at < wanted and tries < 200:
            tries += 1
            other = _peer(own, section, pool, sections[1], sections[2])
            run = min(wanted - at, int(shares[7] * (0.5 + _unit(own))) + 1)
            at = _copy_run(other, run, bank, own, out, at)
        end = begun
        for j in range(begun, at):
            u = _unit(own)
            if u < shares[6]:
                continue
            word = tokens[j]
            if u < shares[6] + shares[5]:
                word = tokens[begun + _below(own, at - begun)]
            if word < is_name.size and is_name[word]:
                name = _renamed(word, key, name_ptr[story], n_names[story], shares[2], shares)
                if name >= 0:
                    word = is_name.size + name
            tokens[end] = word
            breaks[end] = breaks[j]
            end += 1
        at = end
        indptr[i + 1] = at
    return indptr, tokens[:at], breaks[:at]


@jit
def render(
    indptr: Array,
    tokens: Array,
    breaks: Array,
    words: tuple[Array, Array],
    names: tuple[Array, Array],
    separators: tuple[Array, Array],
) -> tuple[Array, Array]:
    """Return the articles as UTF-8: data (uint8) and offsets (int64)."""
    n_words = words[1].size - 1
    offsets = np.zeros(indptr.size, np.int64)
    for i in range(indptr.size - 1):
        size = 0
        for j in range(indptr[i], indptr[i + 1]):
            t = tokens[j]
            if t < n_words:
                size += words[1][t + 1] - words[1][t]
            else:
                size += names[1][t - n_words + 1] - names[1][t - n_words]
            size += separators[1][breaks[j] + 1] - separators[1][breaks[j]]
        offsets[i + 1] = offsets[i] + size
    data = np.empty(offsets[-1], np.uint8)
    at = 0
    for j in range(tokens.size):
        t = tokens[j]
        source, place = (words, t) if t < n_words else (names, t - n_words)
        for b in range(source[1][place], source[1][place + 1]):
            data[at] = source[0][b]
            at += 1
        for b in range(separators[1][breaks[j]], separators[1][breaks[j] + 1]):
            data[at] = separators[0][b]
            at += 1
    return data, offsets


@jit
def count_articles(
    indptr: Array, tokens: Array, term_ptr: Array, terms: Array, n_terms: int, seen: Array
) -> tuple[Array, Array, Array]:
    """Return rows of term counts: indptr, terms (int32, ascending in a row), counts (int32).

    An invented name is a term of its own, from ``n_terms`` on; ``seen`` is (n terms of all,) int32
    of zeros, and is left so.
    """
    n_words = term_ptr.size - 1
    upper = np.int64(0)
    for j in range(tokens.size):
        t = tokens[j]
        upper += term_ptr[t + 1] - term_ptr[t] if t < n_words else 1
    out_terms, out_counts = np.empty(upper, np.int32), np.empty(upper, np.int32)
    out_ptr = np.zeros(indptr.size, np.int64)
    at = 0
    for i in range(indptr.size - 1):
        begun = at
        for j in range(indptr[i], indptr[i + 1]):
            t = tokens[j]
            if t >= n_words:
                term = n_terms + t - n_words
                if seen[term] == 0:
                    out_terms[at] = term
                    at += 1
                seen[term] += 1
                continue
            for e in range(term_ptr[t], term_ptr[t + 1]):
                if seen[terms[e]] == 0:
                    out_terms[at] = terms[e]
                    at += 1
                seen[terms[e]] += 1
        out_terms[begun:at].sort()
        for j in range(begun, at):
            out_counts[j] = seen[out_terms[j]]
            seen[out_terms[j]] = 0
        out_ptr[i + 1] = at
    return out_ptr, out_terms[:at].copy(), out_counts[:at].copy()
