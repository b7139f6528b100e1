"""Large realistic corpora: real passages recombined within a section.

    python -m benchmarks.generator --articles 100000 --seed 7 --out FOLDER [--source NAME]

Articles come in the order of their dates. Most belong to a story: its articles retell passages of
the same one or two real articles, in other words here and there, and add passages of the section.
A story has names of its own for what the real articles name, some of them new, as many as Heaps'
law asks for; so the vocabulary grows with the corpus, and two stories told from the same real
article are not one. Lengths are those of the real articles.

A corpus is a prefix of every longer one of the same seed and source, and the same in any shards.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import _ours
from benchmarks._bank import Bank, make_bank
from benchmarks._recombine import count_articles, render, write_articles
from benchmarks.corpora import load, source_name
from recommender._strings import StringColumn, concatenate

__all__ = ["Generator", "Shard"]

SHARD = 16_384
STORY_SHARE = 0.7  # of the articles
MEAN_STORY = 8.0  # articles of a story
SPREAD = 60.0  # articles between two of a story, on average
A_DAY = 300
FIRST_DAY = 1_325_376_000  # 2012-01-01
SHARES = np.array([1 / 25, 0.8, 0.3, 0.55, 0.2, 0.1, 0.02, 240.0])  # see write_articles
POOL_RATE = 1.5  # bank articles open to a story, for each article before it
COVERED = 0.48  # bank articles whose words have been used, for each article
NEW_NAMES = 1.4  # names to invent for each that is to be seen
_SOUNDS = {
    "la": ("bdfgklmnprstvz", "aou", "nkr"),
    "cy": ("бвгдзклмнпрстх", "аоу", "нкр"),
}


@dataclass(frozen=True, slots=True)
class Shard:
    """Consecutive articles of a generated corpus.

    Attributes
    ----------
    first : place of the first
    stories, published : (n,) int64
    texts : StringColumn
    """

    first: int
    stories: NDArray[np.int64]
    published: NDArray[np.int64]
    texts: StringColumn


class Generator:
    """A corpus of ``n`` articles, made when it is asked for.

    Parameters
    ----------
    bank : Bank
    n : articles
    seed : int >= 0
    """

    def __init__(self, bank: Bank, n: int, *, seed: int = 7) -> None:
        self.bank, self.n, self.seed = bank, n, seed
        self.stories, births, sizes = _stories(n, seed)
        self._births = births
        self._name_ptr, self._n_names = _new_names(bank, births, sizes)
        lengths = np.maximum(bank.lengths, 1)
        drawn = np.random.default_rng([seed, 4]).integers(0, bank.n_articles, n)
        self._lengths = lengths[drawn]
        self.names = _invented(int(self._name_ptr[-1] + self._n_names[-1]), bank.lang)

    def shards(self, size: int = SHARD) -> Iterator[Shard]:
        """Yield the articles in the order of their dates."""
        bank = self.bank
        for first in range(0, self.n, size):
            indptr, tokens, breaks = self._write(first, min(first + size, self.n))
            columns = (bank.words, self.names, bank.separators)
            data, offsets = render(indptr, tokens, breaks, *((c.data, c.offsets) for c in columns))
            places = np.arange(first, min(first + size, self.n))
            published = FIRST_DAY + places * 86_400 // A_DAY
            yield Shard(first, self.stories[places], published, StringColumn(data, offsets))

    def rows(self, size: int = SHARD) -> _ours.Rows:
        """Return the same articles counted, without ever writing their text."""
        bank, parts = self.bank, []
        n_terms = len(bank.vocabulary)
        seen = np.zeros(n_terms + len(self.names), np.int32)
        for first in range(0, self.n, size):
            indptr, tokens, _ = self._write(first, min(first + size, self.n))
            parts.append(count_articles(indptr, tokens, bank.term_ptr, bank.terms, n_terms, seen))
        lengths = np.concatenate([np.diff(part[0]) for part in parts])
        terms = np.concatenate([part[1] for part in parts])
        counts = np.concatenate([part[2] for part in parts])
        pointers = np.concatenate([[0], np.cumsum(lengths)])
        return _occurring(pointers, terms, counts, concatenate([bank.vocabulary, self.names]))

    def _write(self, first: int, stop: int) -> tuple[NDArray[Any], ...]:
        bank = self.bank
        stretch = slice(first, stop)
        plan = (
            self.stories[stretch],
            self._lengths[stretch],
            self._births,
            self._name_ptr,
            self._n_names,
        )
        source = (bank.tokens, bank.breaks, bank.sentences, bank.articles)
        sections = (bank.sections, bank.section_ptr, bank.section_articles)
        written: tuple[NDArray[Any], ...] = write_articles(
            first, plan, source, sections, bank.is_name, SHARES, POOL_RATE, self.seed
        )
        return written


def _stories(n: int, seed: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the story of each article, and the birth (in articles) and size of each story."""
    streams = [np.random.default_rng([seed, part]) for part in range(4)]
    mean = 1 / (STORY_SHARE / MEAN_STORY + 1 - STORY_SHARE)
    n_stories = int(1.2 * n / mean) + 200
    single_share = (1 - STORY_SHARE) * mean  # of the stories
    sizes = np.minimum(30, 1 + streams[0].geometric(1 / (MEAN_STORY - 1), n_stories))
    sizes[streams[1].random(n_stories) < single_share] = 1
    births = np.cumsum(streams[2].exponential(mean, n_stories))
    ends = np.cumsum(sizes)
    gaps = streams[3].exponential(SPREAD, ends[-1])
    gaps[ends - sizes] = 0.0
    steps = np.cumsum(gaps)
    owners = np.repeat(np.arange(n_stories), sizes)
    times = births[owners] + steps - steps[(ends - sizes)[owners]]
    order = np.argsort(times, kind="stable")[:n]
    return owners[order], births, sizes


