"""The container file and the systemd units say what the command line knows."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import pytest

from benchmarks.load import free_port
from recommender.cli import cli
from recommender.server.keys import add_key
from tests.server.asking import ask
from tests.server.test_following import until

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
    head = text.partition("\nARG")[0].splitlines()
    shown = " ".join(line.strip("# \\") for line in head)
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


# --- the image itself ---


def container_tool() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return what runs a command of podman or docker, whichever works here; else skip."""
    for name in ("podman", "docker"):
        words = [name, *shlex.split(os.environ.get("RECOMMENDER_CONTAINER_OPTIONS", ""))]
        if shutil.which(name) and said([*words, "info"]).returncode == 0:
            return lambda *more: said([*words, *more])
    pytest.skip("neither podman nor docker works on this machine")


def said(words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=1800)


def options(name: str) -> list[str]:
    """Return what this machine needs besides, from a variable of the environment."""
    return shlex.split(os.environ.get(name, ""))


@pytest.mark.full
def test_image_builds_an_index_serves_it_and_leaves_in_order(sample: Path, tmp_path: Path) -> None:
    """Both roles, as no root, on a root that cannot be written; SIGTERM ends it with code 0.

    ``RECOMMENDER_CONTAINER_BASE`` names another base image, ``RECOMMENDER_CONTAINER_OPTIONS``,
    ``..._BUILD`` and ``..._RUN`` what podman, its ``build`` and its ``run`` must be told here.
    """
    tool = container_tool()
    base = os.environ.get(
        "RECOMMENDER_CONTAINER_BASE", "docker.io/library/python:3.12-slim-bookworm"
    )
    if tool("image", "inspect", base).returncode and tool("pull", base).returncode:
        pytest.skip(f"the base image {base} cannot be had here")
    file, image = FOLDER / "Containerfile", "recommender-test"
    more = options("RECOMMENDER_CONTAINER_BUILD")
    argument = f"BASE={base}"
    built = tool(
        "build", "-f", str(file), "--build-arg", argument, *more, "-t", image, str(FOLDER.parent)
    )
    assert 0 == built.returncode, built.stdout[-3000:] + built.stderr[-3000:]

    models, keys, port = tmp_path / "models", tmp_path / "keys.json", free_port()
    models.mkdir(mode=0o777)
    models.chmod(0o777)
    _, secret = add_key(keys, "site", ["read"])
    keys.chmod(0o644)
    fixed = ["--network", "host", "--read-only", "--tmpfs", "/tmp"]
    run = [*options("RECOMMENDER_CONTAINER_RUN"), *fixed]
    mounted = ["-v", f"{sample}:/articles:ro", "-v", f"{models}:/models"]
    made = tool(
        *("run", "--rm", *run, *mounted, image),
        *("build", "/articles/articles.jsonl", "--model", "/models/news"),
    )
    assert 0 == made.returncode, made.stdout + made.stderr
    assert "compil" not in made.stderr.lower()

    mounted = ["-v", f"{models}:/models:ro", "-v", f"{keys}:/run/keys.json:ro"]
    told = ["RECOMMENDER_SERVER_KEYS=/run/keys.json", "RECOMMENDER_SERVER_WRITES=false"]
    web = tool(
        *("run", "-d", *run, *mounted, *(word for one in told for word in ("-e", one)), image),
        *("serve", "--model", "/models/news", "--host", "0.0.0.0", "--port", str(port)),
    ).stdout.strip()
    try:
        until(partial(_is_ready, port))
        path = "/v1/articles/sc-uk-0001/related?limit=3"
        assert 3 == len(ask(port, path, key=secret).json["cards"])
        assert 401 == ask(port, path).status
        assert "uid=10001" in tool("exec", web, "id").stdout
        assert 0 == tool("stop", "-t", "20", web).returncode
        assert "0" == tool("inspect", web, "--format", "{{.State.ExitCode}}").stdout.strip()
    finally:
        tool("rm", "-f", web)


def _is_ready(port: int) -> bool:
    try:
        return ask(port, "/readyz").status == 200
    except OSError:
        return False
