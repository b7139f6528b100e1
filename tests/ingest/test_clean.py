"""Cleaning: what is no story goes into asides with its links, the story stays, twice is once."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.article import Article, AsideKind, Image
from recommender.ingest.clean import clean_article
from recommender.ingest.links import plain_text, split_links
from recommender.ingest.phrases import DATELINE, read_pattern_files

FIRST = "Ordinary first paragraph of the story stands here."
KINDS = [*map(str, AsideKind), DATELINE]
# What the sample corpus is split into now; promo has one notice that no phrase can foresee.
FLOORS = {
    "back-reference": 0.97,
    "promo": 0.95,
    "read-also": 0.97,
    "caption": 0.97,
    "signature": 0.97,
    "link": 1.0,
}


def entries(key: str) -> list[tuple[str, str]]:
    """Return (kind, text) of all examples in the pattern files."""
    files = [content for _, content in read_pattern_files()]
    return [
        (k, text) for c in files for k in KINDS for e in c.get(k, ()) for text in e.get(key, ())
    ]


def cleaned(body: str, **fields: Any) -> Article:
    """Return the cleaned article of this body."""
    return clean_article(Article("1", body=body, **fields))


@pytest.mark.parametrize(("kind", "text"), entries("examples"))
def test_example_of_pattern_file_is_split_off(kind: str, text: str) -> None:
    """Every phrase of the pattern files does what its own example promises."""
    if kind in (DATELINE, "other-news"):
        article = cleaned(f"{text}\n\nSecond paragraph." if kind == DATELINE else text)
        expected = "signature" if kind == DATELINE else kind
        assert {expected} == {str(a.kind) for a in article.asides}
        assert article.body
    else:
        article = cleaned(f"{FIRST}\n\n{text}")
        assert {kind} == {str(a.kind) for a in article.asides}
        assert article.body == FIRST


@pytest.mark.parametrize(("kind", "text"), entries("stays"))
def test_counterexample_of_pattern_file_stays(kind: str, text: str) -> None:
    """What merely looks like a phrase stays in the story."""
    body = text if kind in (DATELINE, "other-news") else f"{FIRST}\n\n{text}"
    assert ((), body) == (cleaned(body).asides, cleaned(body).body)


def test_seed_page_keeps_story_and_splits_two_back_references(seed_page: str) -> None:
    """The seed page ends as a body without list, promo line and cards."""
    body = seed_page[seed_page.index("Ukraine needs quality weapons") :]
    article = cleaned(body)
    counts = Counter(str(a.kind) for a in article.asides)
    assert (counts["back-reference"], counts["promo"]) == (2, 1)
    assert article.body.endswith('if they use military force, they will get what they want."')
    others = [a.text for a in article.asides if a.kind is AsideKind.OTHER_NEWS]
    assert others[0] == "Other News"
    assert any("Carrot and apple salad" in text for text in others)


@pytest.mark.parametrize(
    ("heading", "item"),
    [
        (
            "As The Steppe Courier wrote earlier:",
            "The bridge was [closed](https://a.example/1) in March.",
        ),
        ("Як писав “Степовий кур’єр”:", "Міст [закрили](https://a.example/1) у березні."),
        ("Как писал “Степной курьер”:", "Мост [закрыли](https://a.example/1) в марте."),
        ("The Steppe Courier on children's health:", "The ward was [closed](https://a.example/1)."),
    ],
)
def test_back_reference_list_becomes_links(heading: str, item: str) -> None:
    """One aside per item, the heading with the first; links once each, after the article's own."""
    body = f"{FIRST}\n\n{heading}\n- {item}\n- {item.replace('/1', '/2')}"
    article = cleaned(body, links=("https://a.example/0",))
    assert article.body == FIRST
    assert [f"{heading}\n{plain_text(item)}", plain_text(item)] == [a.text for a in article.asides]
    assert tuple(f"https://a.example/{n}" for n in range(3)) == article.links


def test_read_also_link_is_kept_in_aside_but_is_no_back_reference() -> None:
    """Only what the text refers back to is a link of the article."""
    article = cleaned(f"{FIRST}\n\nЧИТАЙТЕ ТАКОЖ: [Об’їзна](https://a.example/2)")
    assert (article.links, article.asides[0].links) == ((), ("https://a.example/2",))


def test_caption_of_the_image_and_doubled_caption_leave_the_body() -> None:
    """A paragraph equal to the image's caption, or standing twice in a row, is a caption."""
    image = Image("a.jpg", alt="The bridge at dawn", caption="The bridge opened in 1968")
    texts = ["The bridge opened in 1968", FIRST, *["Police at the bridge"] * 2, "It is closed."]
    body = "\n\n".join(texts)
    article = cleaned(body, image=image)
    assert f"{FIRST}\n\nIt is closed." == article.body
    assert [a.text for a in article.asides] == ["The bridge opened in 1968", "Police at the bridge"]


