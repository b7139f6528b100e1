"""Segments: arrays out, the same arrays in, and no way to load code with them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import recommender
from recommender.errors import DamagedIndexError
from recommender.index import rows as packed_rows
from recommender.index.invert import WINDOW, tf_levels
from recommender.index.segment import ARRAY_TYPES, Segment
from recommender.index.writer import make_segment
from recommender.weighting import COUNT_OF_CODE, WeightSettings, tf_weights
from tests.index.making import corpus_of

ROWS = [{0: 1, 3: 200}, {}, {3: 5000, 1: 2}, {3: 1}]
WEIGHTS = WeightSettings()
SOURCES = sorted(Path(str(recommender.__file__)).parent.rglob("*.py"))


def unpacked(row_ptr: Any, packed: Any) -> Any:
    """Return every row."""
    return packed_rows.unpack_rows(row_ptr, packed, np.arange(len(row_ptr) - 1, dtype=np.int32))


def test_open_gives_the_arrays_that_were_written(tmp_path: Path) -> None:
    """Every array comes back equal, of the same type, and nothing is left out."""
    segment = make_segment(corpus_of(ROWS, n_terms=4), WEIGHTS)
    segment.write(tmp_path)
    opened = Segment.open(tmp_path).arrays()

    assert sorted(ARRAY_TYPES) == sorted(segment.arrays()) == sorted(opened)
    assert sorted(f"{name}.npy" for name in ARRAY_TYPES) == sorted(
        p.name for p in tmp_path.iterdir()
    )
    for name, array in segment.arrays().items():
        assert array.tolist() == opened[name].tolist()
        assert ARRAY_TYPES[name] == str(opened[name].dtype) == str(array.dtype)


def test_open_segment_of_no_articles(tmp_path: Path) -> None:
    """An empty index is an index."""
    segment = make_segment(corpus_of([], n_terms=0), WEIGHTS)
    segment.write(tmp_path)
    opened = Segment.open(tmp_path)

    assert (opened.n_docs, opened.n_terms, len(segment.df)) == (0, 0, 0)
    assert opened.id_keys.find("a0") == -1


@pytest.mark.parametrize("name", sorted(ARRAY_TYPES))
def test_open_array_of_another_type_is_refused(tmp_path: Path, name: str) -> None:
    """The compiled loops trust types, so each file's type is checked when it is opened."""
    make_segment(corpus_of(ROWS, n_terms=4), WEIGHTS).write(tmp_path)
    np.save(tmp_path / f"{name}.npy", np.load(tmp_path / f"{name}.npy").astype(np.float32))

    with pytest.raises(DamagedIndexError, match=f"{name}.npy holds float32"):
        Segment.open(tmp_path)


@pytest.mark.parametrize("name", ["terms.data", "ids.offsets", "postings.docs", "published"])
def test_open_array_of_objects_is_refused(tmp_path: Path, name: str) -> None:
    """Objects need pickle, and pickle runs code."""
    make_segment(corpus_of(ROWS, n_terms=4), WEIGHTS).write(tmp_path)
    np.save(tmp_path / f"{name}.npy", np.array([{}], dtype=object), allow_pickle=True)

    with pytest.raises(DamagedIndexError, match=f"{name}.npy"):
        Segment.open(tmp_path)


rows_of_counts = st.lists(
    st.dictionaries(st.integers(0, 400), st.integers(1, 200_000), max_size=8), max_size=12
)


@hypothesis_settings(deadline=None)
@given(rows=rows_of_counts, share=st.sampled_from([0.0, 0.3, 2.0]))
def test_make_segment_rows_and_postings_hold_the_corpus(
    rows: list[dict[int, int]], share: float
) -> None:
    """By document and by term, each count is there under its term's name, once."""
    corpus = corpus_of(rows, n_terms=401)
    segment = make_segment(corpus, WEIGHTS, columns={"share": share, "least": 1})
    levels, _, _ = tf_levels(tf_weights(COUNT_OF_CODE))
    names = [int(name[1:]) for name in segment.terms]
    indptr, terms, codes = unpacked(*segment.rows.arrays())
    by_row = {
        (d, names[terms[j]], int(codes[j]))
        for d in range(segment.n_docs)
        for j in range(indptr[d], indptr[d + 1])
    }
    postings = segment.postings
    by_term = set()
    columns = postings.dense.reshape(segment.n_columns, segment.stride)
    for term in range(segment.n_columns):
        codes_of = {(d, t): code for d, t, code in by_row}
        for doc in np.flatnonzero(columns[term]).tolist():
            code = codes_of[doc, names[term]]
            assert columns[term, doc] == levels[code]
            by_term.add((doc, names[term], code))
    for term in range(segment.n_columns, segment.n_terms):
        place = term - segment.n_columns
        for e in range(postings.entry_ptr[place], postings.entry_ptr[place + 1]):
            window = int(postings.entry_windows[e])
            start = int(postings.bases[window]) + int(postings.entry_starts[e])
            for p in range(start, start + int(postings.entry_counts[e]) + 1):
                doc = window * WINDOW + int(postings.docs[p])
                by_term.add((doc, names[term], int(postings.codes[p])))

    assert by_row == by_term
    assert {(d, t) for d, row in enumerate(rows) for t in row} == {(d, t) for d, t, _ in by_row}
    assert [sum(t in row for row in rows) for t in names] == segment.df.tolist()
    assert (np.diff(segment.df) <= 0).all()
    assert packed_rows.check_rows(segment.rows.row_ptr, segment.rows.packed, segment.n_terms) == 0


@hypothesis_settings(deadline=None, max_examples=120)
@given(data=st.data(), rows=rows_of_counts.filter(lambda rows: any(rows)))
def test_check_rows_accepts_only_what_unpacks_within_bounds(
    data: Any, rows: list[dict[int, int]]
) -> None:
    """A number or pointer changed at random is either seen, or still leads to terms that exist."""
    segment = make_segment(corpus_of(rows, n_terms=401), WEIGHTS)
    row_ptr, packed = (array.copy() for array in segment.rows.arrays())
    if data.draw(st.booleans()):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 65_535))
    else:
        place = data.draw(st.integers(0, len(row_ptr) - 1))
        row_ptr[place] = data.draw(st.integers(0, 99) | st.integers(2**32 - 9, 2**32 - 1))

    if packed_rows.check_rows(row_ptr, packed, 401) == 0:
        _, terms, _ = unpacked(row_ptr, packed)

        assert len(terms) == 0 or (0 <= terms.min() and terms.max() < 401)


# Compiled loops are code, and kept as numba keeps them: pickled, in folders of who installs.
DATA_SOURCES = [path for path in SOURCES if path.name != "_jit_cache.py"]


@pytest.mark.parametrize("path", DATA_SOURCES, ids=lambda p: p.name)
def test_sources_nothing_loads_code_from_data(path: Path) -> None:
    """No pickle, marshal, shelve, joblib.load, allow_pickle=True, eval or exec anywhere."""
    forbidden_modules = {"pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not {a.name.split(".")[0] for a in node.names} & forbidden_modules
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in forbidden_modules
            assert not (node.module == "joblib" and {a.name for a in node.names} & {"load", "dump"})
        if isinstance(node, ast.Call):
            assert _called(node.func) not in {"eval", "exec", "joblib.load", "joblib.dump"}
            assert not any(_allows_pickle(keyword) for keyword in node.keywords)


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return f"{function.value.id}.{function.attr}"
    return function.id if isinstance(function, ast.Name) else ""


def _allows_pickle(keyword: ast.keyword) -> bool:
    allowed = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
    return keyword.arg == "allow_pickle" and not allowed
