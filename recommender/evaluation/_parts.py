"""Parts that reports share: blocks as readers meet them, tables, figures with captions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from recommender.evaluation._html import Html, link, style, tag
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.judgements import Judgements
from recommender.evaluation.runs import Run

__all__ = [
    "block",
    "card",
    "copies",
    "css",
    "facts",
    "figured",
    "mark",
    "missed",
    "notices",
    "tables",
    "text_of",
]

MOST_MISSED = 3
_LEAD = 240  # characters of a lead that are shown


def text_of(name: str) -> str:
    """Return a file that stands beside this one."""
    return files("recommender.evaluation").joinpath(name).read_text(encoding="utf-8")


def css() -> Html:
    """Return the style of every page."""
    return style(text_of("pages.css"))


def figured(plot: Html, title: str, note: str = "") -> Html:
    """Return a plot with its caption."""
    return tag("figure", tag("figcaption", title, tag("small", note) if note else None), plot)


def tables(heads: Sequence[str], rows: Iterable[Sequence[Any]], *, names: int = 1) -> Html:
    """Return a table; columns after the first ``names`` hold numbers."""
    sides = [None if i < names else "n" for i in range(len(heads))]
    top = tag("tr", *(tag("th", h, class_=s) for h, s in zip(heads, sides, strict=True)))
    body = [
        tag("tr", *(tag("td", cell, class_=s) for cell, s in zip(row, sides, strict=True)))
        for row in rows
    ]
    return tag("div", tag("table", tag("thead", top), tag("tbody", *body)), class_="wide")


def facts(catalog: Catalog, article_id: str) -> str:
    """Return section, day, language and id of an article, as far as they are known."""
    stored, day, place = (
        catalog.card(article_id),
        catalog.day(article_id),
        catalog.place.get(article_id),
    )
    parts = [
        stored.get("section"),
        f"{day.day} {day:%b %Y}" if day else None,
        None if place is None else catalog.languages[place],
        stored.get("label"),
        article_id,
    ]
    return " · ".join(str(part) for part in parts if part)


def mark(judgements: Judgements | None, query: str, article_id: str) -> Html | None:
    """Return what the judgements say of a card."""
    if judgements is None:
        return None
    grade = judgements.truth(query).get(article_id)
    if grade is None and article_id not in judgements.labelled:
        return tag("span", "? not judged", class_="mark open")
    if not grade or grade < 1:
        return tag("span", "✗ not relevant", class_="mark no")
    said = "✓ relevant" if grade == 1 else f"✓ relevant, grade {grade}"
    return tag("span", said, class_="mark yes")


def card(
    catalog: Catalog,
    article_id: str,
    *,
    why: Sequence[str] = (),
    said: Html | None = None,
    score: float | None = None,
    under: Html | None = None,
) -> Html:
    """Return one card as a reader meets it, with what an editor wants to know of it."""
    stored = catalog.card(article_id)
    about = facts(catalog, article_id) + ("" if score is None else f" · score {score:.3f}")
    return tag(
        "li",
        said,
        tag("strong", link(stored.get("url"), catalog.title(article_id))),
        tag("div", about, class_="dim"),
        tag("p", str(stored["lead"])[:_LEAD]) if stored.get("lead") else None,
        tag("div", "why: ", ", ".join(why), class_="dim") if why else None,
        under,
    )


def copies(
    catalog: Catalog, judgements: Judgements | None, run: Run, query: str, item: str
) -> Html | None:
    """Return the articles that stand under a card as its copies, each with its mark."""
    under = run.copies.get(query, {}).get(item, ())
    named = [
        tag("div", mark(judgements, query, copy), " ", catalog.title(copy), " ", _dim(copy))
        for copy in under
    ]
    return tag("div", _dim("tells the same, and takes no card:"), *named) if named else None


def block(
    catalog: Catalog,
    query: str,
    cards: Sequence[Html],
    *,
    note: str = "",
    more: Html | None = None,
) -> Html:
    """Return the block of an article."""
    empty = tag("p", "No card.", class_="dim")
    return tag(
        "article",
        tag("div", "Other News for", class_="dim"),
        tag("h3", link(catalog.card(query).get("url"), catalog.title(query))),
        tag("div", facts(catalog, query), f" · {note}" if note else None, class_="dim"),
        tag("ol", *cards) if cards else empty,
        more,
        class_="block",
    )


def missed(
    catalog: Catalog, judgements: Judgements | None, run: Run, query: str, k: int
) -> Html | None:
    """Return the relevant articles that the first k places tell nothing of, the best first."""
    if judgements is None:
        return None
    truth = judgements.truth(query)
    told = {*run.told(query, truth)[:k]}
    lost = sorted((-grade, item) for item, grade in truth.items() if grade > 0 and item not in told)
    if not lost:
        return None
    named = [tag("div", catalog.title(item), " ", _dim(item)) for _, item in lost[:MOST_MISSED]]
    left = len(lost) - MOST_MISSED
    return tag(
        "div",
        tag("span", f"Relevant, and not among these cards: {len(lost):,}", class_="mark no"),
        *named,
        _dim(f"and {left:,} more") if left > 0 else None,
        class_="lost",
    )


def _dim(words: str) -> Html:
    return tag("span", words, class_="dim")


def notices(found: Mapping[str, int]) -> Html | None:
    """Return what was left out, as a list."""
    if not found:
        return None
    return tag("ul", *(tag("li", f"{n:,} {what}") for what, n in found.items()), class_="note")
