"""Asking people: a blind page of pooled candidates, and what its files say once they are back.

The page names no run, score or place. Candidates of all runs are pooled for each article (Spärck
Jones and van Rijsbergen 1975) and shuffled, the same for everybody who has the page. It works
offline, from the keyboard, and saves marks to a file; several people's files are read back.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import Any, Final

import numpy as np

from recommender.errors import InputError
from recommender.evaluation._html import Html, join, link, page, style, tag
from recommender.evaluation._parts import css, facts, text_of
from recommender.evaluation._rows import lines_of
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.judgements import Judgements, from_pairs
from recommender.evaluation.runs import Run
from recommender.evaluation.statistics import Agreement, agreement
from recommender.gate import even_sample

__all__ = [
    "SCALE",
    "Marked",
    "Sheet",
    "as_judgements",
    "as_qrels",
    "how_far_agreed",
    "judging_page",
    "pooled",
    "read_marks",
    "spread",
]

SCALE: Final = (
    "not related",
    "loosely related",
    "belongs here",
    "must be here",
)
"""What the grades 0 to 3 mean."""

_FORM: Final = "recommender-marks"
_LEAD = 400


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is to be judged.

    Attributes
    ----------
    asked : tuple of (query, candidates), in the order of the page
    """

    asked: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def id(self) -> str:
        """A digest by which files are told to belong to this page."""
        return hashlib.sha256(json.dumps(self.asked).encode()).hexdigest()[:16]

    @property
    def n_pairs(self) -> int:
        """Pairs to be judged."""
        return sum(len(items) for _, items in self.asked)


def pooled(
    runs: Sequence[Run],
    catalog: Catalog,
    *,
    queries: Iterable[str] = (),
    n_queries: int = 20,
    depth: int = 5,
    seed: int = 0,
) -> Sheet:
    """Return the candidates of several runs, pooled and shuffled.

    Parameters
    ----------
    queries : ids; none = an even sample of the articles that every run has cards for
    n_queries : size of the sample
    depth : cards of each list that are taken
    seed : of the order

    Raises
    ------
    InputError : an unknown article, or no run has a card for any
    """
    wanted = list(queries) or _sample(runs, catalog, n_queries)
    unknown = [query for query in wanted if query not in catalog.place]
    if unknown:
        raise InputError(f"No article {unknown[0]!r} in this index to be judged.")
    rng = np.random.default_rng(seed)
    asked = []
    for query in wanted:
        found = {i for run in runs for i in run.lists.get(query, ())[:depth] if i in catalog.place}
        items = sorted(found)
        if items:
            asked.append((query, tuple(items[i] for i in rng.permutation(len(items)))))
    if not asked:
        raise InputError("No run has a card for any of the articles: there is nothing to judge.")
    order = rng.permutation(len(asked))
    return Sheet(tuple(asked[i] for i in order))


def _sample(runs: Sequence[Run], catalog: Catalog, most: int) -> list[str]:
    shared = [key for key in catalog.ids if all(run.lists.get(key) for run in runs)]
    return [shared[i] for i in even_sample(len(shared), most).tolist()]


# --- the page ---


def judging_page(sheet: Sheet, catalog: Catalog, *, title: str = "Which articles belong?") -> str:
    """Return the page: one file, which asks nothing of the network."""
    keys = [
        ("0-3", "mark"),
        ("n", "next open"),
        ("j k", "down, up"),
        ("u", "unmark"),
        ("s", "save"),
    ]
    bar = tag(
        "div",
        tag("label", "Your name ", tag("input", id="judge", autocomplete="off")),
        " ",
        tag("button", "Save marks", type="button", id="save"),
        " ",
        tag("span", f"0 of {sheet.n_pairs}", id="done"),
        tag("div", [[tag("kbd", key), f" {what}  "] for key, what in keys], class_="dim"),
        tag("div", "", id="said", role="status", class_="note"),
        class_="bar",
    )
    body = [
        tag("h1", title),
        tag(
            "p",
            f"{len(sheet.asked)} articles, {sheet.n_pairs} candidates. For each candidate: would "
            "it belong under the article, for somebody who has just read it? Your marks stay on "
            "this computer until you save the file and send it.",
        ),
        tag("noscript", tag("p", "Marking needs scripts; this page loads none from elsewhere.")),
        tag(
            "form",
            bar,
            *(_asked(catalog, n, *one) for n, one in enumerate(sheet.asked)),
            data_sheet=sheet.id,
        ),
    ]
    styles = [css(), style(text_of("judging.css"))]
    return page(title, styles, body, script=text_of("judging.js"))


def _asked(catalog: Catalog, number: int, query: str, items: Sequence[str]) -> Html:
    source = tag(
        "div", tag("div", "Read: ", class_="dim"), _article(catalog, query), class_="source"
    )
    cards = [
        tag(
            "fieldset",
            _article(catalog, item),
            _choices(f"q{number}-{place}"),
            data_query=query,
            data_article=item,
        )
        for place, item in enumerate(items)
    ]
    return tag("section", source, *cards)


