"""How sure a figure is: bootstrap intervals, paired tests, Holm, agreement of judges; seeded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Agreement",
    "Figure",
    "Paired",
    "agreement",
    "figures",
    "holm",
    "paired",
    "ratio_figure",
    "share_figure",
]

SEED = 20_260_301
FLIPS = 10_000
_RESAMPLES = range(100, 1001)  # as many as the time allows
_DRAWS = 10_000_000
_BLOCK = 2_000_000  # numbers in memory at once


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean with its interval.

    Attributes
    ----------
    mean : float or None, where nothing defines it
    low, high : float or None
        Bounds of the 95 % bootstrap interval (percentiles); None of fewer than two values.
    n : values that it is the mean of
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int


NOTHING = Figure(None, None, None, 0)


def figures(columns: Mapping[str, NDArray[np.float64]], *, seed: int = SEED) -> dict[str, Figure]:
    """Return the mean of each column with its interval; NaN is left out.

    The order of the rows does not matter.

    Parameters
    ----------
    columns : (n,) float64 each; rows are drawn together
    """
    if not columns:
        return {}
    table = np.column_stack(list(columns.values()))
    table = table[np.lexsort(table.T)]
    known = np.isfinite(table)
    counts = known.sum(axis=0)
    values = np.where(known, table, 0.0)
    sums, drawn = _resampled(np.hstack([values, known.astype(np.float64)]), seed), len(columns)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums[:, :drawn] / sums[:, drawn:]
    out = {}
    for i, name in enumerate(columns):
        if not counts[i]:
            out[name] = NOTHING
            continue
        mean = float(values[:, i].sum() / counts[i])
        out[name] = Figure(mean, *_bounds(means[:, i], int(counts[i])), int(counts[i]))
    return out


def ratio_figure(
    parts: NDArray[np.float64], wholes: NDArray[np.float64], *, seed: int = SEED
) -> Figure:
    """Return the sum of parts over the sum of wholes, with its interval over drawn rows."""
    whole = float(wholes.sum())
    n = int(np.count_nonzero(wholes))
    if not whole > 0.0:
        return NOTHING
    sums = _resampled(np.column_stack([parts, wholes]), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = sums[:, 0] / sums[:, 1]
    return Figure(float(parts.sum()) / whole, *_bounds(ratios, n), n)


def share_figure(hits: int, n: int, *, seed: int = SEED) -> Figure:
    """Return the share of hits among ``n``, with its interval: that of ``figures`` of n 0s and 1s.

    Drawn as what the mean of n draws of 0 and 1 is, a binomial number: quick for any n.
    """
    if not n:
        return NOTHING
    drawn = np.random.default_rng(seed).binomial(n, hits / n, _RESAMPLES[-1]) / n
    return Figure(hits / n, *_bounds(drawn, n), n)


def _bounds(means: NDArray[np.float64], n: int) -> tuple[float | None, float | None]:
    usable = means[np.isfinite(means)]
    if n < 2 or not len(usable):
        return None, None
    low, high = np.quantile(usable, [0.025, 0.975])
    return float(low), float(high)


def _resampled(table: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return the column sums of resamples of the rows, (resamples, columns)."""
    n = len(table)
    if not n:
        return np.zeros((0, table.shape[1]))
    resamples = min(max(_DRAWS // n, _RESAMPLES[0]), _RESAMPLES[-1])
    rng, step = np.random.default_rng(seed), max(1, _BLOCK // n)
    sums = []
    for first in range(0, resamples, step):
        rows = min(step, resamples - first)
        drawn = rng.integers(0, n, (rows, n)) + np.arange(rows)[:, None] * n
        times = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        sums.append(times.astype(np.float64) @ table)
    return np.concatenate(sums)


# --- two runs ---


@dataclass(frozen=True, slots=True)
class Paired:
    """One measure of the same queries in two runs.

    Attributes
    ----------
    n : queries that both define
    difference : Figure, of the second over the first
    p : float or None
        Of the two-sided randomisation test (10,000 flips); None where all queries tie.
    effect : float or None
        Mean of the differences over their standard deviation; None where they do not vary.
    wins, ties, losses : queries, of the second run
    """

    n: int
    difference: Figure
    p: float | None
    effect: float | None
    wins: int
    ties: int
    losses: int


def paired(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    *,
    groups: NDArray[np.int64] | None = None,
    seed: int = SEED,
) -> Paired:
    """Compare a measure of the same queries in two runs.

    Parameters
    ----------
    groups : (n,) numbers from 0 of what queries belong to, where those of one group win and lose
        together: signs are flipped, and rows drawn, group by group; None = each query alone
    """
    both = np.isfinite(first) & np.isfinite(second)
    gaps = (second - first)[both]
    gaps = np.where(np.abs(gaps) < 1e-12, 0.0, gaps)
    spread = float(gaps.std(ddof=1)) if len(gaps) > 1 else 0.0
    if groups is None:
        units, difference = gaps, figures({"gap": gaps}, seed=seed)["gap"]
    else:
        units = np.bincount(groups[both], gaps).astype(np.float64)
        sizes = np.bincount(groups[both]).astype(np.float64)
        difference = replace(ratio_figure(units, sizes, seed=seed), n=len(gaps))
    return Paired(
        n=len(gaps),
        difference=difference,
        p=_randomised(units, seed),
        effect=float(gaps.mean()) / spread if spread > 0.0 else None,
        wins=int((gaps > 0).sum()),
        ties=int((gaps == 0).sum()),
        losses=int((gaps < 0).sum()),
    )


def _randomised(gaps: NDArray[np.float64], seed: int) -> float | None:
    """Return how often random signs make as great a sum as there is; ties change no sum."""
    gaps = gaps[gaps != 0.0]
    if not len(gaps):
        return None
    seen, rng = abs(float(gaps.sum())), np.random.default_rng(seed)
    as_great, step = 0, max(1, _BLOCK // len(gaps))
    for first in range(0, FLIPS, step):
        shape = (min(step, FLIPS - first), len(gaps))
        signs = rng.integers(0, 2, shape, dtype=np.int8) * 2.0 - 1.0
        as_great += int((np.abs(signs @ gaps) >= seen * (1.0 - 1e-12)).sum())
    return (as_great + 1) / (FLIPS + 1)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted for being several (Holm 1979); None stays None."""
    ranked = sorted((p, i) for i, p in enumerate(ps) if p is not None)
    out: list[float | None] = [None] * len(ps)
    floor = 0.0
    for place, (p, i) in enumerate(ranked):
        floor = max(floor, min(1.0, p * (len(ranked) - place)))
        out[i] = floor
    return out


# --- judges ---


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far judges agree.

    Attributes
    ----------
    alpha : Figure
        Krippendorff's alpha for ordinal grades: 1 = always, 0 = as by chance.
    units : pairs of articles that two judges or more have marked
    judges : int
    why : why there is no figure, in words; empty where there is one
    """

    alpha: Figure
    units: int
    judges: int
    why: str = ""


def agreement(marks: Sequence[Mapping[str, int]], judges: int, *, seed: int = SEED) -> Agreement:
    """Return how far judges agree, with a bootstrap interval over what they judged.

    Parameters
    ----------
    marks : for each unit the grade of each judge who gave one
    """
    shared = [list(unit.values()) for unit in marks if len(unit) > 1]
    if judges < 2:
        return Agreement(NOTHING, len(shared), judges, "one judge only: nobody to agree with")
    if not shared:
        return Agreement(NOTHING, 0, judges, "no two judges marked the same pair")
    grades = sorted({grade for unit in shared for grade in unit})
    if len(grades) < 2:
        why = f"every mark is {grades[0]}: agreement beyond chance is not defined"
        return Agreement(NOTHING, len(shared), judges, why)
    tables = _coincidences(shared, grades)
    alpha = _alpha(tables.sum(axis=0))
    rng = np.random.default_rng(seed)
    draws = [
        _alpha(tables[rng.integers(0, len(tables), len(tables))].sum(axis=0))
        for _ in range(_RESAMPLES[-1])
    ]
    low, high = _bounds(np.array(draws), len(shared))
    return Agreement(Figure(alpha, low, high, len(shared)), len(shared), judges)


def _coincidences(units: Sequence[Sequence[int]], grades: Sequence[int]) -> NDArray[np.float64]:
    """Return for each unit how often each two grades meet in it, (n, grades, grades)."""
    place = {grade: i for i, grade in enumerate(grades)}
    tables = np.zeros((len(units), len(grades), len(grades)))
    for table, unit in zip(tables, units, strict=True):
        for i, one in enumerate(unit):
            for j, other in enumerate(unit):
                if i != j:
                    table[place[one], place[other]] += 1.0 / (len(unit) - 1)
    return tables


def _alpha(table: NDArray[np.float64]) -> float:
    """Return alpha of a table of coincidences (Krippendorff 2011, ordinal)."""
    totals = table.sum(axis=1)
    n, ends = totals.sum(), np.cumsum(totals)
    middle = ends - totals / 2.0  # the distance of two grades is the marks that lie between them
    distances = (middle[:, None] - middle[None, :]) ** 2
    expected = float((np.outer(totals, totals) * distances).sum() / (n - 1.0))
    if not expected > 0.0:
        return float("nan")
    return float(1.0 - (table * distances).sum() / expected)
