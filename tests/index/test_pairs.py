"""Every pair of a short list: the loop, its twin in plain Python, and the formula."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommender.index.reader import Index, Query
from tests.index.making import corpus_of, memory_index
from tests.index.test_search import random_rows

N_DOCS, N_TERMS = 30, 60


def index_of_rows(seed: int) -> Index:
    """Return an index of short and long rows."""
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, N_DOCS, N_TERMS)
    for i in range(0, N_DOCS, 3):
        rows[i] = {int(t): int(rng.geometric(0.4)) for t in rng.choice(N_TERMS, 40, replace=False)}
    rows[5], rows[6], rows[7] = {}, dict(rows[0]), {t: c for t, c in rows[0].items() if t % 2}
    return memory_index(corpus_of(rows, n_terms=N_TERMS))


def by_formula(index: Index, one: Query, other: Query) -> tuple[float, float]:
    """Return cosine and containment, term by term."""
    tf, idf2 = index.collection.tf, index.collection.idf_squared
    a = {int(t): float(tf[c]) for t, c in zip(one.terms, one.codes, strict=True)}
    b = {int(t): float(tf[c]) for t, c in zip(other.terms, other.codes, strict=True)}
    inner = sum(a[t] * b[t] * idf2[t] for t in a if t in b)
    shared = sum(min(a[t], b[t]) * idf2[t] for t in a if t in b)
    lengths = [sum(w * w * idf2[t] for t, w in row.items()) ** 0.5 for row in (a, b)]
    totals = [sum(w * idf2[t] for t, w in row.items()) for row in (a, b)]
    total = max(totals) if min(len(a), len(b)) < 20 else min(totals)
    cosine = inner / (lengths[0] * lengths[1]) if lengths[0] * lengths[1] else 0.0
    return cosine, (shared / total if total else 0.0)


@hypothesis_settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), data=st.data())
def test_compare_is_the_formula_for_every_pair(seed: int, data: st.DataObject) -> None:
    """With a query before the documents or without; compiled or not."""
    index = index_of_rows(seed)
    docs = np.array(data.draw(st.lists(st.integers(0, N_DOCS - 1), max_size=8)), np.int32)
    query = index.query_of(0) if data.draw(st.booleans()) else None
    rows = ([query] if query else []) + [index.query_of(int(doc)) for doc in docs]

    cosines, contained = index.compare(docs, query)
    plain = replace(index, compiled=False).compare(docs, query)

    assert (len(rows), len(rows)) == cosines.shape == contained.shape
    for i, j in itertools.product(range(len(rows)), repeat=2):
        expected = by_formula(index, rows[i], rows[j])
        assert (cosines[i, j], contained[i, j]) == pytest.approx(expected, abs=2**-29)
        assert (plain[0][i, j], plain[1][i, j]) == pytest.approx(expected, abs=2**-29)


def test_compare_holds_a_cut_for_contained_and_a_headline_for_not() -> None:
    """Half of a long text is a copy; a text of few words is in too many others."""
    index = index_of_rows(2)
    _, contained = index.compare(np.array([0, 6, 7], np.int32))

    assert contained[0, 1] == 1.0
    few = len(index.query_of(7).terms) < 20
    assert (contained[0, 2] < 0.8) if few else (contained[0, 2] == 1.0)