def _article(catalog: Catalog, key: str) -> Html:
    stored = catalog.card(key)
    lead = str(stored.get("lead") or "")[:_LEAD]
    return join(
        [
            tag("strong", link(stored.get("url"), catalog.title(key))),
            tag("div", facts(catalog, key), class_="dim"),
            tag("p", lead) if lead else None,
        ]
    )


def _choices(name: str) -> Html:
    return tag(
        "div",
        *(
            tag(
                "label",
                tag("input", type="radio", name=name, value=str(grade)),
                " ",
                tag("kbd", str(grade)),
                f" {words}",
            )
            for grade, words in enumerate(SCALE)
        ),
    )


# --- the files that come back ---


@dataclass(frozen=True, slots=True)
class Marked:
    """Marks of several judges.

    Attributes
    ----------
    judges : tuple of names
    marks : for each pair of query and article the grade of each judge who gave one
    sheets : pages that the files are of
    """

    judges: tuple[str, ...]
    marks: dict[tuple[str, str], dict[str, int]]
    sheets: int


def read_marks(paths: Sequence[str | Path]) -> Marked:
    """Read files that the page saved, one of each judge and page.

    Raises
    ------
    InputError : not such a file, a grade that is none, two files of one judge for one page, no mark
    SourceNotFoundError : a file cannot be read
    """
    marks: dict[tuple[str, str], dict[str, int]] = {}
    seen: dict[tuple[str, str], Path] = {}
    for path in map(Path, paths):
        judge, sheet, rows = _file(path)
        if (judge, sheet) in seen:
            raise InputError(
                f"{path} and {seen[judge, sheet]} are both by {judge!r}, of the same page. "
                "Leave out the older one, or give the judges different names."
            )
        seen[judge, sheet] = path
        for pair, grade in rows:
            marks.setdefault(pair, {})[judge] = grade
    if not marks:
        raise InputError("The files hold no mark: nobody has judged anything yet.")
    judges = tuple(sorted({judge for judge, _ in seen}))
    return Marked(judges, marks, len({sheet for _, sheet in seen}))


def _file(path: Path) -> tuple[str, str, list[tuple[tuple[str, str], int]]]:
    try:
        found = json.loads("\n".join(line for _, line in lines_of(path)))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no file of marks: {error}.") from error
    if not isinstance(found, dict) or found.get("form") != _FORM:
        raise InputError(f"{path} is no file of marks; expected what the judging page saved.")
    judge, rows = str(found.get("judge") or "").strip(), found.get("marks")
    if not judge or not isinstance(rows, list):
        raise InputError(f"{path} does not say who judged, or has no list of marks.")
    return judge, str(found.get("sheet") or ""), [_mark(path, row) for row in rows]


def _mark(path: Path, row: Any) -> tuple[tuple[str, str], int]:
    named = isinstance(row, dict) and isinstance(row.get("query"), str)
    if not named or not isinstance(row.get("article"), str):
        raise InputError(f"{path} has a mark without query and article: {row!r:.100}.")
    grade = row.get("grade")
    if type(grade) is not int or grade not in range(len(SCALE)):
        raise InputError(
            f"{path} has the grade {grade!r} for {row['article']!r}; "
            f"expected 0 to {len(SCALE) - 1}."
        )
    return (row["query"], row["article"]), int(grade)


def how_far_agreed(marked: Marked) -> Agreement:
    """Return how far the judges agree: Krippendorff's alpha with its interval."""
    return agreement(list(marked.marks.values()), len(marked.judges))


def as_judgements(marked: Marked) -> Judgements:
    """Return the middle grade of each pair, the lower of two."""
    pairs: dict[str, dict[str, int]] = {}
    for (query, article), grades in marked.marks.items():
        pairs.setdefault(query, {})[article] = median_low(grades.values())
    n = len(marked.judges)
    return from_pairs(f"{n} judge{'s' if n > 1 else ''}", pairs, kind="marks")


def as_qrels(marked: Marked) -> str:
    """Return the middle grades as TREC qrels.

    Raises
    ------
    InputError : an id with a blank in it, which qrels cannot hold
    """
    lines = []
    for (query, article), grades in sorted(marked.marks.items()):
        if any(character.isspace() for character in query + article):
            raise InputError(f"Qrels cannot hold the id {query!r} or {article!r}: it has a blank.")
        lines.append(f"{query} 0 {article} {median_low(grades.values())}\n")
    return "".join(lines)


def spread(marked: Marked) -> Counter[int]:
    """Return how often each grade was given."""
    return Counter(grade for grades in marked.marks.values() for grade in grades.values())
