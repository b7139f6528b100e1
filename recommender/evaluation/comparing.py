"""Two runs or more on the same queries: what differs, how surely, and where most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from recommender.article import to_json
from recommender.errors import InputError
from recommender.evaluation.judgements import Judgements, check_some
from recommender.evaluation.measuring import Columns, per_query
from recommender.evaluation.runs import Run, check_lists
from recommender.evaluation.settings import EvaluationSettings
from recommender.evaluation.statistics import Figure, Paired, figures, holm, paired

__all__ = ["Changed", "Comparison", "Difference", "as_mapping", "compare", "told_apart"]

MOST_CHANGED = 10
DEFAULTS = EvaluationSettings()
_COMPARED = ("ndcg@{k}", "map@{k}", "mrr@{k}", "precision@{k}", "recall@{k}")


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of one run beside that of another.

    Attributes
    ----------
    first, second : names of runs
    measure : str
    found : Paired, of the second over the first
    adjusted : float or None
        p after Holm, over all measures and pairs of the comparison.
    """

    first: str
    second: str
    measure: str
    found: Paired
    adjusted: float | None

    @property
    def verdict(self) -> str:
        """What it says, in words."""
        n = self.found.n
        if not n:
            return "no query that both define"
        if self.found.p is None or self.adjusted is None or self.found.difference.mean is None:
            return f"no difference: {f'all {n:,} queries tie' if n > 1 else 'the one query ties'}"
        if self.adjusted >= 0.05:
            return "no difference that could not be chance"
        better = self.second if self.found.difference.mean > 0 else self.first
        return f"{better} is better"


@dataclass(frozen=True, slots=True)
class Changed:
    """A query whose quality differs much between the first run and another.

    Attributes
    ----------
    query : str
    first, second : names of runs
    before, now : nDCG in each
    """

    query: str
    first: str
    second: str
    before: float
    now: float


@dataclass(frozen=True)
class Comparison:
    """What was found about several runs.

    Attributes
    ----------
    runs : tuple of Run
    judgements : Judgements
    settings : EvaluationSettings
    quality : for each run its figures, by measure
    differences : every two runs, measure by measure
    changed : the queries that differ most from the first run, the greatest gaps first
    """

    runs: tuple[Run, ...]
    judgements: Judgements
    settings: EvaluationSettings
    quality: tuple[dict[str, Figure], ...]
    differences: tuple[Difference, ...]
    changed: tuple[Changed, ...]


def compare(
    runs: Sequence[Run], judgements: Judgements, *, settings: EvaluationSettings = DEFAULTS
) -> Comparison:
    """Compare runs on the queries of the judgements.

    Parameters
    ----------
    runs : two or more; the first is what the others are compared with first

    Raises
    ------
    InputError : fewer than two runs, no query, a run without a list of any query
    """
    if len(runs) < 2:
        raise InputError("A comparison takes two runs or more.")
    check_some(judgements)
    named = tuple(_noted(run, settings.k) for run in told_apart(runs))
    for run in named:
        check_lists(run, judgements.queries)
    columns = [per_query(run, judgements, settings) for run in named]
    return Comparison(
        runs=named,
        judgements=judgements,
        settings=settings,
        quality=tuple(figures(own) for own in columns),
        differences=_differences(named, columns, settings.k),
        changed=_most_changed(named, columns, judgements, settings.k),
    )


def told_apart(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Return the runs, no two of one name."""
    seen: dict[str, int] = {}
    out = []
    for run in runs:
        seen[run.name] = seen.get(run.name, 0) + 1
        again = seen[run.name]
        out.append(run if again == 1 else replace(run, name=f"{run.name} ({again})"))
    return tuple(out)


def _noted(run: Run, k: int) -> Run:
    """Return the run with a notice where its lists are shorter than what is looked at."""
    longest = max(map(len, run.lists.values()), default=0)
    if longest >= k:
        return run
    short = {f"cards in the longest list, of {k} that are looked at": longest}
    return replace(run, notices={**run.notices, **short})


def _differences(runs: Sequence[Run], columns: Sequence[Columns], k: int) -> tuple[Difference, ...]:
    found = [
        (runs[i].name, runs[j].name, name, paired(columns[i][name], columns[j][name]))
        for i, j in combinations(range(len(runs)), 2)
        for name in (pattern.format(k=k) for pattern in _COMPARED)
    ]
    adjusted = holm([pair.p for *_, pair in found])
    return tuple(Difference(*one, p) for one, p in zip(found, adjusted, strict=True))


def _most_changed(
    runs: Sequence[Run], columns: Sequence[Columns], judgements: Judgements, k: int
) -> tuple[Changed, ...]:
    first, name = columns[0][f"ndcg@{k}"], f"ndcg@{k}"
    gaps = [
        (abs(now - before), query, other, before, now)
        for other in range(1, len(runs))
        for query, before, now in zip(
            judgements.queries, first.tolist(), columns[other][name].tolist(), strict=True
        )
        if np.isfinite(now - before) and now != before
    ]
    gaps.sort(key=lambda gap: (-gap[0], gap[1], gap[2]))
    return tuple(
        Changed(query, runs[0].name, runs[other].name, before, now)
        for _, query, other, before, now in gaps[:MOST_CHANGED]
    )


def as_mapping(found: Comparison) -> dict[str, Any]:
    """Return all figures as plain JSON types; None is what is not defined."""
    return {
        "judgements": {
            "name": found.judgements.name,
            "queries": len(found.judgements.queries),
            "notices": dict(found.judgements.notices),
        },
        "k": found.settings.k,
        "runs": [
            {"name": run.name, "quality": to_json(quality), "notices": dict(run.notices)}
            for run, quality in zip(found.runs, found.quality, strict=True)
        ],
        "differences": [
            {
                "first": one.first,
                "second": one.second,
                "measure": one.measure,
                **to_json(one.found),
                "p_holm": one.adjusted,
                "verdict": one.verdict,
            }
            for one in found.differences
        ],
        "changed": to_json(found.changed),
    }
