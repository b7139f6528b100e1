"""Processes: they take their leave in order, and those that die are replaced."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks._load import Running, get, open_loop
from tests.server.asking import ask
from tests.server.test_following import until


def alive(pid: int) -> bool:
    """Tell whether a process runs."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_sigterm_says_no_to_readyz_goes_on_answering_and_ends_with_0(sample_index: Path) -> None:
    """While it takes its leave, and answers close their connections."""
    with Running(sample_index, drain_seconds=1, writes="false") as running:
        running.process.send_signal(signal.SIGTERM)
        ready = until(lambda: running.status("/readyz") == 503)
        found = ask(running.port, "/v1/articles/sc-uk-0001/related")
        code = running.process.wait(timeout=10)

    assert ready
    assert (200, "close", 0) == (found.status, found.headers["connection"], code)


def test_second_sigterm_ends_the_service_without_waiting(sample_index: Path) -> None:
    """Who cannot wait for a long leave need not."""
    with Running(sample_index, drain_seconds=60, writes="false") as running:
        running.process.send_signal(signal.SIGTERM)
        until(lambda: running.status("/readyz") == 503)
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(timeout=10)


def test_liveness_touches_no_index(sample_index: Path, tmp_path: Path) -> None:
    """A folder that is gone makes nobody restart the workers, which answer from what they hold."""
    model = tmp_path / "model"
    shutil.copytree(sample_index, model)
    with Running(model, poll_seconds=0.05, writes="false", drain_seconds=0) as running:
        shutil.rmtree(model)
        until(lambda: ask(running.port, "/version").json["behind"])
        paths = ("/healthz", "/readyz", "/v1/articles/sc-uk-0001/related")
        found = [ask(running.port, path).status for path in paths]

    assert [200, 200, 200] == found


@pytest.mark.full
def test_worker_that_is_killed_is_replaced_and_children_end_with_their_watcher(
    sample_index: Path,
) -> None:
    """The other goes on; nobody is left behind when the watcher itself is killed."""
    with Running(sample_index, workers=2, drain_seconds=0) as running:
        until(lambda: len(running.children()) == 2)
        first = next(iter(running.children().values()))
        os.kill(first, signal.SIGKILL)
        until(lambda: len(running.children()) == 3)
        found = ask(running.port, "/v1/articles/sc-uk-0001/related")
        pids = [pid for pid in running.children().values() if pid != first]
        running.process.kill()
        until(lambda: not any(alive(pid) for pid in pids))

    assert 200 == found.status


def test_worker_holds_neither_scikit_learn_nor_pandas(service: Running) -> None:
    """After blocks and drafts: nothing of them is mapped into it."""
    ask(service.port, "/v1/articles/sc-uk-0001/related")
    ask(service.port, "/v1/related", method="POST", body={"article": {"title": "Bridge"}})
    pid = list(service.children().values())[-1]
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")

    assert "numpy" in maps
    assert not [name for name in ("/sklearn/", "/pandas/") if name in maps]


def test_modules_of_a_worker_import_neither_scikit_learn_nor_pandas() -> None:
    """Nor joblib, which only builds need."""
    code = (
        "import sys, recommender.server.running, recommender.server.app, "
        "recommender.server.following, recommender.server.writing\n"
        "print([m for m in ('sklearn', 'pandas', 'joblib', 'rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )

    assert "[]" == done.stdout.strip()


@pytest.mark.full
def test_swaps_under_load_fail_and_mix_nothing(sample_index: Path, tmp_path: Path) -> None:
    """Thirty generations while two workers answer 200 questions a second."""
    import threading

    from recommender.updates import Updater

    model = tmp_path / "model"
    shutil.copytree(sample_index, model)
    over = threading.Event()

    def publish() -> None:
        with Updater(model) as updater:
            for i in range(30):
                updater.add([{"id": f"s-{i}", "title": f"Міст {i}", "lang": "uk"}])
                updater.commit()
                time.sleep(0.2)
        over.set()

    with Running(model, workers=2, poll_seconds=0.05) as running:
        publisher = threading.Thread(target=publish)
        publisher.start()
        requests = iter(lambda: get("/v1/articles/sc-uk-0001/related"), None)
        outcome = open_loop(
            running.port, requests, 200, 120, check=True, wanted=lambda: not over.is_set()
        )
        publisher.join()

    assert (0, 0) == (outcome.errors, outcome.mixed)


def test_address_that_is_taken_is_an_error_that_says_so(service: Running, model: Path) -> None:
    """Also when it is another service of the same user that listens there."""
    command = [sys.executable, "-m", "recommender", "serve", "--model", str(model)]
    done = subprocess.run(
        [*command, "--port", str(service.port)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 7
    assert f"Cannot listen at 127.0.0.1:{service.port}" in done.stderr
