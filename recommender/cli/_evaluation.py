"""What the commands that judge lists share: their options, and how figures look on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from recommender.cli._options import settings
from recommender.cli._terminal import columns
from recommender.config import Config
from recommender.evaluation.runs import Run, live_run, read_run
from recommender.evaluation.settings import EvaluationSettings
from recommender.evaluation.statistics import Figure
from recommender.evaluation.words import figure
from recommender.ranking.settings import PRESETS
from recommender.recommend import Recommender

__all__ = [
    "checked",
    "draw_figures",
    "interval",
    "list_options",
    "opened",
    "run_of",
    "settings_of",
    "truth_options",
]

F = TypeVar("F", bound=Callable[..., Any])


def _with(*options: Callable[[F], F]) -> Callable[[F], F]:
    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


truth_options = _with(
    click.option(
        "--judgements",
        metavar="FILE|RULE",
        help="TREC qrels, pairs with grades, or a log; or back-references, field:NAME, sections, "
        "tags.",
    ),
    click.option(
        "--articles",
        type=click.Path(path_type=Path),
        help="The source that holds field:NAME, or the links, where the index does not.",
    ),
    click.option(
        "--relevant",
        "least",
        type=int,
        default=1,
        show_default=True,
        metavar="GRADE",
        help="Grade from which an article is relevant.",
    ),
    click.option(
        "--any-language",
        is_flag=True,
        help="Count judgements of articles in another language too.",
    ),
    click.option(
        "--replay",
        is_flag=True,
        help="Only what was published before each article, in lists and judgements.",
    ),
)

list_options = _with(
    click.option(
        "--k", type=int, default=10, show_default=True, help="Cards of each list looked at."
    ),
    click.option("--threshold", type=float, help="Least score of a card, 0 to 1.  [default: 0]"),
    click.option("--languages", help="same, any, or codes such as uk,ru.  [default: same]"),
    click.option("--preset", help="A named choice of settings: similarity."),
    click.option("--mode", help="exact, fast, or auto by size.  [default: auto]"),
)


def settings_of(k: int, options: dict[str, Any], jobs: int = 1) -> EvaluationSettings:
    """Return the settings of an evaluation from a command's options."""
    own = {name: options.pop(name) for name in ("least", "replay", "any_language")}
    given = {name: value for name, value in options.items() if value is not None}
    return EvaluationSettings(k=k, jobs=jobs, options=given, **own)


def run_of(source: str, config_path: Path | None, how: EvaluationSettings, show: Any) -> Run:
    """Return the run that an argument names: a file, the folder of an index, or FOLDER:PRESET."""
    folder, mark, preset = source.rpartition(":")
    if Path(source).is_dir():
        folder, preset = source, ""
    elif not (mark and preset in PRESETS and Path(folder).is_dir()):
        return read_run(source)
    options = {**how.options, **({"preset": preset} if preset else {}), "limit": how.k}
    model = opened(Path(folder), settings(config_path)[0])
    return live_run(model, name=source, jobs=how.jobs, progress=show, **options)


def checked(how: EvaluationSettings, model: Recommender) -> EvaluationSettings:
    """Return the settings as a model takes them; what it does not take is told before the work.

    Where its lists are in any language, judgements of any language count.
    """
    languages = model.answers.ask_for({**how.options, "limit": how.k}).settings.languages
    return how if languages == "same" else replace(how, any_language=True)


def opened(model: Path, config: Config) -> Recommender:
    """Open an index."""
    return Recommender.open(model, config=config)


def draw_figures(found: Mapping[str, Figure], title: str) -> None:
    """Print figures with their intervals."""
    rows = [(n, figure(f.mean), interval(f), f"{f.n:,}") for n, f in found.items()]
    heads = {"measure": "left", "mean": "right", "95 % interval": "right", "of": "right"}
    columns(heads, rows, title=title)


def interval(found: Figure) -> str:
    """Return the bounds of a figure for people."""
    if found.low is None or found.high is None:
        return "-"
    return f"{figure(found.low)} to {figure(found.high)}"
