"""Hot swap: a worker moves to what is published, and never to worse."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks._load import Running
from recommender import build_index
from recommender.index.manifest import current, generation_name
from recommender.server.following import _brief_turns
from recommender.updates import Updater
from tests.server.asking import Answer, ask

_BLOCK = "/v1/articles/sc-uk-0001/related?limit=3"


def until(found: Callable[[], Any]) -> Any:
    """Return what ``found`` gives as soon as it gives something."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        value = found()
        if value:
            return value
    raise AssertionError("it never came")


def add(model: Path, name: str) -> int:
    """Publish a generation with one more article."""
    with Updater(model) as updater:
        updater.add([{"id": name, "title": f"Міст {name}", "body": "Міст і Остра", "lang": "uk"}])
        return updater.commit().generation


@pytest.fixture(scope="module")
def followed(
    sample_index: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, Path]]:
    """A service on an index of its own."""
    model = tmp_path_factory.mktemp("followed") / "model"
    shutil.copytree(sample_index, model)
    with Running(model, poll_seconds=0.05, writes="false", drain_seconds=0) as running:
        yield running, model


def test_generation_that_is_published_is_taken_and_a_bad_one_is_not(
    followed: tuple[Running, Path], sample: Path
) -> None:
    """New ones by themselves; damaged, missing and empty ones leave the good one in use."""
    running, model = followed

    def answer() -> Answer:
        found = ask(running.port, _BLOCK)
        assert 200 == found.status
        assert found.headers["x-index-generation"] == str(found.json["index"]["generation"])
        return found

    def behind() -> bool:
        return bool(ask(running.port, "/version").json["behind"])

    first = answer().json["index"]["generation"]
    second = add(model, "x-1")
    until(lambda: answer().json["index"]["generation"] == second)
    assert second > first

    # A flipped bit in what only the next generation has.
    good = current(model)
    third = add(model, "x-2")
    damaged = model / generation_name(third) / "df.npy"
    until(lambda: answer().json["index"]["generation"] == third)
    data = bytearray(damaged.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(data)
    (model / "CURRENT").write_text((model / "CURRENT").read_text() + "\n")
    until(lambda: answer() and not behind())
    assert good < third == answer().json["index"]["generation"]

    # The pointer is gone, then there is an empty index, then a sound one.
    pointer = (model / "CURRENT").read_bytes()
    (model / "CURRENT").unlink()
    until(behind)
    assert third == answer().json["index"]["generation"]
    (model / "CURRENT").write_bytes(pointer)
    figures = ask(running.port, "/metrics").body.decode()
    assert "recommender_swap_failures_total" in figures
    failures = [line for line in figures.splitlines() if line.startswith("recommender_swap_fail")]
    assert float(failures[0].split()[1]) >= 1
    build_index(sample / "articles.jsonl", model, force=True)
    until(lambda: not behind() and answer().json["index"]["generation"] > third)


def test_generation_that_is_damaged_when_it_is_published_is_not_taken(
    followed: tuple[Running, Path],
) -> None:
    """The pointer names it, its digest does not fit, and the answers stay."""
    running, model = followed
    before = ask(running.port, _BLOCK).json
    pointer = (model / "CURRENT").read_bytes()
    broken = pointer.replace(b" ", b" 0", 1)[: len(pointer)]
    (model / "CURRENT").write_bytes(broken)

    until(lambda: ask(running.port, "/version").json["behind"])
    after = ask(running.port, _BLOCK + "&why=3").json

    assert before["cards"] == after["cards"]
    assert 200 == ask(running.port, "/readyz").status
    until(lambda: any(event["event"] == "index.not_taken" for event in running.events()))
    (model / "CURRENT").write_bytes(pointer)
    until(lambda: not ask(running.port, "/version").json["behind"])


def test_worker_rests_between_generations_and_ends_with_the_newest(
    sample_index: Path, tmp_path: Path
) -> None:
    """However fast they come, taking them is a fifth of its time; SIGHUP ends the rest."""
    model = tmp_path / "model"
    shutil.copytree(sample_index, model)

    def generation(running: Running) -> int:
        told: int = ask(running.port, "/version").json["generation"]
        return told

    with Running(model, poll_seconds=0.01, writes="false", drain_seconds=0) as running:
        with Updater(model) as updater:
            for i in range(25):
                updater.add([{"id": f"r-{i}", "title": f"Bridge {i}", "body": "", "lang": "en"}])
                last = updater.commit().generation
        until(lambda: generation(running) == last)
        taken = [event for event in running.events() if event["event"] == "index.taken"]
        later = add(model, "r-last")
        running.process.send_signal(signal.SIGHUP)
        until(lambda: generation(running) == later)

    generations = [event["generation"] for event in taken]
    assert generations == sorted(set(generations))
    moments = [datetime.fromisoformat(event["time"]).timestamp() for event in taken]
    spent = [(event["open_ms"] + event["prepare_ms"]) / 1000 for event in taken]
    for (one, other), worked in zip(pairwise(moments), spent, strict=False):
        assert other - one > 4 * worked - 0.02


def test_index_that_is_too_old_turns_readiness_and_a_figure_red(
    locked: Running, keys: dict[str, str]
) -> None:
    """Answers go on: it is for those who send requests to decide."""
    ready = until(lambda: _if(ask(locked.port, "/readyz"), 503))
    found = ask(locked.port, _BLOCK, key=keys["read"])
    figures = until(
        lambda: _figure(ask(locked.port, "/metrics", key=keys["admin"]), "recommender_index_stale")
    )

    assert ("stale", 200, 1.0) == (ready.json["status"], found.status, figures)
    assert 200 == ask(locked.port, "/healthz").status


def _if(answer: Answer, status: int) -> Answer | None:
    return answer if answer.status == status else None


def _figure(answer: Answer, name: str) -> float:
    lines = answer.body.decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


def test_figures_count_blocks_requests_and_the_index(service: Running) -> None:
    """What an operator looks at."""
    for _ in range(3):
        ask(service.port, "/v1/articles/sc-uk-0009/related?limit=2")
    ask(service.port, "/v1/articles/nowhere/related")
    text = ask(service.port, "/metrics").body.decode()

    assert "text/plain" in ask(service.port, "/metrics").headers["content-type"]
    for name in (
        'recommender_blocks_total{how="cached"}',
        'recommender_blocks_total{how="made"}',
        'recommender_request_seconds_count{place="/v1/articles/{id}/related",status="200"}',
        'recommender_request_seconds_count{place="/v1/articles/{id}/related",status="404"}',
        "recommender_index_generation",
        "recommender_index_age_seconds",
    ):
        value = next(line for line in text.splitlines() if line.startswith(name)).split()[-1]
        assert float(value) > 0
    places = set(json.loads(f'["{p}"]')[0] for p in _places(text))
    assert places <= {
        *ask(service.port, "/openapi.json").json["paths"],
        "/openapi.json",
        "/docs",
        "(other)",
    }


def _places(text: str) -> list[str]:
    return [part.split('"')[0] for part in text.split('place="')[1:]]


def test_turns_of_threads_are_as_long_as_before_once_a_generation_is_open() -> None:
    """They are brief while a thread opens it, and not after it failed either."""
    usual = sys.getswitchinterval()

    with _brief_turns():
        assert sys.getswitchinterval() == pytest.approx(usual / 10)
    assert sys.getswitchinterval() == pytest.approx(usual)

    with pytest.raises(OSError, match="gone"), _brief_turns():
        raise OSError("gone")
    assert sys.getswitchinterval() == pytest.approx(usual)
