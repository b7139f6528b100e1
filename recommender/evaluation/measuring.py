"""One run, evaluated: its figures, whole and by group, with all that a report shows of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.article import to_json
from recommender.evaluation.beyond import Exposure, Lists, exposure_of, trade_off
from recommender.evaluation.catalog import DIMENSIONS, Catalog
from recommender.evaluation.judgements import Judgements, check_some
from recommender.evaluation.logs import Log
from recommender.evaluation.metrics import alpha_ndcg, marks_of, measure
from recommender.evaluation.offpolicy import OffPolicy, Rate, click_rates, off_policy
from recommender.evaluation.runs import Run, check_lists, live_run, replayed_run
from recommender.evaluation.settings import EvaluationSettings
from recommender.evaluation.statistics import Figure, figures
from recommender.gate import even_sample
from recommender.recommend import Recommender

__all__ = [
    "Evaluation",
    "Group",
    "as_mapping",
    "earlier",
    "evaluate",
    "fitting",
    "per_query",
    "table_rows",
]

Columns = dict[str, NDArray[np.float64]]
Progress = Callable[[str, int, int | None], None]

MOST_GROUPS = 30
OTHERS = "(all others)"
DEFAULTS = EvaluationSettings()

_MOST_BLOCKS = 300  # made one by one, for what only blocks know
_STEP = 50
_DEEPER = 3  # times as many candidates for the trade-off


@dataclass(frozen=True, slots=True)
class Group:
    """The articles of one section, language, age or length.

    Attributes
    ----------
    articles, queries : how many, and how many of them are judged
    quality, lists : figures of the lists of these articles
    coverage, gini : of these articles as cards; None where not defined
    orphans : of these articles, how many stand in no list; None where not all lists are known
    """

    articles: int
    queries: int
    quality: Mapping[str, Figure]
    lists: Mapping[str, Figure]
    coverage: float | None
    gini: float | None
    orphans: int | None


@dataclass(frozen=True)
class Evaluation:
    """What was found about one run.

    Attributes
    ----------
    run : Run
    catalog : Catalog
    judgements : Judgements or None
    settings : EvaluationSettings
    quality : figures against the judgements, by measure; empty without judgements
    lists : figures of all lists, by measure
    groups : by dimension (section, language, age, length) and label
    beyond : Lists, the cards beside the catalog
    of_queries : each measure of quality, by query of the judgements
    of_lists : each other measure, by list
    rates : clicks by position; empty without a log
    off_policy : what the log tells of this run, or None
    tradeoff : weight of nearness, quality, variety; empty where it was not asked for
    notices : what was left out, in words, with how many
    """

    run: Run
    catalog: Catalog
    judgements: Judgements | None
    settings: EvaluationSettings
    quality: Mapping[str, Figure]
    lists: Mapping[str, Figure]
    groups: Mapping[str, Mapping[str, Group]]
    beyond: Lists
    of_queries: Columns
    of_lists: Columns
    rates: tuple[Rate, ...] = ()
    off_policy: OffPolicy | None = None
    tradeoff: tuple[tuple[float, Figure, float], ...] = ()
    notices: Mapping[str, int] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The name of the measure that stands for quality."""
        return f"ndcg@{self.settings.k}"

    @property
    def exposure(self) -> Exposure | None:
        """How often articles are shown; None where too few lists are known to say so."""
        return self.beyond.exposure if self.beyond.is_whole else None

    @property
    def queries(self) -> tuple[str, ...]:
        """The judged queries."""
        return self.judgements.queries if self.judgements else ()


