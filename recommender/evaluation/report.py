"""One evaluation as one HTML file: made for an editor-in-chief, readable without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from recommender.evaluation import drawing
from recommender.evaluation._html import Html, join, page, tag
from recommender.evaluation._parts import (
    block,
    card,
    copies,
    css,
    facts,
    figured,
    mark,
    missed,
    notices,
    tables,
)
from recommender.evaluation.catalog import DIMENSIONS
from recommender.evaluation.measuring import Evaluation, Group
from recommender.evaluation.statistics import Figure
from recommender.evaluation.words import days, figure, meaning, share, verdict
from recommender.gate import even_sample
from recommender.recommend import Recommender

__all__ = ["example_queries", "report_page", "worst_queries"]

_EXAMPLES = 6
_WORST = 6
_MOST_ROWS = 12
_SHOWN = 6  # cards of a block that are drawn
_AGES = (-365.0, -30.0, -7.0, 0.0, 7.0, 30.0, 90.0, 365.0, 1095.0)
_AGE_NAMES = (
    "−1y+", "−1y", "−30d", "−7d", "7d", "30d", "90d", "1y", "3y", "3y+",
)  # fmt: skip


def report_page(found: Evaluation, model: Recommender, *, title: str = "") -> str:
    """Return the report as one HTML page, which asks nothing of the network and runs no script.

    Parameters
    ----------
    found : what ``evaluate`` returned
    model : the model whose articles were evaluated; says why a card is near
    title : of the report; the run's name by default
    """
    heading = title or f"Other News, weighed: {found.run.name}"
    info = model.answers.info()
    under = (
        f"{len(found.catalog):,} articles, index generation {info.generation} of "
        f"{info.built_at:%d %b %Y}; {len(found.beyond.queries):,} lists, "
        f"{found.settings.k} cards looked at"
    )
    drawer = _Drawer(found, model)
    body = [
        tag("h1", heading),
        tag("p", under, _judged_by(found), class_="dim"),
        tag("section", *(tag("p", words) for words in verdict(found)), class_="verdict"),
        drawer.tiles(),
        *drawer.plots(),
        *drawer.sections(),
        *drawer.examples(),
        *drawer.worst(),
        *drawer.archive(),
        *drawer.groups(),
        *drawer.log(),
        *drawer.method(),
    ]
    return page(heading, [css()], body)


def _judged_by(found: Evaluation) -> str:
    truth = found.judgements
    if truth is None:
        return "; not judged"
    return f"; judged by {truth.name}: {len(truth.queries):,} articles"


def worst_queries(found: Evaluation, most: int) -> list[str]:
    """Return the judged queries with a list that are served worst, the worst first."""
    if found.judgements is None:
        return []
    values = found.of_queries[found.headline]
    order = sorted(
        (float(value), -_n_relevant(found, query), query)
        for query, value in zip(found.queries, values, strict=True)
        if np.isfinite(value) and value < 1.0 and found.run.lists.get(query)
    )
    return [query for _, _, query in order[:most]]


def _n_relevant(found: Evaluation, query: str) -> int:
    truth = found.judgements.truth(query) if found.judgements else {}
    return sum(grade > 0 for grade in truth.values())


def example_queries(found: Evaluation, most: int) -> list[str]:
    """Return queries from the best served to the worst, evenly; without judgements any, evenly."""
    with_list = [query for query in found.queries if found.run.lists.get(query)]
    if not with_list:
        ids = [found.catalog.ids[place] for place in found.beyond.queries.tolist()]
        full = [key for key in ids if found.run.lists[key]]
        return [full[i] for i in even_sample(len(full), most).tolist()]
    values = dict(zip(found.queries, found.of_queries[found.headline].tolist(), strict=True))
    ranked = sorted(with_list, key=lambda query: (-values[query], query))
    at = np.unique(np.linspace(0, len(ranked) - 1, most).astype(int))
    return [ranked[i] for i in at.tolist()]


class _Drawer:
    """The parts of one report."""

    def __init__(self, found: Evaluation, model: Recommender) -> None:
        self._found, self._model = found, model

    # --- the top ---

    def tiles(self) -> Html:
        found, exposure = self._found, self._found.exposure
        k, none = found.settings.k, Figure(None, None, None, 0)
        quality, lists = found.quality, found.lists
        shown = [
            (share(quality.get("success@1", none).mean), "first card relevant"),
            (figure(quality.get(found.headline, none).mean), f"nDCG of {k} cards, 1 is perfect"),
            (share(exposure.coverage if exposure else None), "of articles stand in a list"),
            (days(lists["age_days"].mean), "cards are older, on average"),
            (share(lists["near_copies"].mean), "of cards nearly repeat another"),
            (share(lists["other_language"].mean), "of cards in another language"),
        ]
        made = [
            tag("div", tag("b", value), tag("span", words), class_="tile") for value, words in shown
        ]
        return tag("div", *made, class_="tiles")

    def plots(self) -> Iterator[Html]:
        yield tag("h2", "In pictures")
        drawn = [
            self._quality(),
            self._exposure(),
            self._freshness(),
            self._scores(),
            self._trade_off(),
        ]
        yield tag("div", *drawn, class_="plots")

    def _quality(self) -> Html | None:
        quality = self._found.quality
        if not quality:
            return None
        rows = [(name, f.mean, f.low, f.high) for name, f in quality.items()]
        title = "Quality, with 95 % intervals"
        return figured(drawing.whiskers(rows, title), title, "What each measure means stands below")

    def _exposure(self) -> Html | None:
        exposure = self._found.exposure
        points = [] if exposure is None else exposure.curve()
        if exposure is None or not points:
            return None
        title = "Who gets the places"
        words = (
            f"Gini {figure(exposure.gini, 2)}: on the straight line every article would be "
            "shown as often"
        )
        drawn = drawing.curve(
            points, title, across="articles, the most shown first", up="of all cards", even=True
        )
        return figured(drawn, title, words)

    def _freshness(self) -> Html | None:
        ages = self._found.beyond.ages
        known = ages[np.isfinite(ages)]
        if not len(known):
            return None
        bins = np.searchsorted(np.array(_AGES), known, side="left")
        counts = np.bincount(bins, minlength=len(_AGE_NAMES)).tolist()
        title = "How old cards are beside their article"
        note = "By days; with a minus: cards that are newer than their article"
        return figured(drawing.histogram(counts, _AGE_NAMES, title), title, note)

    def _scores(self) -> Html | None:
        scores = self._found.beyond.scores
        known = scores[np.isfinite(scores)]
        if not len(known):
            return None
        top = max(1.0, float(known.max()))
        counts, edges = np.histogram(known, bins=20, range=(0.0, top))
        names = [f"{edge:.2f}" for edge in edges[:-1]]
        title = "Scores of cards"
        return figured(
            drawing.histogram(counts.tolist(), names, title),
            title,
            "What cards are ranked by: 1 = as near as can be",
        )

    def _trade_off(self) -> Html | None:
        points = [
            (f"{weight:g}", variety, quality.mean)
            for weight, quality, variety in self._found.tradeoff
            if quality.mean is not None
        ]
        if len(points) < 2:
            return None
        title = "What more variety would cost"
        note = (
            "Each point: lists made again with so much weight on nearness, the rest on being "
            "unlike the cards before"
        )
        return figured(drawing.scatter(points, title, across="variety", up="nDCG"), title, note)

    # --- groups ---

    def sections(self) -> Iterator[Html]:
        groups = self._found.groups["section"]
        named = [(label, group) for label, group in groups.items() if label != "-"]
        if not named:
            return
        yield tag("h2", "Section by section")
        yield tag("div", *self._bars(named), class_="plots")

    def _bars(self, named: Sequence[tuple[str, Group]]) -> Iterator[Html]:
        main = self._found.headline
        if self._found.quality:
            rows = [
                (label, g.quality[main].mean, g.quality[main].low, g.quality[main].high)
                for label, g in named
                if g.queries
            ]
            title = "Quality (nDCG)"
            note = "Sections without a judged article are left out"
            yield figured(drawing.bars(rows[:_MOST_ROWS], title, most=1.0), title, note)
        if self._found.exposure is None:
            return
        rows = [(label, g.coverage, None, None) for label, g in named[:_MOST_ROWS]]
        title = "Share of its articles that stand in a list"
        yield figured(drawing.bars(rows, title, shown=drawing.percent, most=1.0), title)

    def groups(self) -> Iterator[Html]:
        yield tag("h2", "Every group")
        yield tag(
            "p",
            "Age is beside the newest article, length by distinct words. "
            "A dash stands where nothing defines a figure.",
            class_="note",
        )
        for dimension in DIMENSIONS:
            yield tag("h3", f"By {dimension}")
            yield self._table(self._found.groups[dimension])

    def _table(self, groups: Mapping[str, Group]) -> Html:
        k = self._found.settings.k
        measures = [f"ndcg@{k}", "success@1", f"precision@{k}"] if self._found.quality else []
        heads = ["", "articles", "judged", *measures, "covered", "age", "variety", "copies"]
        rows = [
            (
                label,
                f"{g.articles:,}",
                f"{g.queries:,}",
                *(figure(g.quality[name].mean) for name in measures),
                share(g.coverage),
                days(g.lists["age_days"].mean),
                figure(g.lists["variety"].mean, 2),
                share(g.lists["near_copies"].mean),
            )
            for label, g in groups.items()
        ]
        return tables(heads, rows)

    # --- real blocks ---

    def examples(self) -> Iterator[Html]:
        queries = example_queries(self._found, _EXAMPLES)
        if not queries:
            return
        yield tag("h2", "As readers meet it")
        if self._found.judgements:
            yield tag("p", "From the best served judged article to the worst.", class_="note")
        yield tag("div", *(self._block(query) for query in queries), class_="blocks")

    def worst(self) -> Iterator[Html]:
        queries = worst_queries(self._found, _WORST)
        if not queries:
            return
        yield tag("h2", "Worst cases")
        yield tag(
            "p",
            "Articles whose lists are furthest from what was judged. Often the judgement is at "
            "fault, not the list: look before you turn a screw.",
            class_="note",
        )
        yield tag("div", *(self._block(query) for query in queries), class_="blocks")

    def _block(self, query: str) -> Html:
        found, catalog = self._found, self._found.catalog
        shown = found.run.lists.get(query, ())[:_SHOWN]
        scores: Sequence[float | None] = found.run.scores.get(query, ()) or (None,) * len(shown)
        cards = [
            card(
                catalog,
                item,
                why=self._why(query, item),
                said=mark(found.judgements, query, item),
                score=score,
                under=copies(catalog, found.judgements, found.run, query, item),
            )
            for item, score in zip(shown, scores, strict=False)
        ]
        lost = missed(catalog, found.judgements, found.run, query, found.settings.k)
        return block(catalog, query, cards, note=self._figure_of(query), more=lost)

    def _figure_of(self, query: str) -> str:
        if query not in self._row:
            return ""
        value = self._found.of_queries[self._found.headline][self._row[query]]
        return f"nDCG {figure(float(value))}"

    @cached_property
    def _row(self) -> Mapping[str, int]:
        return {query: row for row, query in enumerate(self._found.queries)}

    def _why(self, query: str, item: str) -> list[str]:
        place = self._found.catalog.place
        if query not in place or item not in place:
            return []
        return [reason.term for reason in self._model.answers.explain(query, item).terms[:3]]

    # --- the archive ---

    def archive(self) -> Iterator[Html]:
        exposure = self._found.exposure
        if exposure is None:
            return
        orphans, hubs = exposure.orphans.tolist(), exposure.hubs(_MOST_ROWS)
        yield tag("h2", "Orphans and hubs")
        yield tag(
            "p",
            f"{len(orphans):,} articles stand in no list. The newest of them:"
            if orphans
            else "Every article stands in some list.",
        )
        newest = orphans[::-1][:_MOST_ROWS]
        if newest:
            rows = [(self._named(place),) for place in newest]
            yield tables(["orphan"], rows)
        if hubs:
            yield tag("p", "The articles that stand in most lists:")
            counted = [(self._named(place), f"{int(exposure.counts[place]):,}") for place in hubs]
            yield tables(["hub", "lists"], counted)

    def _named(self, place: int) -> Html:
        catalog = self._found.catalog
        key = catalog.ids[place]
        return join([catalog.title(key), tag("div", facts(catalog, key), class_="dim")])

    # --- readers ---

    def log(self) -> Iterator[Html]:
        found = self._found
        if not found.rates or found.off_policy is None:
            return
        yield tag("h2", "What readers did")
        rows = [(f"place {r.position}", r.rate.mean, r.rate.low, r.rate.high) for r in found.rates]
        title = "Clicks a card, by place"
        yield tag("div", figured(drawing.bars(rows[:_MOST_ROWS], title), title), class_="plots")
        policy = found.off_policy
        if policy.why:
            yield tag("p", f"What other lists would have got cannot be said: {policy.why}.")
            return
        yield tables(
            ["", "as logged", "this run", "95 % interval"],
            [
                ("clicks a block (IPS)", *_beside(policy.logged, policy.ips)),
                ("clicks a card (SNIPS)", *_beside(policy.logged_rate, policy.snips)),
            ],
        )
        yield tag(
            "p",
            f"{policy.matched:,} of {policy.shown:,} cards of the log stand where this run has "
            f"them; effective sample size {figure(policy.effective, 0)}.",
            class_="note",
        )

    # --- the small print ---

    def method(self) -> Iterator[Html]:
        found = self._found
        yield tag("h2", "All figures, and how they came about")
        every = {**found.quality, **found.lists}
        yield tables(
            ["measure", "meaning", "mean", "95 % interval", "of"],
            [
                (name, meaning(name), figure(f.mean), interval(f), f"{f.n:,}")
                for name, f in every.items()
            ],
            names=2,
        )
        yield tag(
            "p",
            "Intervals are percentiles of a seeded bootstrap over queries or lists. An article "
            "without a mark counts as not relevant. Variety, near copies and fallback cards are "
            "of an even sample of lists.",
            class_="note",
        )
        if found.notices:
            yield tag("p", "Left out, or doubtful:")
            yield notices(found.notices) or Html()


def interval(found: Figure) -> str:
    """Return the bounds of a figure for people."""
    if found.low is None or found.high is None:
        return "-"
    return f"{figure(found.low)} to {figure(found.high)}"


def _beside(logged: Figure, found: Figure) -> tuple[Any, ...]:
    return figure(logged.mean, 4), figure(found.mean, 4), interval(found)
