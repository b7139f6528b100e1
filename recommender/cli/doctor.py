"""``recommender doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from recommender.cli._options import (
    config_option,
    json_option,
    model_option,
    print_json,
    settings,
)
from recommender.cli._terminal import say, table
from recommender.doctor import examine


@click.command("doctor", epilog="\x08\nExample:\n  recommender doctor --model models/news")
@model_option
@config_option
@json_option
def command(model: Path, config_path: Path | None, as_json: bool) -> int:
    """Look at versions, disk, index, writer and compiled loops; exit code 1 if one wants care."""
    findings = examine(model, settings(config_path)[0])
    advice = [finding for finding in findings if finding.advice]
    if as_json:
        print_json(findings)
    else:
        table({finding.what: finding.found for finding in findings}, title=str(model))
        for finding in advice:
            say(f"{finding.what}: {finding.advice}.")
    return 1 if advice else 0
