"""Scores times priors: the lists are those of scoring everything, whatever the priors are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.index.reader import Choice, Index
from recommender.index.settings import SearchSettings
from tests.index.making import corpus_of, memory_index
from tests.index.test_related import N_DOCS, in_own_language, same, table_index
from tests.index.test_search import random_rows

N_TERMS = 25


@dataclass(frozen=True)
class Given:
    """Priors that are given."""

    values: NDArray[np.float64]

    def of(self, docs: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return those of some documents."""
        return self.values[docs]

    def between(self, first: int, stop: int) -> NDArray[np.float64]:
        """Return those of a run of documents."""
        return self.values[first:stop]


def by_scoring_everything(
    index: Index, doc: int, k: int, threshold: float, choice: Choice
) -> tuple[list[int], list[float]]:
    """Return the best of all documents by score times prior, ties by number."""
    query = index.query_of(doc)
    priors = choice.priors.between(0, index.n_docs) if choice.priors else np.ones(index.n_docs)
    found = []
    for other in range(index.n_docs):
        score = index.score(query, other) * float(priors[other])
        fine = other != doc and other not in choice.excluded and score > 0 and score >= threshold
        wanted = choice.languages
        if fine and (wanted is None or index.language_code(other) in wanted):
            found.append((-score, other))
    best = sorted(found)[:k]
    return [d for _, d in best], [-s for s, _ in best]


def some_priors(rng: np.random.Generator, kind: str, n: int) -> NDArray[np.float64]:
    """Return priors of one of several kinds."""
    if kind == "steep":
        steep: NDArray[np.float64] = np.exp2(-np.abs(np.arange(n) - rng.integers(0, n)) / 2.0)
        return steep
    if kind == "zeros":
        return (rng.random(n) < 0.3).astype(np.float64)
    if kind == "alike":
        return np.full(n, 0.37)
    return rng.random(n)


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(["steep", "zeros", "alike", "random"]),
    k=st.integers(1, 12),
    threshold=st.sampled_from([0.0, 0.05, 0.3]),
)
def test_search_with_priors_equals_scoring_everything(
    seed: int, kind: str, k: int, threshold: float
) -> None:
    """Ids and scores; a decay breaks nothing."""
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, N_DOCS, N_TERMS)
    index = memory_index(corpus_of(rows, n_terms=N_TERMS))
    priors = Given(some_priors(rng, kind, N_DOCS))
    for doc in range(0, N_DOCS, 7):
        choice = Choice(excluded=frozenset({3, doc}), priors=priors)
        found = index.search(index.query_of(doc), k, threshold=threshold, choice=choice)

        docs, scores = by_scoring_everything(index, doc, k, threshold, choice)
        assert docs == found.docs.tolist()
        assert scores == found.scores.tolist()


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 30),
    width=st.sampled_from([1, 2, 8, 64]),
    kind=st.sampled_from(["steep", "zeros", "alike", "random"]),
    k=st.integers(1, 12),
)
def test_related_with_priors_equals_a_search(seed: int, width: int, kind: str, k: int) -> None:
    """From the table only where no other can be better; in plain Python too."""
    index = table_index(seed, width)
    plain = replace(index, compiled=False)
    priors = Given(some_priors(np.random.default_rng(seed), kind, N_DOCS))
    for doc in range(0, N_DOCS, 5):
        choice = in_own_language(index, doc, priors=priors)
        expected = index.search(index.query_of(doc), k, choice=choice)

        assert same(expected, index.related(doc, k, choice=choice))
        assert same(expected, plain.related(doc, k, choice=choice))


def test_related_with_steep_priors_looks_beyond_the_table() -> None:
    """A table of two is not enough where the near ones count nothing."""
    index = table_index(1, 2)
    doc = next(d for d in range(N_DOCS) if len(index.related(d, 9).docs) >= 6)
    near = index.related(doc, 2, choice=in_own_language(index, doc)).docs
    values = np.ones(N_DOCS)
    values[near] = 1e-6

    found = index.related(doc, 2, choice=in_own_language(index, doc, priors=Given(values)))

    assert not set(near.tolist()) & set(found.docs.tolist())


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_search_with_priors_scores_as_a_score_does(mode: str) -> None:
    """Whatever the effort, what is found has its true score times its prior."""
    rng = np.random.default_rng(4)
    index = memory_index(corpus_of(random_rows(rng, N_DOCS, N_TERMS), n_terms=N_TERMS))
    choice = Choice(priors=Given(rng.random(N_DOCS)))
    effort = SearchSettings(mode=mode, candidates=8)
    for doc in range(0, N_DOCS, 9):
        found = index.search(index.query_of(doc), 3, choice=choice, effort=effort)

        known = dict(zip(*by_scoring_everything(index, doc, N_DOCS, 0.0, choice), strict=True))
        assert [known[d] for d in found.docs.tolist()] == found.scores.tolist()


@pytest.mark.parametrize("k", [1, 3, 60])
def test_latest_are_the_last_published_that_may_be_found(k: int) -> None:
    """By time, the last first, in the languages and out of the mask."""
    index = table_index(3, 1)
    mask = np.arange(N_DOCS) % 3 > 0
    choice = Choice(frozenset({1}), mask, frozenset({50}), 5, 58)
    expected = [
        doc
        for doc in reversed(range(5, 58))
        if mask[doc] and doc != 50 and index.language_code(doc) == 1
    ][:k]

    assert expected == index.latest(k, choice).tolist()
