"""``recommender tune``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recommender.cli._evaluation import (
    checked,
    interval,
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
from recommender.cli._terminal import columns, progress, say, say_notices, tell
from recommender.evaluation._writing import check_place, write_whole
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.derived import judgements_of
from recommender.evaluation.pasting import as_toml, pasted, text_of
from recommender.evaluation.settings import TuningSettings
from recommender.evaluation.tuning import Tuning, as_mapping, tune, verdict
from recommender.evaluation.words import figure


@click.command(
    "tune",
    epilog="\x08\nExamples:\n"
    "  recommender tune --model models/news --judgements back-references --replay\n"
    "  recommender tune --model models/news --judgements qrels.txt --write recommender.toml",
)
@model_option
@config_option
@truth_options
@click.option(
    "--measure",
    default="ndcg",
    show_default=True,
    help="What has to become better: a measure of quality, as evaluate prints them.",
)
@click.option(
    "--test-share",
    type=float,
    default=0.5,
    show_default=True,
    help="Share of the stories kept for the test, 0.1 to 0.9.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split.")
@click.option(
    "--write",
    "write_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Put what is better into this settings file.",
)
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
    """Look for settings of the block that bring better lists by your judgements.

    They are searched for on one part of the judged stories and tested once on the other, which the
    search never sees. No file is changed but that of --write.
    """
    if judgements is None:
        raise click.UsageError("Give --judgements: without them nothing can be better or worse.")
    how_tuned = TuningSettings(*(options.pop(n) for n in ("measure", "test_share", "seed")))
    write_path = options.pop("write_path")
    check_place(write_path)
    kept = "" if write_path is None else text_of(write_path)
    recommender = opened(model, settings(config_path)[0])
    how = checked(settings_of(k, options, jobs), recommender)
    with progress() as show:
        catalog = Catalog(recommender.index, show)
        found = tune(
            recommender,
            judgements_of(judgements, catalog, articles),
            catalog=catalog,
            settings=how,
            tuning=how_tuned,
            progress=show,
        )
    try:  # written first: whoever reads the output may go away; shown whatever comes of it
        if write_path is not None:
            _write(found, write_path, kept)
    finally:
        print_json(as_mapping(found)) if as_json else _draw(found)


def _write(found: Tuning, path: Path, kept: str) -> None:
    if found.lines:
        write_whole(path, pasted(kept, found.lines, where=str(path)))
        say(f"Wrote {len(found.lines)} settings of the block to {path}")
    else:
        say(f"Nothing is better, so {path} is left as it is")


def _draw(found: Tuning) -> None:
    for words in verdict(found):
        tell(words)
    heads = {"step": "right", "setting": "left", "is": "right", "tried": "right"}
    heads |= dict.fromkeys(("gain", "95 % interval", "p", "Holm", "win/tie/loss"), "right")
    columns(
        {**heads, "": "left"},
        [
            (
                str(one.step),
                one.name,
                str(one.before),
                str(one.value),
                figure(one.found.difference.mean),
                interval(one.found.difference),
                figure(one.found.p, 4),
                figure(one.adjusted, 4),
                f"{one.found.wins}/{one.found.ties}/{one.found.losses}",
                "taken" if one.taken else "",
            )
            for one in found.tried
            if one.step == 1 or one.taken
        ],
        title=f"\nTried on the training part ({found.measure})",
    )
    if found.lines:
        for line in ("", "To paste into recommender.toml:", *as_toml(found.lines).splitlines()):
            tell(line)
    say_notices(found.notices)
