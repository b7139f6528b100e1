"""The gate by judgements: a build whose lists are worse, to those who judged, is told apart.

The comparison is that of ``recommender compare``: the same lists, measure and test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from recommender.config import Config
from recommender.errors import InputError, SourceNotFoundError
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.comparing import compare
from recommender.evaluation.derived import truth_of
from recommender.evaluation.judgements import Judgements
from recommender.evaluation.measuring import fitting
from recommender.evaluation.runs import Run, live_run
from recommender.evaluation.settings import EvaluationSettings
from recommender.evaluation.words import counted
from recommender.gate import Figure, Measure, percent
from recommender.index.reader import Index
from recommender.index.settings import GenerationSettings
from recommender.ranking.settings import PopularitySettings
from recommender.recommend import Recommender

__all__ = ["judged_quality"]

_MEASURE = "ndcg@10"
_MOST_JUDGED = 2000


def judged_quality(config: Config, *, jobs: int = 1) -> Measure:
    """Return the measure of the gate that ``[generations] judgements`` asks for.

    Of judged articles that both generations have: what is gone, the limit of articles is for. The
    judgements are those that the live generation has, where they are a rule such as
    ``back-references``. The site's counts, which change by the hour, are left out.

    Parameters
    ----------
    config : all settings; the lists of both generations are made by them
    jobs : threads that make lists

    Raises
    ------
    InputError, SourceNotFoundError : the file of judgements cannot be used
    """
    with _named():
        truth = truth_of(config.generations.judgements)
    uncounted = replace(config, popularity=PopularitySettings())
    return partial(_quality, truth, uncounted, jobs)


def _quality(
    truth_in: Callable[[Catalog], Judgements],
    config: Config,
    jobs: int,
    old: Index,
    new: Index,
    settings: GenerationSettings,
    threshold: float,
) -> Figure:
    """Compare the lists of two generations; InputError says that there is nothing to compare."""
    how, catalog = EvaluationSettings(jobs=jobs), Catalog(old)
    both = frozenset(key for key in catalog.ids if _has(new, key))
    with _named():
        truth = fitting(truth_in(catalog).known(both), catalog, how).sampled(_MOST_JUDGED)
    now = new.built_at.timestamp()
    found = compare(
        [_lists(index, truth, config, how, now) for index in (old, new)], truth, settings=how
    )
    gap = next(one.found for one in found.differences if one.measure == _MEASURE)
    before, after = (float(own[_MEASURE].mean or 0.0) for own in found.quality)
    loss = 1.0 - after / before if before else 0.0
    surely = "all tie" if gap.p is None else f"p {gap.p:.4f}"
    shown = (
        f"nDCG@10 by {truth.name} is {after:.3f} instead of {before:.3f} ({percent(-loss)}; "
        f"{counted(gap.n, 'article')}, {surely})"
    )
    return Figure(
        name="judged quality",
        live=before,
        new=after,
        loss=loss,
        limit=settings.max_quality_drop,
        setting="max_quality_drop",
        shown=shown,
        p=gap.p,
        notices=truth.notices,
    )


@contextmanager
def _named() -> Iterator[None]:
    """Say in errors which setting they come from."""
    try:
        yield
    except (InputError, SourceNotFoundError) as error:
        raise type(error)(f"[generations] judgements: {error}") from error


def _has(index: Index, key: str) -> bool:
    doc = index.find(key)
    return doc is not None and index.article_id(doc) == key  # not one whose address it is


def _lists(
    index: Index, truth: Judgements, config: Config, how: EvaluationSettings, now: float
) -> Run:
    model, name = Recommender(index, config), f"generation {index.manifest.generation}"
    return live_run(model, name=name, jobs=how.jobs, ids=truth.queries, limit=how.k, now=now)