def _new_names(
    bank: Bank, births: NDArray[np.float64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first name and the number of names that each story invents, by Heaps' law."""
    k, beta = bank.heaps
    places = np.maximum(births, 1.0)
    wanted = k * places**beta
    real = k * np.minimum(places * COVERED, bank.n_articles) ** beta
    grown = np.maximum.accumulate(np.maximum(0.0, wanted - real)) * NEW_NAMES
    ends = grown.astype(np.int64)
    return np.concatenate([[0], ends[:-1]]), np.diff(ends, prepend=0)


def _invented(n: int, lang: str) -> StringColumn:
    """Return ``n`` different names, made of syllables."""
    consonants, vowels, lasts = _SOUNDS["cy" if lang in ("uk", "ru") else "la"]
    syllables = [c + v for c in consonants for v in vowels]
    base, names = len(syllables), []
    for i in range(n):
        number, name = i // len(lasts) + base * base, ""
        while number:
            number, place = divmod(number, base)
            name += syllables[place]
        names.append(name.capitalize() + lasts[i % len(lasts)])
    return StringColumn.from_strings(names)


def _occurring(
    indptr: NDArray[np.int64],
    terms: NDArray[np.int32],
    counts: NDArray[np.int32],
    vocabulary: StringColumn,
) -> _ours.Rows:
    """Leave out terms that no article holds."""
    held = np.zeros(len(vocabulary), np.bool_)
    held[terms] = True
    number = (np.cumsum(held) - 1).astype(np.int32)
    return _ours.Rows(indptr, number[terms], counts, vocabulary.take(np.flatnonzero(held)))


def write(generator: Generator, folder: Path) -> None:
    """Write the corpus as Parquet, a file a shard: id, title, body, section, published_at."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    for shard in generator.shards():
        texts = list(shard.texts)
        n = len(texts)
        table = pa.table(
            {
                "id": [f"g{shard.first + i:08}" for i in range(n)],
                "lang": [generator.bank.lang] * n,
                "title": [" ".join(text.split()[:9]) for text in texts],
                "body": texts,
                "section": [str(story) for story in shard.stories],
                "published_at": pa.array(shard.published, pa.timestamp("s", tz="UTC")),
            }
        )
        pq.write_table(table, folder / f"articles-{shard.first:08}.parquet")


def main() -> None:
    """Write a corpus to a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--source", default=source_name())
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    bank = make_bank(load(options.source), seed=options.seed)
    write(Generator(bank, options.articles, seed=options.seed), options.out)


if __name__ == "__main__":
    main()
