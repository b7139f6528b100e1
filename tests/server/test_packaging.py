"""The container file and the systemd units say what the command line knows."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from recommender.cli import cli

FOLDER = Path(__file__).resolve().parent.parent.parent / "packaging"
UNITS = sorted(path for path in FOLDER.iterdir() if path.suffix in (".service", ".timer"))


def check(words: list[str]) -> None:
    """Parse a command as the command line would, without running it."""
    context = click.Context(cli, info_name="recommender")
    command = cli.get_command(context, words[0])
    assert command is not None
    command.make_context(words[0], words[1:], parent=context, resilient_parsing=False)


def test_commands_of_units_are_known() -> None:
    """Each ExecStart, with its options."""
    found = []
    for unit in UNITS:
        for line in unit.read_text(encoding="utf-8").splitlines():
            if line.startswith("ExecStart="):
                words = shlex.split(line.partition("=")[2])
                assert words[0].endswith("/recommender")
                check(words[1:])
                found.append(words[1])

    assert ["build", "serve"] == sorted(found)


def test_commands_of_the_container_are_known() -> None:
    """What it runs by default, and what its head shows; it is no root."""
    text = (FOLDER / "Containerfile").read_text(encoding="utf-8")
    check(json.loads(re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)[-1]))
    shown = " ".join(line.strip("# \\") for line in text.partition("FROM")[0].splitlines())
    for command in re.findall(r"recommender ((?:build|serve) .*?)(?= podman|$)", shown):
        check(shlex.split(command))

    assert re.findall(r"^USER (\d+)$", text, re.MULTILINE) == ["10001"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_is_one(unit: Path, tmp_path: Path) -> None:
    """As systemd reads it."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not installed")
    configparser.ConfigParser(strict=False, interpolation=None).read(unit)
    for other in UNITS:
        text = other.read_text(encoding="utf-8")
        (tmp_path / other.name).write_text(re.sub(r"/opt/recommender/bin/\w+", "/bin/true", text))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / unit.name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = [line for line in done.stderr.splitlines() if unit.name in line]

    assert [] == said
