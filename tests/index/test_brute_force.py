"""A campaign: what any search finds is what scoring every pair finds, whatever is asked of it.

The indexes are small and many: of one segment or several, with articles that are gone, with
columns or without, fresh or updated on a disk. What is found is compared with an oracle that knows
the articles alone, ids and scores bit for bit.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender._strings import StringColumn
from recommender.candidates import Candidates
from recommender.index.collection import count_terms, number_terms
from recommender.index.part import Choice
from recommender.index.reader import Index, Query
from recommender.index.settings import SearchSettings
from recommender.index.writer import make_segment
from recommender.weighting import WeightSettings, encode_counts
from tests.index.making import alone
from tests.index.oracle import Pairs
from tests.index.test_updater import WEIGHTS, Doc, Script, corpus, random_doc

QUERIES = 50  # of each index
EXACT = SearchSettings("exact")
Docs = Mapping[str, Doc]


@dataclass(frozen=True)
class Asked:
    """What is asked of a search, in the words of the articles.

    Attributes
    ----------
    row : counts of the query; name : the article that it is, or none
    languages, since, until : as in a choice; names : articles that the mask lets through
    """

    row: Mapping[int, int]
    name: str | None
    k: int
    threshold: float
    languages: frozenset[int] | None
    names: frozenset[str] | None
    excluded: frozenset[str]
    since: int | None
    until: int | None

    def allows(self, name: str, doc: Doc) -> bool:
        """Tell whether an article may be found."""
        return (
            name != self.name
            and name not in self.excluded
            and (self.languages is None or doc.language in self.languages)
            and (self.names is None or name in self.names)
            and (self.since is None or doc.published >= self.since)
            and (self.until is None or doc.published < self.until)
        )

    def choice(self, index: Index) -> Choice:
        """Return what the index is told."""
        mask = None
        if self.names is not None:
            mask = np.zeros(index.n_docs, np.bool_)
            mask[numbers_of(index, self.names)] = True
        excluded = frozenset(numbers_of(index, self.excluded))
        return Choice(self.languages, mask, excluded, self.since, self.until)


def numbers_of(index: Index, names: Iterable[str]) -> list[int]:
    """Return the documents of articles that the index has."""
    found = [index.find_id(name) for name in names]
    return [doc for doc in found if doc is not None]


def asked(rng: random.Random, docs: Docs, scores: Callable[[Mapping[int, int]], Any]) -> Asked:
    """Return something to ask; a threshold may be just the score of an article."""
    names, newest = sorted(docs), len(docs)
    name = rng.choice(names) if rng.random() < 0.8 else None
    row = docs[name].row if name else random_doc(rng, 0).row
    own = frozenset({docs[name].language}) if name else None
    some = frozenset(rng.sample(names, rng.randint(0, len(names))))
    return Asked(
        row,
        name,
        k=rng.choice([1, 2, 4, 10, 100]),
        threshold=rng.choice([0.0, 0.0, 0.15, 0.5, 1.0, min(1.0, rng.choice(scores(row)))]),
        languages=rng.choice([None, own, own, frozenset({0, 2}), frozenset()]),
        names=rng.choice([None, None, some]),
        excluded=frozenset(rng.sample(names, rng.choice([0, 0, min(3, newest)]))),
        since=rng.choice([None, None, None, rng.randint(-1, 110)]),
        until=rng.choice([None, None, None, rng.randint(-1, 110)]),
    )


def best(ask: Asked, docs: Docs, scores: Iterable[float]) -> list[tuple[str, float]]:
    """Return what must be found: best first, ties by time, then by the bytes of the id."""
    found = [
        (name, score)
        for (name, doc), score in zip(docs.items(), scores, strict=True)
        if score > 0 and score >= ask.threshold and ask.allows(name, doc)
    ]
    found.sort(key=lambda one: (-one[1], docs[one[0]].published, one[0].encode()))
    return found[: ask.k]


def query_of(index: Index, ask: Asked) -> Query:
    """Return the article as the index has it, or a draft of words that it knows."""
    if ask.name is not None:
        doc = index.find_id(ask.name)
        assert doc is not None
        return index.query_of(doc)
    terms = sorted(ask.row)
    numbers = index.term_numbers(StringColumn.from_strings([f"t{term:06}" for term in terms]))
    codes = encode_counts(np.array([ask.row[term] for term in terms], np.int64))
    order = np.argsort(numbers)[np.count_nonzero(numbers < 0) :]
    return Query(numbers[order], codes[order])


def answers(index: Index, ask: Asked) -> list[Candidates]:
    """Ask every way that promises exact answers."""
    query, choice = query_of(index, ask), ask.choice(index)
    found = [index.search(query, ask.k, threshold=ask.threshold, choice=choice)]
    if query.doc is not None:
        found += [
            index.related(query.doc, ask.k, threshold=ask.threshold, choice=choice, effort=effort)
            for effort in ((EXACT, SearchSettings()) if index.is_fresh else (EXACT,))
        ]
    return found


# --- the indexes ---


def updated(rng: random.Random, root: Path) -> tuple[Index, Docs, WeightSettings]:
    """Return an index that articles came to and went from, on a disk."""
    script = Script(root, rng.randrange(10**6), rng.choice(WEIGHTS))
    for _ in range(rng.randint(0, 3)):
        script.step()
    return Index.open(root), script.docs, script.weights


def assembled(rng: random.Random, _: Path) -> tuple[Index, Docs, WeightSettings]:
    """Return an index in memory of one to four segments, of which any terms have columns."""
    weights, every = rng.choice(WEIGHTS), {f"a{i}": random_doc(rng, i) for i in range(60)}
    names, n = rng.sample(sorted(every), rng.randint(1, 60)), rng.randint(1, 4)
    columns = rng.choice([{"share": 0.0, "least": 1}, {"share": 0.2, "least": 1}, {}])
    pieces = [corpus({name: every[name] for name in names[i::n]}) for i in range(n)]
    made = [make_segment(piece, weights, columns=columns) for piece in pieces]
    segments = [alone(segment, weights).parts[0].segment for segment in made]
    for array in (a for segment in segments for a in segment.arrays().values()):
        array.setflags(write=False)  # as an opened index has them: the same compiled loops
    ids = [str(name) for segment in segments for name in segment.ids]
    gone = sorted(rng.sample(range(len(ids)), rng.randint(0, len(ids) - 1)))
    ends = np.cumsum([0, *(segment.n_docs for segment in segments)]).tolist()
    absent = [
        np.array([doc - first for doc in gone if first <= doc < stop], np.int32)
        for first, stop in pairwise(ends)
    ]
    numbers = number_terms(segments)
    index = Index.assemble(
        alone(segments[0], weights).manifest,
        segments,
        weights,
        numbers=numbers,
        df=count_terms(segments, numbers, absent),
        gone=np.array(gone, np.int32),
    )
    left = [name for doc, name in enumerate(ids) if doc not in set(gone)]
    return index, {name: every[name] for name in left}, weights


def check_indexes(seeds: Iterable[int], folder: Path) -> int:
    """Ask of many indexes; return how many questions were answered as brute force does."""
    n = 0
    for seed in seeds:
        rng = random.Random(seed)
        make = assembled if seed % 2 else updated
        index, docs, weights = make(rng, folder / str(seed))
        n += check_index(index, docs, weights, rng) if docs else 0
    return n


def check_index(index: Index, docs: Docs, weights: WeightSettings, rng: random.Random) -> int:
    """Ask of one index; return how many questions there were."""
    pairs, n = Pairs([doc.row for doc in docs.values()], weights), 0
    for _ in range(QUERIES):
        ask = asked(rng, docs, pairs.scores)
        expected = best(ask, docs, pairs.scores(ask.row))
        for found in answers(index, ask):
            names = [index.article_id(doc) for doc in found.docs.tolist()]
            assert expected == list(zip(names, found.scores.tolist(), strict=True)), ask
            n += 1
    return n


def test_search_of_any_index_equals_brute_force_in_a_thousand_queries(fast_folder: Path) -> None:
    """A sample of the campaign beneath."""
    assert check_indexes(range(12), fast_folder) > 1_000


@pytest.mark.full
def test_search_of_any_index_equals_brute_force_in_a_hundred_thousand_queries(
    fast_folder: Path,
) -> None:
    """Languages, mask, exclusions, time, thresholds and k, of articles and of drafts."""
    assert check_indexes(range(1_200), fast_folder) > 100_000


@pytest.mark.parametrize("seed", [1, 2])
def test_search_with_other_weights_than_the_oracle_has_is_noticed(
    fast_folder: Path, seed: int
) -> None:
    """The campaign sees what it is for: scores that are a little off."""
    make = assembled if seed % 2 else updated
    index, docs, _ = make(random.Random(seed), fast_folder / f"other-{seed}")

    with pytest.raises(AssertionError):
        check_index(index, docs, WeightSettings(min_df=3), random.Random(seed))
