"""``recommender compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recommender.cli._evaluation import (
    checked,
    interval,
    list_options,
    opened,
    run_of,
    settings_of,
    truth_options,
)
from recommender.cli._options import (
    config_option,
    jobs_option,
    json_option,
    model_option,
    print_json,
    settings,
)
from recommender.cli._terminal import columns, progress, say, say_notices, tell
from recommender.evaluation._writing import check_place, write_whole
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.comparing import Comparison, as_mapping, compare
from recommender.evaluation.comparison import comparison_page, verdict
from recommender.evaluation.derived import judgements_of
from recommender.evaluation.measuring import earlier, fitting
from recommender.evaluation.words import figure


@click.command(
    "compare",
    epilog="\x08\nExamples:\n"
    "  recommender compare old.jsonl new.jsonl --model models/news --judgements qrels.txt\n"
    "  recommender compare models/news models/next --model models/news \\\n"
    "    --judgements back-references --report compared.html",
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@model_option
@config_option
@truth_options
@click.option(
    "--report", type=click.Path(path_type=Path), help="Write an HTML report to this file."
)
@jobs_option
@list_options
@json_option
def command(
    runs: tuple[str, ...],
    model: Path,
    config_path: Path | None,
    judgements: str | None,
    articles: Path | None,
    jobs: int,
    k: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare lists on judged articles: run files, indexes, or an index with a preset.

    A RUN is a file of lists, the folder of an index, or FOLDER:PRESET. --model is the index whose
    articles are judged.
    """
    if judgements is None:
        raise click.UsageError("Give --judgements: without them nothing can be better or worse.")
    report = options.pop("report")
    check_place(report)
    recommender = opened(model, settings(config_path)[0])
    how = checked(settings_of(k, options, jobs), recommender)
    with progress() as show:
        catalog = Catalog(recommender.index, show)
        truth = fitting(judgements_of(judgements, catalog, articles), catalog, how)
        lists = [run_of(source, config_path, how, show) for source in runs]
        if how.replay:
            lists = [run.where(earlier(catalog), "cards published later") for run in lists]
        found = compare(lists, truth, settings=how)
    if report is not None:
        write_whole(report, comparison_page(found, catalog))
        say(f"Wrote the report to {report}")
    print_json(as_mapping(found)) if as_json else _draw(found)


def _draw(found: Comparison) -> None:
    for words in verdict(found):
        tell(words)
    names = list(found.quality[0])
    rows = [
        (run.name, name, figure(own[name].mean), interval(own[name]))
        for name in names
        for run, own in zip(found.runs, found.quality, strict=True)
    ]
    heads = {"run": "fold", "measure": "left", "mean": "right", "95 % interval": "right"}
    columns(heads, rows, title="\nRuns")
    heads = {"measure": "left", "runs": "fold"}
    heads |= dict.fromkeys(("difference", "effect", "p", "Holm", "win/tie/loss"), "right")
    columns(
        heads,
        [
            (
                one.measure,
                f"{one.first} → {one.second}",
                figure(one.found.difference.mean),
                figure(one.found.effect, 2),
                figure(one.found.p, 4),
                figure(one.adjusted, 4),
                f"{one.found.wins}/{one.found.ties}/{one.found.losses}",
            )
            for one in found.differences
        ],
        title="\nTwo by two",
    )
    if found.changed:
        shown = [
            (one.query, one.second, figure(one.before), figure(one.now)) for one in found.changed
        ]
        heads = {"article": "fold", "run": "fold", "before": "right", "now": "right"}
        columns(heads, shown, title="\nChanged most")
    for run in found.runs:
        say_notices({f"{what} ({run.name})": n for what, n in run.notices.items()})
    say_notices(found.judgements.notices)
