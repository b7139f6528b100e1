"""Settings of the block chosen by judgements: searched on one part of them, tested on the other.

The search is handed the training part and nothing else. It goes up the hill one setting at a time:
of all changes of a single setting it takes one whose gain is more than chance (paired randomisation
test, stories flipped as a whole, Holm over everything tried in the round), and goes on from there
until there is none. Then, once, the test part says whether the gain is real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from time import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender._settings import nearest
from recommender.article import to_json
from recommender.errors import ConfigError, InputError
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.judgements import Judgements
from recommender.evaluation.measuring import fitting, per_query
from recommender.evaluation.metrics import measure_named
from recommender.evaluation.runs import Run, live_run, replayed_run
from recommender.evaluation.settings import EvaluationSettings, TuningSettings
from recommender.evaluation.splitting import LEAST_QUERIES, Part, Split, split
from recommender.evaluation.statistics import Paired, holm, paired
from recommender.evaluation.words import figure
from recommender.ranking.settings import BlockSettings
from recommender.recommend import Recommender

__all__ = ["DIALS", "Tested", "Tried", "Tuning", "as_mapping", "search", "tune", "verdict"]

Progress = Callable[[str, int, int | None], None]
Scores = NDArray[np.float64]

Dials = Mapping[str, Sequence[Any]]

_SETTINGS: Final = tuple(own.name for own in fields(BlockSettings))
DIALS: Final[Dials] = {
    "smoothing": (0.0, 0.5, 1.0, 2.0, 4.0),
    "half_life": ("0", "365d", "180d", "90d", "60d", "30d", "14d", "7d"),
    "popularity": (0.0, 0.1, 0.2, 0.3, 0.5),
}
"""The settings of the block that are tried, each with its values, the simplest first."""

ALPHA = 0.05
"""What a p has to be below."""

DEFAULTS = EvaluationSettings()
USUAL = TuningSettings()


@dataclass(frozen=True, slots=True)
class Tried:
    """One change of one setting, on the training part.

    Attributes
    ----------
    step : from 1; the changes of one step start from the same settings
    name, before, value : of the setting, what it is there, and what was tried
    found : Paired, of the value over what it is
    adjusted : float or None
        p after Holm, over the whole step.
    taken : whether the search went on from it
    """

    step: int
    name: str
    before: Any
    value: Any
    found: Paired
    adjusted: float | None
    taken: bool = False

    @property
    def is_better(self) -> bool:
        """Whether it gains more than chance would."""
        return _gains(self.found, self.adjusted)


@dataclass(frozen=True, slots=True)
class Tested:
    """What the test part says of the settings that the search chose.

    Attributes
    ----------
    before, after : float
        Mean of the measure, with the settings in force and with the chosen ones.
    found : Paired, of the chosen over those in force
    """

    before: float
    after: float
    found: Paired

    @property
    def is_better(self) -> bool:
        """Whether the gain is more than chance here too."""
        return _gains(self.found, self.found.p)


@dataclass(frozen=True)
class Tuning:
    """What tuning found.

    Attributes
    ----------
    judgements : Judgements, those that can be met
    settings : EvaluationSettings
    tuning : TuningSettings
    measure : the measure's whole name
    parts : Split
    current : the settings that were tried, as they are in force
    chosen : what the search changed; empty where nothing was better
    tried : every change, step by step
    tested : None where the search changed nothing: the test part has not been looked at
    lines : settings of ``[block]`` that make the configuration in force do what was measured; empty
        where the test does not bear the gain out
    notices : what was left out, in words, with how many
    """

    judgements: Judgements
    settings: EvaluationSettings
    tuning: TuningSettings
    measure: str
    parts: Split
    current: Mapping[str, Any]
    chosen: Mapping[str, Any]
    tried: tuple[Tried, ...]
    tested: Tested | None
    lines: Mapping[str, Any]
    notices: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_better(self) -> bool:
        """Whether there are settings that are better than those in force, as the test says."""
        return self.tested is not None and self.tested.is_better


def tune(
    model: Recommender,
    judgements: Judgements,
    *,
    catalog: Catalog | None = None,
    settings: EvaluationSettings = DEFAULTS,
    tuning: TuningSettings = USUAL,
    dials: Dials = DIALS,
    progress: Progress | None = None,
) -> Tuning:
    """Look for settings of the block that bring better lists by the judgements.

    The settings in force are those of the model's configuration with ``settings.options`` over it.

    Parameters
    ----------
    catalog : the model's articles, where they have been read already
    dials : settings of the block to try, each with its values, the simplest first
    progress : is told (step, done, total)

    Raises
    ------
    InputError : the measure is none, or a part has too few judged articles
    ConfigError : a dial is no setting of the block, or has a value that cannot be
    """
    name = measure_named(tuning.measure, settings.k)
    articles = catalog or Catalog(model.index, progress)
    truth = fitting(judgements, articles, settings)
    parts = split(truth, tuning, whole=judgements.known(articles.place))
    fixed = replace(settings, options={"now": time(), **settings.options})
    current = _current(model, settings, dials)
    chosen, tried = search(
        model, parts.training, settings=fixed, measure=name, dials=dials, progress=progress
    )
    tested = None
    if chosen:
        tested = _tested(_Scores(model, parts.test, fixed, name), chosen)
    own = model.answers.ask_for({**settings.options, **chosen}).settings
    borne_out = tested is not None and tested.is_better
    return Tuning(
        judgements=truth,
        settings=settings,
        tuning=tuning,
        measure=name,
        parts=parts,
        current=current,
        chosen=chosen,
        tried=tried,
        tested=tested,
        lines=_lines(model.answers.block, own) if borne_out else {},
        notices={**truth.notices, **parts.notices},
    )


# --- the search, which knows the training part alone ---


class _Scores:
    """The measure of a part's queries, by settings; what was asked once is remembered."""

    def __init__(
        self,
        model: Recommender,
        part: Part,
        settings: EvaluationSettings,
        name: str,
        progress: Progress | None = None,
    ) -> None:
        self._model, self.part, self._settings = model, part, settings
        self._name, self._progress = name, progress
        self._known: dict[tuple[tuple[str, Any], ...], Scores] = {}

    def of(self, changed: Mapping[str, Any]) -> Scores:
        """Return the measure of each query, (n,) float64, with some settings changed."""
        key = tuple(sorted(changed.items()))
        if key not in self._known:
            lists = self._lists({**self._settings.options, **changed, "limit": self._settings.k})
            columns = per_query(lists, self.part.judgements, self._settings)
            self._known[key] = columns[self._name]
            if self._progress:
                self._progress("tune", len(self._known), None)
        return self._known[key]

    def _lists(self, options: Mapping[str, Any]) -> Run:
        queries = self.part.judgements.queries
        if self._settings.replay:
            return replayed_run(self._model, queries, **options)
        return live_run(self._model, ids=queries, jobs=self._settings.jobs, **options)

    def compared(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> Paired:
        """Return how much the second settings are better than the first."""
        return paired(self.of(first), self.of(second), groups=self.part.groups)

    def check(self) -> None:
        """Refuse a measure that too few queries define."""
        n = int(np.isfinite(self.of({})).sum())
        if n < LEAST_QUERIES:
            raise InputError(
                f"{self._name} is defined for {n:,} of the {self.part.n_queries:,} articles of a "
                f"part; expected {LEAST_QUERIES} or more. Take a lower grade as relevant "
                f"(it is {self._settings.least}), or judge more articles."
            )


def search(
    model: Recommender,
    training: Part,
    *,
    settings: EvaluationSettings = DEFAULTS,
    measure: str,
    dials: Dials = DIALS,
    progress: Progress | None = None,
) -> tuple[dict[str, Any], tuple[Tried, ...]]:
    """Return what to change in the settings of the block, and all that was tried.

    Parameters
    ----------
    training : the judgements to go by; the search sees no other
    measure : the whole name of what has to become better
    dials : as ``tune`` takes them

    Raises
    ------
    InputError : too few of the articles define the measure
    ConfigError : a dial that cannot be
    """
    current = _current(model, settings, dials)
    scores = _Scores(model, training, settings, measure, progress)
    scores.check()
    changed: dict[str, Any] = {}
    every: list[Tried] = []
    while True:  # each step gains on the training part, so that no settings come back
        step = every[-1].step + 1 if every else 1
        tried = list(_tried(scores, current, changed, dials, step))
        best = _best(tried)
        every += [replace(one, taken=one is best) for one in tried]
        if best is None:
            return changed, tuple(every)
        changed = _with(changed, best.name, best.value, current)


def _current(model: Recommender, settings: EvaluationSettings, dials: Dials) -> dict[str, Any]:
    """Return the settings that are tried, as they are in force.

    Popularity is tried where there are counts, and not in the past: they are those of today.
    """
    for name in dials:
        if name not in _SETTINGS:
            raise ConfigError(f"[block] has no setting {name!r}.{nearest(name, _SETTINGS)}")
    now = model.answers.ask_for(settings.options).settings
    is_counted = not settings.replay and bool(model.answers.ranker.scorer.counts.any())
    return {name: getattr(now, name) for name in dials if name != "popularity" or is_counted}


def _with(
    changed: Mapping[str, Any], name: str, value: Any, current: Mapping[str, Any]
) -> dict[str, Any]:
    """Return changes with one more; what is as in force is no change."""
    after = {**changed, name: value}
    return {key: own for key, own in after.items() if own != current[key]}


def _tried(
    scores: _Scores,
    current: Mapping[str, Any],
    changed: Mapping[str, Any],
    dials: Dials,
    step: int,
) -> Iterator[Tried]:
    """Yield every change of one setting, with what it gains."""
    found = []
    for name, usual in current.items():
        before = changed.get(name, usual)
        off_grid = () if usual in dials[name] else (usual,)
        for value in (*dials[name], *off_grid):
            if value != before:
                gain = scores.compared(changed, _with(changed, name, value, current))
                found.append((name, before, value, gain))
    adjusted = holm([gain.p for *_, gain in found])
    for (name, before, value, gain), p in zip(found, adjusted, strict=True):
        yield Tried(step, name, before, value, gain, p)


def _best(tried: list[Tried]) -> Tried | None:
    """Return the change to take: of each setting the simplest that gains, of these the best."""
    simplest: dict[str, Tried] = {}
    for one in tried:
        if one.is_better:
            simplest.setdefault(one.name, one)
    gains = [(one.found.difference.mean or 0.0, one) for one in simplest.values()]
    return max(gains, key=lambda pair: pair[0])[1] if gains else None


def _gains(found: Paired, p: float | None) -> bool:
    mean = found.difference.mean
    return mean is not None and mean > 0.0 and p is not None and p < ALPHA


# --- the test, once ---


def _tested(scores: _Scores, chosen: Mapping[str, Any]) -> Tested:
    """Return what the test part says of chosen settings."""
    scores.check()
    before, after = scores.of({}), scores.of(chosen)
    return Tested(float(np.nanmean(before)), float(np.nanmean(after)), scores.compared({}, chosen))


def _lines(usual: BlockSettings, chosen: BlockSettings) -> dict[str, Any]:
    """Return what stands in ``[block]`` when blocks are to be as chosen; not how long they are."""
    own, other = asdict(chosen), asdict(usual)
    passed_over = ("preset", "limit")  # a preset's settings are named one by one
    return {
        name: value
        for name, value in own.items()
        if value != other[name] and name not in passed_over
    }


# --- in words, and for programs ---


def verdict(found: Tuning) -> list[str]:
    """Return what tuning found, a sentence each."""
    training, test = found.parts.training, found.parts.test
    said = [
        f"Tuned on {training.n_queries:,} judged articles of {training.n_stories:,} stories; "
        f"{test.n_queries:,} of {test.n_stories:,} other stories are kept for the test."
    ]
    if found.judgements.weak:
        name, why = found.judgements.name, found.judgements.weak
        said.append(f"The truth used ({name}) is weak, and settings tuned to it are too: {why}.")
    return [*said, *_said(found)]


def _said(found: Tuning) -> Iterator[str]:
    tested = found.tested
    if tested is None:
        yield (
            "Keep what you have: nothing that was tried is better by more than chance. "
            "The test part has not been looked at."
        )
        return
    gap = tested.found.difference
    numbers = (
        f"{found.measure} {figure(tested.before)} → {figure(tested.after)} on the test part "
        f"(difference {figure(gap.mean)}; 95 % {figure(gap.low)} to {figure(gap.high)}; "
        f"p {figure(tested.found.p, 4)})"
    )
    if tested.is_better:
        yield f"Better: {numbers}."
    else:
        yield (
            "Keep what you have: what is better on the training part is not surely so on stories "
            f"that the search has not seen. {numbers}."
        )


def as_mapping(found: Tuning) -> dict[str, Any]:
    """Return all figures as plain JSON types; None is what is not defined."""
    tested, sides = found.tested, (found.parts.training, found.parts.test)
    return {
        "judgements": {"name": found.judgements.name, "kind": found.judgements.kind}
        | ({"weak": found.judgements.weak} if found.judgements.weak else {}),
        "notices": dict(found.notices),
        "measure": found.measure,
        "seed": found.tuning.seed,
        "test_share": found.tuning.test_share,
        "parts": {
            name: {"queries": part.n_queries, "stories": part.n_stories}
            for name, part in zip(("training", "test"), sides, strict=True)
        },
        "current": dict(found.current),
        "chosen": dict(found.chosen),
        "better": found.is_better,
        "test": None if tested is None else to_json(tested),
        "block": dict(found.lines),
        "tried": to_json(found.tried),
    }
