"""``recommender judge``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recommender.article import to_json
from recommender.cli._evaluation import draw_figures, interval, opened
from recommender.cli._options import config_option, json_option, model_option, print_json, settings
from recommender.cli._terminal import progress, say, say_notices, table, tell
from recommender.evaluation._writing import check_place, write_whole
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.comparing import told_apart
from recommender.evaluation.judging import (
    as_judgements,
    as_qrels,
    how_far_agreed,
    judging_page,
    pooled,
    read_marks,
    spread,
)
from recommender.evaluation.measuring import fitting, per_query
from recommender.evaluation.runs import Run, live_run, read_run
from recommender.evaluation.settings import EvaluationSettings
from recommender.evaluation.statistics import figures
from recommender.evaluation.words import figure

_PATH = click.Path(path_type=Path)


@click.command(
    "judge",
    epilog="\x08\nExamples:\n"
    "  recommender judge --model models/news --out judge.html --queries 30\n"
    "  recommender judge --model models/news --run other.jsonl --out judge.html\n"
    "  recommender judge --read marks-ann.json marks-bo.json --model models/news --out qrels.txt",
)
@click.argument("names", nargs=-1, metavar="[ID...|FILE...]")
@model_option
@config_option
@click.option("--read", "is_reading", is_flag=True, help="Read the FILEs that the page saved.")
@click.option("--run", "run_paths", multiple=True, type=_PATH, help="Another run. May be repeated.")
@click.option("--out", type=_PATH, help="The page to write; with --read, qrels.")
@click.option(
    "--queries",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="Articles to judge, if none are named.",
)
@click.option(
    "--depth",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="Cards of each list to judge.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the order on the page."
)
@json_option
def command(
    names: tuple[str, ...],
    model: Path,
    config_path: Path | None,
    is_reading: bool,
    run_paths: tuple[Path, ...],
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Make a page on which people judge lists blindly, or read back what they saved.

    The lists are those of the index and of every --run; the page does not say whose a card is.
    """
    if is_reading and not names:
        raise click.UsageError("Give the files that judges saved, together with --read.")
    if not is_reading and out is None:
        raise click.UsageError("Give the page a name: --out judge.html")
    check_place(out)
    recommender = opened(model, settings(config_path)[0])
    depth = options.pop("depth")
    with progress() as show:
        catalog = Catalog(recommender.index, show)
        live = live_run(recommender, limit=max(depth, 10), progress=show)
    runs = [live, *map(read_run, run_paths)]
    if is_reading:
        _read(names, runs, catalog, out, as_json)
        return
    sheet = pooled(
        runs,
        catalog,
        queries=names,
        n_queries=options["queries"],
        depth=depth,
        seed=options["seed"],
    )
    write_whole(out or Path(), judging_page(sheet, catalog))
    say(f"Wrote {len(sheet.asked):,} articles with {sheet.n_pairs:,} candidates to {out}")


def _read(
    names: tuple[str, ...], runs: list[Run], catalog: Catalog, out: Path | None, as_json: bool
) -> None:
    marked = read_marks(names)
    found = how_far_agreed(marked)
    if out is not None:
        write_whole(out, as_qrels(marked))
        say(f"Wrote {len(marked.marks):,} judgements to {out}")
    how = EvaluationSettings(any_language=True)
    truth = as_judgements(marked)
    truth = fitting(truth, catalog, how) if truth.queries else truth
    quality = {run.name: figures(per_query(run, truth, how)) for run in told_apart(runs)}
    if as_json:
        said = {"judges": marked.judges, "agreement": found, "runs": quality}
        print_json(to_json({**said, "notices": dict(truth.notices)}))
        return
    rows = {
        "judges": ", ".join(marked.judges),
        "pairs": f"{len(marked.marks):,}, {found.units:,} of them by two judges or more",
        "grades": ", ".join(f"{grade}: {n:,}" for grade, n in sorted(spread(marked).items())),
        "alpha": "-" if found.why else f"{figure(found.alpha.mean)} ({interval(found.alpha)})",
    }
    table(rows, title="Marks")
    if found.why:
        tell(f"There is no agreement to report: {found.why}.")
    for name, own in quality.items():
        draw_figures(own, f"\n{name}, as judged")
    say_notices(truth.notices)
