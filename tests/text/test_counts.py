"""Term counts: merging parts, forms for display."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender._strings import StringColumn
from recommender.text.analyzer import Analyzer, TextSettings
from recommender.text.counts import TermCounts, display_forms, local_forms, merge_counts

WORDS = "Київ КИЇВ київ ракета ракети Ракетою missile Missiles в 2022 п’ять 日本 кіт " + "щ" * 70
TEXTS = st.lists(st.sampled_from(WORDS.split()), max_size=10).map(" ".join)
ANALYZER = Analyzer()


def counted(
    texts: list[str], langs: list[str] | None = None, analyzer: Analyzer = ANALYZER
) -> TermCounts:
    """Return the counts of texts, Ukrainian unless said."""
    columns = {"body": StringColumn.from_strings(texts)}
    return analyzer.count(columns, langs or ["uk"] * len(texts), weights={"body": 1})


def shown_of(counts: TermCounts) -> list[str]:
    """Return the words to show."""
    return list(display_forms(counts.vocabulary, counts.forms))


def parts_of(counts: TermCounts) -> list[object]:
    """Return everything in ``counts`` in a comparable form, dtypes too."""
    forms = counts.forms
    arrays: list[NDArray[Any]] = [counts.indptr, counts.terms, counts.counts]
    arrays += [forms.terms, forms.langs, forms.counts, forms.capitalised, forms.upper]
    plain = [(array.dtype.str, array.tolist()) for array in arrays]
    return [
        *plain,
        forms.languages,
        list(counts.vocabulary),
        list(forms.surfaces),
        counts.n_overlong,
    ]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.sampled_from(["uk", "ru", "en"])), max_size=8), st.data())
def test_merged_parts_equal_the_whole(articles: list[tuple[str, str]], data: st.DataObject) -> None:
    """However the documents are cut, even merged in two steps, the result is identical."""
    texts, langs = [t for t, _ in articles], [lang for _, lang in articles]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=4)))
    bounds = list(zip([0, *cuts], [*cuts, len(texts)], strict=True))
    parts = [counted(texts[a:b], langs[a:b]) for a, b in bounds]
    expected = parts_of(counted(texts, langs))
    assert expected == parts_of(merge_counts(parts))
    assert expected == parts_of(merge_counts([merge_counts(parts[:2]), *parts[2:]]))


def test_merge_of_nothing_is_empty() -> None:
    """No parts: no rows, no terms."""
    merged = merge_counts([])
    assert (0, 0, [0]) == (merged.n_docs, len(merged.vocabulary), merged.indptr.tolist())


def test_rows_without_terms_are_empty_rows() -> None:
    """Every article keeps its row."""
    counts = counted(["", "та і", "ракета", "—"])
    assert [0, 0, 0, 1, 1] == counts.indptr.tolist()
    dtypes = [array.dtype for array in (counts.indptr, counts.terms, counts.counts)]
    assert ["int64", "int32", "int32"] == dtypes


def test_vocabulary_is_sorted_by_bytes() -> None:
    """Latin before Cyrillic before what lies past the first plane; as Python sorts UTF-8."""
    terms = list(
        counted(["ящик zebra абетка їжак 🎉 apple ґанок \U00010428\U00010428 ﬁﬁ"]).vocabulary
    )
    assert sorted(terms, key=str.encode) == terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("НАТО НАТО Нато", "НАТО"),
        ("Нато НАТО нато Нато", "Нато"),
        ("Ракета ракети ракети", "ракети"),
        ("ракети ракета", "ракета"),
        ("k" + "иїв", "київ"),
        ("F-16", "F16"),
        ("П'ЯТЬ п'ять", "п'ять"),
    ],
)
def test_display_form_is_the_usual_one(text: str, expected: str) -> None:
    """Most frequent form, ties by bytes, cased as it mostly was."""
    assert [expected] == shown_of(counted([text]))


def test_display_form_of_a_sequence_is_its_words() -> None:
    """Word sequences are shown word by word, or as terms where single words were not counted."""
    both = Analyzer(TextSettings(ngram_range=(1, 2)))
    assert "Збройні Сили" in shown_of(counted(["Збройні Сили"], analyzer=both))
    pairs = Analyzer(TextSettings(ngram_range=(2, 2), stemming="none"))
    assert ["збройні сили"] == shown_of(counted(["Збройні Сили"], analyzer=pairs))


def test_overlong_words_are_counted() -> None:
    """What was dropped is known."""
    assert counted(["щ" * 70 + " кіт", "щ" * 99]).n_overlong == 2


def test_local_forms_show_each_language_its_own_word() -> None:
    """A stem that two languages share is written as the reader's language writes it."""
    texts = ["метрів метрів метрів", "метров"]
    columns = {"body": StringColumn.from_strings(texts)}
    counts = Analyzer().count(columns, ["uk", "ru"], weights={"body": 1})
    assert len(counts.vocabulary) == 1

    shown = display_forms(counts.vocabulary, counts.forms)
    local = local_forms(counts.forms, shown)

    assert list(shown) == ["метрів"]
    assert [("ru", "метров")] == [
        (local.languages[lang], word)
        for lang, word in zip(local.langs.tolist(), local.words, strict=True)
    ]
