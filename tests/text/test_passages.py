"""Boilerplate detection: equal to its plain twin, bounded by its floors."""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender._strings import StringColumn
from recommender.errors import ConfigError, InputError
from recommender.text.passages import BoilerplateSettings, blank_boilerplate, find_boilerplate

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
oracle: Any = importlib.import_module("oracle_passages")  # a helper beside the tests, no package

NOTICES = [
    "Reproduction is permitted only with a link to The Courier.",
    "Передрук дозволено лише за умови посилання на “Кур’єр”…",
    "Перепечатка разрешена только при наличии ссылки на «Курьер»!",
]
pieces = st.sampled_from(
    [
        *NOTICES,
        "The bridge is closed. ",
        "Міст закрито… ",
        "MIST  Zakryto! ",
        "«Мост закрыт?» ",
        " ",
        "\n",
        "\n\n",
        ".",
        "5.5 ",
        "é",
        "“",
    ]
)
corpora = st.lists(
    st.tuples(st.lists(pieces, max_size=8).map("".join), st.integers(0, 2)), min_size=1, max_size=12
)


def column(bodies: list[str]) -> StringColumn:
    """Return the bodies as the column they travel in."""
    return StringColumn.from_strings(bodies)


def numbers(sites: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Return site numbers as an array."""
    return np.array(sites, np.int32)


@settings(max_examples=300, deadline=None)
@given(corpora, st.integers(2, 4), st.sampled_from([0.0, 0.4, 1.0]), st.integers(1, 12))
def test_boilerplate_found_and_blanked_equals_the_plain_twin(
    corpus: list[tuple[str, int]], min_articles: int, min_share: float, min_chars: int
) -> None:
    """The compiled search finds, counts and blanks exactly what the plain one does."""
    bodies, sites = [b for b, _ in corpus], [s for _, s in corpus]
    limits: dict[str, Any] = {
        "min_articles": min_articles,
        "min_share": min_share,
        "min_chars": min_chars,
        "max_chars": 60,
    }
    expected = oracle.find(bodies, sites, **limits)
    found = find_boilerplate(column(bodies), numbers(sites), BoilerplateSettings(**limits))
    assert sorted(expected.items()) == sorted(
        zip(
            [oracle.normalised(t.encode()) for t in found.texts], found.counts.tolist(), strict=True
        )
    )
    assert bool(np.all(found.hashes[1:] > found.hashes[:-1]))
    blanked = blank_boilerplate(column(bodies), found)
    assert [oracle.blank(b, set(expected)) for b in bodies] == list(blanked)


@pytest.mark.parametrize("notice", NOTICES)
def test_notice_inside_paragraphs_is_found_and_blanked(notice: str) -> None:
    """A site's notice is found in any of the three languages, also behind a story's paragraph."""
    bodies = [f"Story number {i} tells what happened there on day {i}. {notice}" for i in range(20)]
    found = find_boilerplate(column(bodies), numbers([0] * 20))
    assert [oracle.normalised(notice.encode())] == [
        oracle.normalised(t.encode()) for t in found.texts
    ]
    assert found.counts.tolist() == [20]
    blanked = blank_boilerplate(column(bodies), found)
    assert [f"Story number {i} tells what happened there on day {i}." for i in range(20)] == [
        b.rstrip() for b in blanked
    ]
    assert [len(b.encode()) for b in bodies] == [len(b.encode()) for b in blanked]


def test_quotation_in_five_follow_ups_stays() -> None:
    """What one story repeats is not the site's boilerplate."""
    quote = "“The steel is tired, and it is telling us so,” the engineer said."
    bodies = [f"Follow-up number {i} of the story about the bridge. {quote}" for i in range(5)]
    bodies += [f"Other story number {i} has nothing to do with that." for i in range(40)]
    assert find_boilerplate(column(bodies), numbers([0] * 45)).texts == ()


def test_passage_repeated_inside_one_article_counts_once() -> None:
    """Articles are counted, not occurrences."""
    bodies = ["The very same sentence stands here again and again. " * 30] + ["Another."] * 3
    assert find_boilerplate(column(bodies), numbers([0] * 4)).texts == ()


def test_floor_is_per_site_not_over_all_sites() -> None:
    """A sentence on many sites, rarely on each, is language and not boilerplate."""
    bodies = ["The investigation is still going on, police said."] * 20
    assert find_boilerplate(column(bodies), numbers([i % 4 for i in range(20)])).texts == ()


def test_share_of_a_large_site_raises_the_floor() -> None:
    """On a large site a passage must stand in the set share of its articles."""
    notice = "All rights to the photographs belong to their authors."
    bodies = [notice] * 10 + [f"Story {i} is about something else entirely." for i in range(990)]
    sites = numbers([0] * 1000)
    assert (notice,) == find_boilerplate(
        column(bodies), sites, BoilerplateSettings(min_share=0.01)
    ).texts
    assert find_boilerplate(column(bodies), sites, BoilerplateSettings(min_share=0.011)).texts == ()


def test_nothing_to_blank_returns_the_same_column() -> None:
    """No copy is made where nothing changes."""
    bodies = column(["One story.", "Another story."])
    assert bodies is blank_boilerplate(bodies, find_boilerplate(bodies, numbers([0, 0])))


def test_disabled_or_empty_finds_nothing() -> None:
    """Switched off, or without articles, the answer is empty."""
    bodies = column([NOTICES[0]] * 20)
    off = find_boilerplate(bodies, numbers([0] * 20), BoilerplateSettings(enabled=False))
    assert (len(off.texts), len(find_boilerplate(column([]), numbers([])).texts)) == (0, 0)


def test_slice_of_rows_and_read_only_buffer_are_accepted() -> None:
    """A mapped column, of which only some rows are taken, gives the same passages."""
    bodies = ["Before."] * 3 + [NOTICES[0]] * 10
    part = column(bodies).rows(3, 13)
    assert not part.data.flags.writeable
    found = find_boilerplate(part, numbers([0] * 10))
    assert (NOTICES[0],) == found.texts
    assert [b.strip() for b in blank_boilerplate(part, found)] == [""] * 10


def test_sites_of_wrong_length_are_refused() -> None:
    """The message says what was given and what was expected."""
    with pytest.raises(InputError, match="one site number >= 0 for each of 2 bodies"):
        find_boilerplate(column(["a", "b"]), numbers([0]))


@pytest.mark.parametrize(
    "wrong", [{"min_articles": 1}, {"min_share": 1.5}, {"min_chars": 0}, {"max_chars": 2}]
)
def test_impossible_setting_is_refused(wrong: dict[str, float]) -> None:
    """A setting that cannot be meant names itself."""
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        BoilerplateSettings(**wrong)  # type: ignore[arg-type]


def test_sample_notices_are_all_found_and_no_story(sample: Path) -> None:
    """In the bundled corpus the site's notices are found by themselves, and nothing else is."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    articles = [json.loads(line) for line in lines]
    rows = [
        r.split("\t") for r in (sample / "expected.tsv").read_text(encoding="utf-8").splitlines()
    ]
    stood = Counter(text for _, kind, text in rows if kind == "boilerplate")
    notices = {text for text, n in stood.items() if n >= BoilerplateSettings().min_articles}
    assert len(notices) >= 5
    noise = {text for _, kind, text in rows if kind in ("promo", "back-reference")}
    languages = sorted({a["lang"] for a in articles})
    sites = numbers([languages.index(a["lang"]) for a in articles])
    texts = find_boilerplate(column([a["body"] for a in articles]), sites).texts
    assert texts
    missed = {n for n in notices if not any(t.startswith(n[:60]) for t in texts)}
    extra = {t for t in texts if not any(n.startswith(t[:25]) for n in notices | noise)}
    assert set() == missed
    assert not {t for t in extra if not any(t in n for n in noise)}
