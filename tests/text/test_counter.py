"""Counting chunk by chunk: any chunking, any sharding, one result."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender._strings import StringColumn
from recommender.errors import InputError
from recommender.text.analyzer import Analyzer, TextSettings
from recommender.text.counter import TermCounter, first_cuts, merge_forms, unite
from recommender.text.counts import Forms, RowCounts

WORDS = (
    "Київ КИЇВ київ ракета ракети missile Missiles the в 2022 2022-го 90-х п’ять 日本 "
    "й\u0306а k" + "иїв " + "щ" * 70
)
TEXTS = st.lists(st.sampled_from(WORDS.split()), max_size=8).map(" ".join)
ARTICLES = st.lists(st.tuples(TEXTS, TEXTS, st.sampled_from(["uk", "ru", "en", "xx"])), max_size=8)
WEIGHTS = {"title": 3, "body": 1, "tags": 0}
Article = tuple[str, str, str]


def chunk(articles: Sequence[Article]) -> tuple[dict[str, StringColumn], list[str]]:
    """Return the arguments of ``add``."""
    columns = {
        name: StringColumn.from_strings([article[i] for article in articles])
        for i, name in enumerate(("title", "body"))
    }
    columns["tags"] = StringColumn.from_strings(["unread"] * len(articles))
    return columns, [article[2] for article in articles]


def rows_of(rows: RowCounts, numbers: Any) -> list[list[tuple[int, int]]]:
    """Return each row as sorted pairs of united number and count."""
    pairs = zip(numbers[rows.terms].tolist(), rows.counts.tolist(), strict=True)
    flat = list(pairs)
    return [sorted(flat[a:b]) for a, b in pairwise(rows.indptr.tolist())]


def forms_of(forms: Forms) -> list[Any]:
    """Return forms in a comparable form."""
    arrays = (forms.terms, forms.langs, forms.counts, forms.capitalised, forms.upper)
    return [forms.languages, list(forms.surfaces), *((a.dtype.str, a.tolist()) for a in arrays)]


def counted(shards: Sequence[Sequence[Sequence[Article]]], analyzer: Analyzer) -> list[Any]:
    """Count shards of chunks apart and unite them."""
    counters, rows = [], []
    for chunks in shards:
        counter = TermCounter(analyzer, WEIGHTS)
        counters.append(counter)
        rows.append([counter.add(*chunk(articles)) for articles in chunks])
    vocabulary, maps = unite([counter.vocabulary for counter in counters])
    forms = merge_forms([counter.forms() for counter in counters], maps)
    found = [r for parts, m in zip(rows, maps, strict=True) for p in parts for r in rows_of(p, m)]
    overlong = sum(counter.n_overlong for counter in counters)
    return [list(vocabulary), found, forms_of(forms), overlong]


@settings(max_examples=200, deadline=None)
@given(ARTICLES, st.data(), st.sampled_from([(1, 1), (1, 1), (1, 2)]))
def test_any_chunks_and_shards_give_one_result(
    articles: list[Article], data: st.DataObject, ngram_range: tuple[int, int]
) -> None:
    """However articles are cut, rows, vocabulary and forms are the same."""
    analyzer = Analyzer(TextSettings(ngram_range=ngram_range))
    cuts = st.lists(st.integers(0, len(articles)), max_size=3).map(sorted)

    def cut(some: Sequence[Any], at: list[int]) -> list[Sequence[Any]]:
        return [some[a:b] for a, b in zip([0, *at], [*at, len(some)], strict=True)]

    shards = [cut(shard, data.draw(cuts)) for shard in cut(articles, data.draw(cuts))]
    assert counted([[articles]], analyzer) == counted(shards, analyzer)


@settings(max_examples=200, deadline=None)
@given(ARTICLES)
def test_rows_hold_the_terms_of_their_articles(articles: list[Article]) -> None:
    """A row is what ``Analyzer.terms`` gives, each field times its weight."""
    analyzer = Analyzer()
    counter = TermCounter(analyzer, WEIGHTS)
    rows = counter.add(*chunk(articles))
    names = list(counter.vocabulary)
    expected = []
    for title, body, lang in articles:
        row: dict[str, int] = {}
        for text, weight in ((title, 3), (body, 1)):
            for term in analyzer.terms(text, lang):
                row[term] = row.get(term, 0) + weight
        expected.append(row)
    found = [
        {names[rows.terms[k]]: int(rows.counts[k]) for k in range(a, b)}
        for a, b in zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
    ]
    assert expected == found
    assert ["int64", "int32", "int32"] == [
        array.dtype.name for array in (rows.indptr, rows.terms, rows.counts)
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.text(min_size=1, max_size=12), unique=True), max_size=4), st.randoms())
def test_union_depends_on_the_set_alone(parts: list[list[str]], random: Any) -> None:
    """The order of a union is the same for any dealing out of the same strings."""
    columns = [StringColumn.from_strings(part) for part in parts]
    united, maps = unite(columns)
    for column, numbers in zip(columns, maps, strict=True):
        assert list(column) == [united[i] for i in numbers.tolist()]
    together = sorted({string for column in columns for string in column})
    random.shuffle(together)
    again, _ = unite([StringColumn.from_strings(together)])
    assert list(united) == list(again)
    assert len(together) == len(united)


def test_word_more_often_than_a_packed_count_holds_is_counted_in_full() -> None:
    """Totals of a chunk with millions of occurrences of a word are those of its rows."""
    counter = TermCounter(Analyzer(), {"body": 1})
    texts = ["bridge " * 900_000, "Bridge " * 900_000, "BRIDGE " * 900_000, "river"]
    rows = counter.add({"body": StringColumn.from_strings(texts)}, ["en"] * 4)
    forms = counter.forms()
    assert [900_000, 900_000, 900_000, 1] == rows.counts.tolist()
    assert [2_700_000, 1] == forms.counts.tolist()
    assert [1_800_000, 0] == forms.capitalised.tolist()
    assert [900_000, 0] == forms.upper.tolist()


def test_long_row_is_counted_in_portions() -> None:
    """More words than are looked up at a time, and more types than the table begins with."""
    words = [f"word{i % 9000}" for i in range(30_000)]
    counter = TermCounter(Analyzer(TextSettings(stemming="none")), {"body": 2})
    rows = counter.add({"body": StringColumn.from_strings([" ".join(words), "word5"])}, ["en"] * 2)
    assert [0, 9000, 9001] == rows.indptr.tolist()
    assert rows.counts.sum() == 2 * 30_001
    assert counter.forms().counts.sum() == 30_001


def test_mapped_and_sliced_columns_are_counted() -> None:
    """Read-only bytes and offsets that do not begin at 0 are read where they are."""
    whole = StringColumn.from_strings(["один", "два", "три три"])
    whole.data.setflags(write=False)
    counter = TermCounter(Analyzer(TextSettings(stemming="none")), {"body": 1})
    rows = counter.add({"body": whole.rows(1, 3)}, ["xx"] * 2)
    assert (["два", "три"], [1, 2]) == (list(counter.vocabulary), rows.counts.tolist())


def test_counter_refuses_what_does_not_fit() -> None:
    """Weights and columns are checked before anything is read."""
    with pytest.raises(InputError):
        TermCounter(Analyzer(), {"body": -1})
    counter = TermCounter(Analyzer(), {"body": 1})
    with pytest.raises(InputError):
        counter.add({"body": StringColumn.from_strings(["a"])}, ["en", "en"])
    with pytest.raises(InputError):
        counter.add({"title": StringColumn.from_strings(["a"])}, ["en"])


def test_counter_without_articles_is_empty() -> None:
    """No chunk, and a chunk of nothing."""
    counter = TermCounter(Analyzer(), {"body": 1})
    assert (0, 0) == (len(counter.vocabulary), len(counter.forms().terms))
    rows = counter.add({"body": StringColumn.from_strings([])}, [])
    assert ([0], 0) == (rows.indptr.tolist(), len(rows.terms))
    united, maps = unite([])
    assert (0, []) == (len(united), maps)
    assert np.array_equal(unite([counter.vocabulary])[1][0], np.zeros(0, np.int32))


@settings(deadline=None)
@given(st.lists(st.integers(0, 3 << 20), max_size=30))
def test_first_chunk_is_cut_where_a_megabyte_two_and_four_are_reached(sizes: list[int]) -> None:
    """No part is empty; each but the last ends with the first text that reaches a mark."""
    ends = np.cumsum(sizes)
    cuts = first_cuts(np.array(sizes, np.int64))

    reached = [
        int(np.argmax(ends >= mark << 20)) + 1 for mark in (1, 2, 4) if sum(sizes) >= mark << 20
    ]
    assert sorted({cut for cut in reached if cut < len(sizes)}) == cuts
    assert all(len(part) for part in np.split(np.array(sizes), cuts)) or not sizes


def test_types_that_come_in_many_chunks_are_counted_as_in_one() -> None:
    """What is known of types is moved to longer arrays; their totals stay."""
    texts = [" ".join(f"Word{j}x " for j in range(i, i + 40)) for i in range(0, 4000, 20)]
    one, many = (TermCounter(Analyzer(), {"body": 1}) for _ in range(2))
    whole = one.add({"body": StringColumn.from_strings(texts)}, ["en"] * len(texts))
    parts = [many.add({"body": StringColumn.from_strings([text])}, ["en"]) for text in texts]

    assert forms_of(one.forms()) == forms_of(many.forms())
    assert list(one.vocabulary) == list(many.vocabulary)
    assert whole.counts.tolist() == [n for part in parts for n in part.counts.tolist()]
