"""A comparison of runs as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator

from recommender.evaluation import drawing
from recommender.evaluation._html import Html, page, tag
from recommender.evaluation._parts import (
    block,
    card,
    copies,
    css,
    figured,
    mark,
    missed,
    notices,
    tables,
)
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.comparing import Changed, Comparison, Difference
from recommender.evaluation.report import interval
from recommender.evaluation.words import figure

__all__ = ["comparison_page", "verdict"]

_SHOWN = 6


def verdict(found: Comparison) -> list[str]:
    """Return what the comparison says, a sentence for every two runs."""
    main = f"ndcg@{found.settings.k}"
    return [
        f"{one.first} and {one.second}: {one.verdict} "
        f"(nDCG {_gap(one)}; {one.second} wins {one.found.wins:,}, ties {one.found.ties:,}, "
        f"loses {one.found.losses:,} of {one.found.n:,})."
        for one in found.differences
        if one.measure == main
    ]


def _gap(one: Difference) -> str:
    mean = one.found.difference.mean
    return "-" if mean is None else f"{mean:+.3f}".replace("-", "\N{MINUS SIGN}")


def comparison_page(found: Comparison, catalog: Catalog | None, *, title: str = "") -> str:
    """Return a comparison as one HTML page, which asks nothing of the network and runs no script.

    Parameters
    ----------
    catalog : the articles; None = blocks are not drawn
    """
    heading = title or "Which lists are better?"
    under = (
        f"{len(found.runs)} runs on {len(found.judgements.queries):,} judged articles "
        f"({found.judgements.name}), {found.settings.k} cards looked at"
    )
    body = [
        tag("h1", heading),
        tag("p", under, class_="dim"),
        tag("section", *(tag("p", words) for words in verdict(found)), class_="verdict"),
        *_figures(found),
        *_tests(found),
        *(_changed(found, catalog) if catalog is not None else ()),
    ]
    return page(heading, [css()], body)


def _figures(found: Comparison) -> Iterator[Html]:
    yield tag("h2", "Run by run")
    plots = []
    for name in found.quality[0]:
        rows = [
            (run.name, own[name].mean, own[name].low, own[name].high)
            for run, own in zip(found.runs, found.quality, strict=True)
        ]
        plots.append(figured(drawing.whiskers(rows, name), name))
    yield tag("div", *plots, class_="plots")


def _tests(found: Comparison) -> Iterator[Html]:
    yield tag("h2", "Two by two")
    heads = ["measure", "runs", "says", "difference", "95 %", "effect", "p", "p, Holm", "w/t/l"]
    yield tables(
        heads,
        [
            (
                one.measure,
                f"{one.first} → {one.second}",
                one.verdict,
                _gap(one),
                interval(one.found.difference),
                figure(one.found.effect, 2),
                figure(one.found.p, 4),
                figure(one.adjusted, 4),
                f"{one.found.wins:,}/{one.found.ties:,}/{one.found.losses:,}",
            )
            for one in found.differences
        ],
        names=3,
    )
    yield tag(
        "p",
        "Differences are of the second run over the first. p is of a seeded paired randomisation "
        "test with 10,000 flips; Holm's correction is over all rows. The effect is the mean "
        "difference over its standard deviation. A dash: not defined, as where all queries tie.",
        class_="note",
    )
    for run in found.runs:
        if run.notices:
            yield tag("p", f"{run.name}:", class_="note")
            yield notices(run.notices) or Html()
    if found.judgements.notices:
        yield notices(found.judgements.notices) or Html()


def _changed(found: Comparison, catalog: Catalog) -> Iterator[Html]:
    if not found.changed:
        return
    yield tag("h2", "Changed most")
    for one in found.changed:
        yield tag("h3", catalog.title(one.query))
        both = ((one.first, one.before), (one.second, one.now))
        sides = [_side(found, catalog, one, name, value) for name, value in both]
        yield tag("div", *sides, class_="pair")


def _side(found: Comparison, catalog: Catalog, one: Changed, name: str, value: float) -> Html:
    run = next(run for run in found.runs if run.name == name)
    shown = run.lists.get(one.query, ())
    truth, query = found.judgements, one.query
    cards = [
        card(
            catalog,
            item,
            said=mark(truth, query, item),
            under=copies(catalog, truth, run, query, item),
        )
        for item in shown[:_SHOWN]
    ]
    lost = missed(catalog, truth, run, query, found.settings.k)
    return block(catalog, query, cards, note=f"{name}: nDCG {figure(value)}", more=lost)
