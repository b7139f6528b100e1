"""What a log tells: clicks by position, and what other lists would have got.

For a run that was not shown, each click counts if the run has the same card at the same place, as
often as the log was unlikely to show it there: inverse propensity scoring, IPS (Horvitz and
Thompson 1952; for cards at places Li et al. 2018). IPS is right on average and may vary much; SNIPS
(Swaminathan and Joachims 2015) divides by the sum of weights instead of the cards shown: a little
off, and steadier. The effective sample size says of how many cards the estimate really is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.evaluation.logs import Log
from recommender.evaluation.runs import Run
from recommender.evaluation.statistics import Figure, figures, ratio_figure, share_figure

__all__ = ["OffPolicy", "Rate", "click_rates", "off_policy"]


@dataclass(frozen=True, slots=True)
class Rate:
    """Clicks at one position.

    Attributes
    ----------
    position : int, from 1
    shown, clicks : int
    rate : Figure, clicks a card shown; its interval is over blocks
    """

    position: int
    shown: int
    clicks: int
    rate: Figure


@dataclass(frozen=True, slots=True)
class OffPolicy:
    """What the lists of a run would have got from the readers of a log.

    Attributes
    ----------
    logged : Figure, clicks a block as they were
    ips : Figure, clicks a block of the run's cards
    logged_rate : Figure, clicks a card as they were
    snips : Figure, clicks a card of the run's cards
    effective : float or None
        Effective sample size: as many cards shown at random would say as much.
    matched : cards of the log that the run has at the same place
    shown : cards of the log
    why : why there are no estimates, in words; empty where there are
    """

    logged: Figure
    ips: Figure
    logged_rate: Figure
    snips: Figure
    effective: float | None
    matched: int
    shown: int
    why: str = ""


_NONE = Figure(None, None, None, 0)


def click_rates(log: Log) -> tuple[Rate, ...]:
    """Return how often cards were clicked at each position that was shown."""
    out = []
    for position in np.unique(log.positions).tolist():
        here = log.positions == position
        shown, clicks = int(here.sum()), int(log.clicked[here].sum())
        out.append(Rate(position, shown, clicks, share_figure(clicks, shown)))
    return tuple(out)


def off_policy(log: Log, run: Run) -> OffPolicy:
    """Return what a run's lists would have got from the readers of a log."""
    clicks, ones = log.clicked.astype(np.float64), np.ones(len(log.items))
    blocks = _by_block(log, clicks)
    logged = figures({"clicks": blocks})["clicks"]
    rate = ratio_figure(blocks, _by_block(log, ones))
    same = np.array(
        [
            item == _at(run, query, position)
            for query, item, position in zip(
                log.queries, log.items, log.positions.tolist(), strict=True
            )
        ],
        np.bool_,
    )
    n, why = int(same.sum()), _why_not(log, same)
    if why:
        return OffPolicy(logged, _NONE, rate, _NONE, None, n, len(same), why)
    weights = np.where(same, 1.0 / np.where(same, log.propensities, 1.0), 0.0)
    parts, wholes = _by_block(log, weights * clicks), _by_block(log, weights)
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    ips = figures({"ips": parts})["ips"]
    return OffPolicy(logged, ips, rate, ratio_figure(parts, wholes), effective, n, len(same))


def _why_not(log: Log, same: NDArray[np.bool_]) -> str:
    if not same.any():
        return "the run has no card where the log shows it"
    if np.isnan(log.propensities[same]).any():
        return (
            "the log does not say how likely each card was to be shown (propensity), "
            "so other lists cannot be estimated from it"
        )
    return ""


def _at(run: Run, query: str, position: int) -> str | None:
    found = run.lists.get(query, ())
    return found[position - 1] if position <= len(found) else None


def _by_block(log: Log, values: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.bincount(log.requests, values, minlength=log.n_requests)
    return sums.astype(np.float64)
