"""``recommender evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recommender.cli._evaluation import (
    checked,
    draw_figures,
    list_options,
    opened,
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
from recommender.cli._terminal import progress, say, say_notices, table, tell
from recommender.evaluation._writing import check_place, write_table, write_whole
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.derived import judgements_of, stories_of
from recommender.evaluation.logs import read_log
from recommender.evaluation.measuring import Evaluation, as_mapping, evaluate, table_rows
from recommender.evaluation.report import report_page
from recommender.evaluation.runs import read_run
from recommender.evaluation.words import figure, share, verdict

_PATH = click.Path(path_type=Path)


@click.command(
    "evaluate",
    epilog="\x08\nExamples:\n"
    "  recommender evaluate --model models/news --judgements back-references --report report.html\n"
    "  recommender evaluate --model models/news --judgements qrels.txt --run other.jsonl --json\n"
    "  recommender evaluate --model models/news --judgements field:cluster --articles news.jsonl",
)
@model_option
@config_option
@truth_options
@click.option("--run", "run_path", type=_PATH, help="Lists to evaluate instead of the index's.")
@click.option("--log", "log_path", type=_PATH, help="What readers were shown and clicked.")
@click.option("--stories", metavar="FILE|FIELD", help="Stories, for alpha-nDCG.")
@click.option("--report", type=_PATH, help="Write an HTML report to this file.")
@click.option("--csv", "csv_path", type=_PATH, help="Write every judged query's figures here.")
@jobs_option
@list_options
@json_option
def command(
    model: Path,
    config_path: Path | None,
    judgements: str | None,
    articles: Path | None,
    jobs: int,
    k: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure the lists of an index, or of a run file, and write a report for people."""
    names = ("run_path", "log_path", "stories", "report", "csv_path")
    run, log, stories, report, csv = (options.pop(name) for name in names)
    check_place(report)
    check_place(csv)
    recommender = opened(model, settings(config_path)[0])
    how = checked(settings_of(k, options, jobs), recommender)
    with progress() as show:
        catalog = Catalog(recommender.index, show)
        found = evaluate(
            recommender,
            None if judgements is None else judgements_of(judgements, catalog, articles),
            run=None if run is None else read_run(run),
            catalog=catalog,
            stories=None if stories is None else stories_of(stories, catalog, articles),
            log=None if log is None else read_log(log),
            settings=how,
            progress=show,
        )
    _write(found, recommender, report, csv)
    print_json(as_mapping(found)) if as_json else _draw(found)


def _write(found: Evaluation, model: Any, report: Path | None, csv: Path | None) -> None:
    if report is not None:
        write_whole(report, report_page(found, model))
        say(f"Wrote the report to {report}")
    if csv is not None:
        say(f"Wrote {write_table(csv, table_rows(found)):,} rows to {csv}")


def _draw(found: Evaluation) -> None:
    for words in verdict(found):
        tell(words)
    if found.quality:
        draw_figures(found.quality, "\nQuality")
    draw_figures(found.lists, "\nLists")
    exposure = found.exposure
    if exposure is not None:
        rows = {
            "coverage": share(exposure.coverage),
            "Gini": figure(exposure.gini),
            "orphans": f"{len(exposure.orphans):,}",
        }
        table(rows, title="\nThe archive")
    if found.rates:
        _draw_log(found)
    say_notices(found.notices)


def _draw_log(found: Evaluation) -> None:
    draw_figures({f"place {rate.position}": rate.rate for rate in found.rates}, "\nClicks a card")
    policy = found.off_policy
    if policy is None or policy.why:
        tell(f"What these lists would have got cannot be said: {policy.why if policy else '-'}.")
        return
    shown = {
        "clicks a block, logged": policy.logged,
        "clicks a block, IPS": policy.ips,
        "clicks a card, logged": policy.logged_rate,
        "clicks a card, SNIPS": policy.snips,
    }
    draw_figures(shown, "\nThese lists, from the log")
    tell(f"Effective sample size {figure(policy.effective, 0)} of {policy.shown:,} cards.")