def evaluate(
    model: Recommender,
    judgements: Judgements | None = None,
    *,
    run: Run | None = None,
    catalog: Catalog | None = None,
    stories: Mapping[str, Sequence[str]] | None = None,
    log: Log | None = None,
    settings: EvaluationSettings = DEFAULTS,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate the lists of a model, or a run of its articles.

    Parameters
    ----------
    judgements : None = only what needs none is measured
    run : None = the model is asked for every article's list
    catalog : the model's articles, where they have been read already
    stories : of each article those it belongs to, for alpha-nDCG
    log : of blocks that readers saw
    progress : is told (step, done, total)

    Raises
    ------
    InputError : the judgements have no query among the model's articles, or the run none of theirs
    """
    known = catalog or Catalog(model.index, progress)
    truth = None if judgements is None else fitting(judgements, known, settings)
    if run is not None and truth is not None:
        check_lists(run, truth.queries)
    lists = _lists_of(model, run, truth, known, settings, progress)
    work = _Work(model, known, lists, truth, settings)
    of_queries, of_lists = work.quality(stories), work.beyond.columns(progress)
    is_live = run is None and not settings.replay  # blocks of today say nothing of another day
    if is_live:
        of_lists["fallback"] = work.fallbacks()
    return Evaluation(
        run=lists,
        catalog=known,
        judgements=truth,
        settings=settings,
        quality=figures(of_queries),
        lists=figures(of_lists),
        groups={name: work.groups(name, of_queries, of_lists) for name in DIMENSIONS},
        beyond=work.beyond,
        of_queries=of_queries,
        of_lists=of_lists,
        rates=() if log is None else click_rates(log),
        off_policy=None if log is None else off_policy(log, lists),
        tradeoff=work.trade_off(progress) if is_live else (),
        notices=work.notices(log),
    )


def fitting(judgements: Judgements, catalog: Catalog, settings: EvaluationSettings) -> Judgements:
    """Return the judgements that can be met: of known articles, in the language, in time.

    Raises
    ------
    InputError : none is left
    """
    known = judgements.known(catalog.place)
    # Groups were made within a language as their source states it.
    if not settings.any_language and known.kind != "groups":
        known = known.where(_same_language(catalog), "judgements across languages, left out")
    if settings.replay:
        known = known.where(earlier(catalog), "judgements of what was published later, left out")
    return check_some(known)


def _same_language(catalog: Catalog) -> Callable[[str, str], bool]:
    langs, place = catalog.languages, catalog.place
    return lambda query, other: langs[place[query]] == langs[place[other]]


def earlier(catalog: Catalog) -> Callable[[str, str], bool]:
    """Return whether an article was published before another; nobody knows of undated ones."""
    days, place = catalog.published, catalog.place
    return lambda query, other: (
        query in place and other in place and bool(days[place[other]] < days[place[query]])
    )


def _lists_of(
    model: Recommender,
    run: Run | None,
    truth: Judgements | None,
    catalog: Catalog,
    settings: EvaluationSettings,
    progress: Progress | None,
) -> Run:
    if run is not None and settings.replay:
        return run.where(earlier(catalog), "cards published later, left out")
    if run is not None:
        return run
    options = {**settings.options, "limit": settings.k}
    if settings.replay:
        queries = catalog.ids if truth is None else truth.queries
        return replayed_run(model, queries, progress=progress, **options)
    return live_run(model, jobs=settings.jobs, progress=progress, **options)


def per_query(
    run: Run,
    judgements: Judgements,
    settings: EvaluationSettings,
    stories: Mapping[str, Sequence[str]] | None = None,
) -> Columns:
    """Return every measure of quality for each query of the judgements."""
    marks = marks_of(run, judgements, settings.k, least=settings.least)
    out = measure(marks, settings.k)
    if stories is not None:
        out[f"alpha_ndcg@{settings.k}"] = alpha_ndcg(run, judgements, stories, settings.k)
    return out


class _Work:
    """One evaluation under way."""

    def __init__(
        self,
        model: Recommender,
        catalog: Catalog,
        run: Run,
        judgements: Judgements | None,
        settings: EvaluationSettings,
    ) -> None:
        self._model, self._catalog, self._run = model, catalog, run
        self._judgements, self._settings = judgements, settings
        self.beyond = Lists(run, catalog, settings.k)

    def quality(self, stories: Mapping[str, Sequence[str]] | None) -> Columns:
        if self._judgements is None:
            return {}
        return per_query(self._run, self._judgements, self._settings, stories)

    def fallbacks(self) -> NDArray[np.float64]:
        """Return the share of each block's cards that only fill it, of an even sample of blocks."""
        out = np.full(len(self.beyond.queries), np.nan)
        options = {**self._settings.options, "limit": self._settings.k}
        for row in even_sample(len(out), _MOST_BLOCKS).tolist():
            key = self._catalog.ids[self.beyond.queries[row]]
            cards = self._model.answers.related(key, **options).cards
            if cards:
                out[row] = float(np.mean([card.origin == "fallback" for card in cards]))
        return out

    def trade_off(self, progress: Progress | None) -> tuple[tuple[float, Figure, float], ...]:
        """Return what more varied lists would be worth, for an even sample of queries."""
        if self._judgements is None:
            return ()
        sample = self._judgements.sampled(_MOST_BLOCKS)
        options = {**self._settings.options, "limit": min(1000, _DEEPER * self._settings.k)}
        lists, copies = {}, {}
        for n, query in enumerate(sample.queries, 1):
            cards = self._model.answers.related(query, **options).cards
            lists[query] = tuple(card.id for card in cards)
            copies[query] = {card.id: card.copies for card in cards if card.copies}
            if progress and not n % _STEP:
                progress("vary", n, len(sample.queries))
        deeper, k = Run("deeper", lists, copies=copies), self._settings.k
        out = []
        for weight, run, variety in trade_off(self._catalog, sample.queries, deeper, k):
            found = measure(marks_of(run, sample, k, least=self._settings.least), k)
            out.append((weight, figures({"ndcg": found[f"ndcg@{k}"]})["ndcg"], variety))
        return tuple(out)

    def notices(self, log: Log | None) -> dict[str, int]:
        found = Counter(self._run.notices)
        if self.beyond.strangers:
            found["cards that are no article of the index"] += self.beyond.strangers
        unknown = sum(query not in self._catalog.place for query in self._run.lists)
        if unknown:
            found["lists of what is no article of the index"] += unknown
        if self._judgements is not None:
            found.update(self._judgements.notices)
            absent = sum(query not in self._run.lists for query in self._judgements.queries)
            if absent:
                found["judged queries without a list, which count as empty ones"] += absent
        found.update({} if log is None else log.notices)
        return dict(found)

    # --- groups ---

    def groups(self, dimension: str, of_queries: Columns, of_lists: Columns) -> dict[str, Group]:
        labels = _few(self._catalog.groups[dimension])
        places = self._catalog.place
        queries = () if self._judgements is None else self._judgements.queries
        query_labels = np.array([labels[places[query]] for query in queries], dtype=object)
        list_labels = np.array([labels[place] for place in self.beyond.queries], dtype=object)
        every, counts = np.array(labels, dtype=object), self.beyond.exposure.counts
        is_whole = self.beyond.is_whole
        out = {}
        for label, n in _ordered(labels):
            exposure = exposure_of(counts[every == label])
            out[label] = Group(
                articles=n,
                queries=int((query_labels == label).sum()),
                quality=figures(_rows(of_queries, query_labels == label)),
                lists=figures(_rows(of_lists, list_labels == label)),
                coverage=exposure.coverage if is_whole else None,
                gini=exposure.gini if is_whole else None,
                orphans=len(exposure.orphans) if is_whole else None,
            )
        return out


def _rows(columns: Columns, which: NDArray[np.bool_]) -> Columns:
    return {name: values[which] for name, values in columns.items()}


def _few(labels: Sequence[str]) -> list[str]:
    """Return the labels, all but the commonest as one."""
    common = {label for label, _ in _ordered(labels)[:MOST_GROUPS]}
    return [label if label in common else OTHERS for label in labels]


def _ordered(labels: Sequence[str]) -> list[tuple[str, int]]:
    """Return each label with how many have it, the commonest first, ties by name."""
    return sorted(
        Counter(labels).items(), key=lambda found: (found[0] == OTHERS, -found[1], found[0])
    )


# --- for programs ---


def as_mapping(found: Evaluation) -> dict[str, Any]:
    """Return all figures as plain JSON types; None is what is not defined."""
    truth = found.judgements
    ids, index = found.catalog.ids, found.catalog.index
    return {
        "run": found.run.name,
        "index": {"generation": index.manifest.generation, "articles": len(ids)},
        "k": found.settings.k,
        "judgements": None
        if truth is None
        else {"name": truth.name, "kind": truth.kind, "queries": len(truth.queries)}
        | ({"weak": truth.weak} if truth.weak else {}),
        "notices": dict(found.notices),
        "quality": _plain(found.quality),
        "lists": {"n": len(found.beyond.queries), **_plain(found.lists)},
        "exposure": None if found.exposure is None else _exposure(found.exposure, ids),
        "groups": {
            name: {label: _group(group) for label, group in groups.items()}
            for name, groups in found.groups.items()
        },
        "clicks": [_plain_one(rate) for rate in found.rates],
        "off_policy": None if found.off_policy is None else _plain_one(found.off_policy),
        "tradeoff": [
            {"nearness": weight, "ndcg": _plain_one(figure), "variety": variety}
            for weight, figure, variety in found.tradeoff
        ],
    }


def _exposure(exposure: Exposure, ids: Sequence[str]) -> dict[str, Any]:
    return {
        "coverage": exposure.coverage,
        "gini": exposure.gini,
        "orphans": len(exposure.orphans),
        "hubs": [{"id": ids[i], "lists": int(exposure.counts[i])} for i in exposure.hubs(20)],
    }


def _group(group: Group) -> dict[str, Any]:
    shown = {
        "articles": group.articles,
        "queries": group.queries,
        "coverage": group.coverage,
        "gini": group.gini,
        "orphans": group.orphans,
    }
    return {**shown, "quality": _plain(group.quality), "lists": _plain(group.lists)}


def _plain(values: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: _plain_one(figure) for name, figure in values.items()}


def _plain_one(value: Any) -> Any:
    return to_json(value)


def table_rows(found: Evaluation) -> Iterator[dict[str, Any]]:
    """Yield one mapping a judged query, or a list where nothing is judged; None = not defined."""
    catalog, groups = found.catalog, found.catalog.groups
    row_of = {int(place): row for row, place in enumerate(found.beyond.queries)}
    ids = found.queries or [catalog.ids[place] for place in found.beyond.queries]
    for i, key in enumerate(ids):
        place = catalog.place[key]
        row = row_of.get(place)
        yield {
            "id": key,
            "title": catalog.title(key),
            **{name: groups[name][place] for name in DIMENSIONS},
            **{name: _defined(values[i]) for name, values in found.of_queries.items()},
            **{
                name: None if row is None else _defined(values[row])
                for name, values in found.of_lists.items()
            },
        }


def _defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