def test_dateline_leaves_its_sentence() -> None:
    """Only the dateline is split off; the sentence stays."""
    article = cleaned("ЗАРІЧНЕ, 4 березня (СтепІнформ) – Інспектори помітили тріщину.")
    assert article.body == "Інспектори помітили тріщину."
    assert article.asides[0].text == "ЗАРІЧНЕ, 4 березня (СтепІнформ) –"


def test_sentence_wrapped_at_fixed_width_is_not_taken_for_a_promo_line() -> None:
    """A line that goes on with the sentence above is story."""
    body = "The company said that holders of preferred shares may\nsubscribe to more of the stock."
    assert body == cleaned(body).body


def test_links_in_the_story_become_words_and_blank_space_is_tidied() -> None:
    """Markup leaves, words stay; empty lines and line ends are tidied."""
    body = '\n\nThe [ring road](https://a.example/1 "Road") is open.  \n\n\n\n'
    body += "The <a href='/x'>old one</a> is not.\r\n"
    assert cleaned(body).body == "The ring road is open.\n\nThe old one is not."


def test_clean_article_returns_the_same_object() -> None:
    """Where there is nothing to clean, nothing is made."""
    article = Article("1", body=f"{FIRST}\n\nAs the Guardian wrote, the minister had known it.")
    assert article is clean_article(article)


def test_split_links_finds_bare_urls_in_brackets() -> None:
    """A URL in brackets is a link without words."""
    assert split_links("It was closed (https://a.example/1).") == (
        "It was closed.",
        ("https://a.example/1",),
    )


noise = st.sampled_from([text for _, text in entries("examples") + entries("stays")])
lines = st.one_of(
    noise,
    st.sampled_from(
        [
            FIRST,
            "",
            " ",
            "- item",
            "- [x](https://a.example/9)",
            "[[a](b)](c)",
            "“Yes.”",
            "short",
            "***",
            "![](https://a.example/i.jpg)",
        ]
    ),
    st.text(max_size=12),
)
bodies = st.lists(st.tuples(lines, st.sampled_from(["\n", "\n\n"])), max_size=9).map(
    lambda ps: "".join(a + b for a, b in ps)
)


@settings(max_examples=400, deadline=None)
@given(bodies)
def test_cleaning_twice_changes_nothing(body: str) -> None:
    """The second cleaning finds nothing, whatever the first met."""
    once = cleaned(body, image=Image("a.jpg", caption="short"))
    assert once == clean_article(once)


@settings(max_examples=300, deadline=None)
@given(bodies)
def test_no_word_is_lost(body: str) -> None:
    """Every word of the body is afterwards in the body, in an aside, or in a link."""
    article = cleaned(body)
    kept = " ".join(
        [article.body, *(f"{a.text} {' '.join(a.links)}" for a in article.asides), *article.links]
    )
    words = re.findall(r"[^\W\d_]{3,}", plain_text(body))
    assert [w for w in words if w not in kept] == []


def comparable(text: str) -> str:
    """Return the letters and digits of ``text`` without link targets, also of a cut text."""
    text = re.sub(r"\]\([^)]*\)?|\(https?://\S*", "", text)
    return "".join(c for c in text.lower() if c.isalnum())


def test_sample_corpus_precision_and_recall_stay_above_floors(sample: Path) -> None:
    """Of what the bundled corpus says is noise nearly all is split off, and nothing else."""
    truth: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in (sample / "expected.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        article_id, kind, text = row.split("\t")
        truth[article_id, kind].append(text if kind == "link" else comparable(text))
    found, wanted, right, hit = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for line in (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        article = clean_article(Article(raw["id"], body=raw["body"]))
        got: dict[str, list[str]] = defaultdict(list, link=list(article.links))
        for aside in article.asides:
            got[str(aside.kind)] += [comparable(t) for t in aside.text.split("\n")]
        for kind in FLOORS:
            true = truth[raw["id"], kind]
            found[kind] += len(got[kind])
            wanted[kind] += len(true)
            right[kind] += sum(
                any(g.startswith(t) or t.startswith(g) for t in true) for g in got[kind]
            )
            hit[kind] += sum(
                any(g.startswith(t) or t.startswith(g) for g in got[kind]) for t in true
            )
    assert {k: right[k] / found[k] for k in FLOORS if right[k] < FLOORS[k] * found[k]} == {}
    assert {k: hit[k] / wanted[k] for k in FLOORS if hit[k] < FLOORS[k] * wanted[k]} == {}
