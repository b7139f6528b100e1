"""What the service bears: the table of its bar, measured by an open loop.

python -m benchmarks.load [--model FOLDER] [--seconds 60] [--swaps 100] [--pace 2] [--restarts 50]
                         [--only ROW]

Without --model the index of allsides_30k is built first. Generator, service and all else share the
machine. Latencies are counted from the moment a request was due.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

import recommender
from benchmarks._load import Outcome, Running, closed_loop, get, open_loop, post
from benchmarks._sets import datasets
from recommender.updates import Updater

BARE = """
import sys, asyncio, socket, uvicorn
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
body = Path(sys.argv[1]).read_bytes()
async def related(request):
    return Response(body, media_type="application/json")
async def ready(request):
    return Response(b"ok")
app = Starlette(routes=[Route("/v1/articles/{id}/related", related), Route("/readyz", ready)])
uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
"""
_ZIPF = 1.0
_SEED = 20261130


@dataclass
class Bench:
    """What all rows need.

    Attributes
    ----------
    model : folder of the index
    ids : of its articles, the newest first
    seconds : of each run
    swaps, restarts : how many
    paces : seconds between two generations, a run each
    """

    model: Path
    ids: list[str]
    seconds: float
    swaps: int
    paces: list[float]
    restarts: int

    def popular(self) -> Iterator[bytes]:
        """Yield questions as readers ask them: the n-th newest a share of 1/n."""
        rng = random.Random(_SEED)
        weights = [1 / (n + 1) ** _ZIPF for n in range(len(self.ids))]
        summed = list(itertools.accumulate(weights))
        while True:
            for key in rng.choices(self.ids, cum_weights=summed, k=1000):
                yield _related(key)

    def any(self) -> Iterator[bytes]:
        """Yield questions of all articles alike: hardly any is asked twice."""
        rng = random.Random(_SEED)
        while True:
            yield _related(rng.choice(self.ids))


def _related(key: str) -> bytes:
    return get(f"/v1/articles/{quote(key, safe='')}/related")


def row(what: str, goal: str, found: str) -> None:
    """Print a row of the table."""
    print(f"| {what} | {goal} | {found} |", flush=True)


def told(outcome: Outcome) -> str:
    """Return percentiles and errors of a run."""
    p50, p99, p999 = (outcome.percentile(share) for share in (0.5, 0.99, 0.999))
    return (
        f"p50 {p50:.2f} ms, p99 {p99:.1f} ms, p99.9 {p999:.1f} ms, "
        f"{outcome.errors} errors of {sum(outcome.statuses.values()) + outcome.lost:,} "
        f"(sent late by p50 {outcome.lateness(0.5):.1f}, p99 {outcome.lateness(0.99):.1f} ms)"
    )


def known(bench: Bench) -> None:
    """Ask 1,000 times a second about articles of the index."""
    for name, requests in (("by popularity", bench.popular()), ("all alike", bench.any())):
        with Running(bench.model) as service:
            open_loop(service.port, requests, 500, 10)  # readers come by degrees
            outcome = open_loop(service.port, requests, 1000, bench.seconds)
        row(f"known article, 1,000/s, {name}", "p50 < 3, p99 < 20 ms, 0 errors", told(outcome))


def capacity(bench: Bench) -> None:
    """Compare the hot path with the bare framework that answers the same bytes, in turns."""
    request = _related(bench.ids[0])
    body = recommender_bytes(bench)
    with tempfile.NamedTemporaryFile() as file, Running(bench.model) as service:
        file.write(body)
        file.flush()
        port = free_port()
        command = [sys.executable, "-c", BARE, file.name, str(port)]
        with Running.of_command(command, port) as bare:
            ours: list[float] = []
            theirs: list[float] = []
            cost: tuple[list[float], list[float]] = [], []
            pids = next(iter(service.children().values())), bare.process.pid
            for _ in range(5):
                for i, (found, running) in enumerate(((ours, service), (theirs, bare))):
                    before = processor_seconds(pids[i])
                    outcome = closed_loop(running.port, itertools.repeat(request), 3)
                    found.append(outcome.goodput)
                    taken = processor_seconds(pids[i]) - before
                    cost[i].append(taken / outcome.statuses[200] * 1e6)
    mine, other = statistics.median(ours), statistics.median(theirs)
    found_ = f"{mine / other:.2f} ({mine:,.0f}/s; bare Starlette {other:,.0f}/s); of processor "
    found_ += f"time {statistics.median(cost[1]) / statistics.median(cost[0]):.2f} "
    found_ += f"({statistics.median(cost[0]):.0f} and {statistics.median(cost[1]):.0f} us each)"
    row("capacity against the bare framework", ">= 0.7", found_)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process took so far: other work disturbs it less."""
    told_ = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(told_[11]) + int(told_[12])) / os.sysconf("SC_CLK_TCK")


def recommender_bytes(bench: Bench) -> bytes:
    """Return the bytes of one block."""
    from recommender.server.blocks import as_json

    return as_json(recommender.open(bench.model, verify=False).related(bench.ids[0]))


def free_port() -> int:
    """Return a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def drafts(bench: Bench) -> None:
    """Send 200 drafts a second, of 400 words."""
    bodies = draft_bodies()
    requests = (post("/v1/related", {"article": {"body": body}}) for body in bodies)
    for workers in (1, 2):
        with Running(bench.model, workers=workers) as service:
            open_loop(service.port, requests, 20, 3)
            outcome = open_loop(service.port, requests, 200, bench.seconds)
        row(f"draft of 400 words, 200/s, {workers} worker(s)", "p99 < 50 ms", told(outcome))


def draft_bodies() -> Iterator[str]:
    """Yield texts of 400 words: pieces of articles, put together anew."""
    (path,) = (datasets() / "allsides_30k").glob("articles.*")
    rows = itertools.islice(recommender.read_articles(path), 600)
    pieces = [row.body.split()[:200] for row in rows if len(row.body.split()) >= 200]
    rng = random.Random(_SEED)
    while True:
        yield " ".join(rng.choice(pieces) + rng.choice(pieces))


def swaps(bench: Bench) -> None:
    """Publish generations while two workers answer: at a busy newsroom's pace, and far too many."""
    for pace in bench.paces:
        _swaps(bench, bench.swaps, pace)


def _swaps(bench: Bench, n: int, pace: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        shutil.copytree(bench.model, model)
        with Running(model, workers=2, poll_seconds=0.2) as service:
            requests = bench.popular()
            open_loop(service.port, requests, 100, 5)
            steady = open_loop(service.port, requests, 300, bench.seconds / 2)
            over = threading.Event()
            command = [sys.executable, "-m", "benchmarks.load", "--model", str(model)]
            publisher = subprocess.Popen([*command, "--publish", str(n), "--pace", str(pace)])

            def wait() -> None:
                publisher.wait()
                over.set()

            watcher = threading.Thread(target=wait)
            watcher.start()
            outcome = open_loop(
                service.port, requests, 300, 3600, check=True, wanted=lambda: not over.is_set()
            )
            time.sleep(1)
            watcher.join()
            taken = [e["pid"] for e in service.events() if e["event"] == "index.taken"]
    n_workers, ratio = len(set(taken)), outcome.percentile(0.99) / steady.percentile(0.99)
    found = (
        f"{len(taken)} swaps in {n_workers} workers, {outcome.mixed} mixed, {told(outcome)}; "
        f"steady: {told(steady)}; p99 {ratio:.1f} times that"
    )
    what = f"{n} generations under load, one every {pace:g} s, 2 workers"
    row(what, "0 failed, 0 mixed, p99 <= 2x", found)


def publish(model: Path, n: int, pace: float) -> None:
    """Publish generations, one every ``pace`` seconds, as the unit of the build does: nicely."""
    os.nice(10)
    with Updater(model) as updater:
        started = time.monotonic()
        for i in range(n):
            updater.add([{"id": f"swap-{i}", "title": f"Bridge {i} opens", "lang": "en"}])
            updater.commit()
            time.sleep(max(0.0, started + (i + 1) * pace - time.monotonic()))


def overload(bench: Bench) -> None:
    """Ask three times as much as can be done, every block made afresh."""
    with Running(bench.model, cache_mb=0) as service:
        requests = bench.any()
        closed_loop(service.port, requests, 3, n_connections=8)
        most = closed_loop(service.port, requests, 5, n_connections=8).goodput
        outcome = open_loop(service.port, requests, 3 * most, bench.seconds, n_connections=256)
        started = time.monotonic()
        recovery = float("nan")
        while time.monotonic() - started < 20:
            after = open_loop(service.port, requests, most / 2, 0.5)
            if not after.errors and after.percentile(0.99) < 50:
                recovery = max(0.0, time.monotonic() - started - 0.5)
                break
    refused = outcome.statuses[503]
    found = (
        f"goodput {outcome.goodput / most:.0%} of {most:,.0f}/s; {refused:,} answered 503, p50 "
        f"{outcome.percentile(0.5, 503):.1f}, p99 {outcome.percentile(0.99, 503):.1f} ms; "
        f"{outcome.lost} lost; other statuses {dict(outcome.statuses)}; "
        f"recovered after {recovery:.1f} s"
    )
    goal = "goodput >= 80 %, 503 in < 50 ms, recovery < 5 s"
    row("3x capacity, every block made", goal, found)


def restarts(bench: Bench) -> None:
    """Stop the service under load, behind a caller that stops when it is told not ready."""
    lost = sent = 0
    codes, times = set(), []
    for _ in range(bench.restarts):
        with Running(bench.model, drain_seconds=0.5) as service:
            told_off = threading.Event()

            def watch(port_of: Running = service, flag: threading.Event = told_off) -> None:
                while port_of.status("/readyz") == 200:
                    time.sleep(0.05)
                flag.set()

            watcher = threading.Thread(target=watch)
            watcher.start()
            stopper = threading.Timer(0.7, service.process.send_signal, (signal.SIGTERM,))
            stopper.start()
            outcome = open_loop(
                service.port, bench.popular(), 200, 10, wanted=partial(_is_clear, told_off)
            )
            watcher.join()
            stopper.join()
            started = time.monotonic()
            codes.add(service.process.wait(timeout=60))
            times.append(time.monotonic() - started)
        lost += outcome.errors
        sent += sum(outcome.statuses.values()) + outcome.lost
    found = f"{lost} lost of {sent:,}; exit codes {sorted(codes)}, at most {max(times):.1f} s after"
    row(f"{bench.restarts} SIGTERMs under load", "0 resets after drain, exit < 10 s", found)


def _is_clear(flag: threading.Event) -> bool:
    return not flag.is_set()


def kills(bench: Bench) -> None:
    """Kill a worker of two every five seconds."""
    with Running(bench.model, workers=2) as service:
        dead: list[tuple[float, int]] = []
        n = max(2, int(bench.seconds / 5))

        def kill() -> None:
            rng = random.Random(_SEED)
            for _ in range(n):
                time.sleep(5)
                alive = [
                    pid for pid in service.children().values() if Path(f"/proc/{pid}").exists()
                ]
                pid = rng.choice(alive)
                dead.append((time.time(), pid))
                os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        outcome = open_loop(service.port, bench.popular(), 300, 5 * n + 3)
        killer.join()
        time.sleep(3)
        ready = sorted(datetime.fromisoformat(when).timestamp() for when in service.children())
    waits = [next((r - t for r in ready if r > t), float("nan")) for t, _ in dead]
    found = f"{outcome.errors} lost of {sum(outcome.statuses.values()) + outcome.lost:,}; replaced "
    found += (
        f"after {statistics.median(waits):.2f} s, at most {max(waits):.2f} s ({len(dead)} kills)"
    )
    row("a worker killed every 5 s", "only those under way; replacement < 3 s", found)


def memory(bench: Bench) -> None:
    """Weigh a worker that has answered for all."""
    with Running(bench.model) as service:
        closed_loop(service.port, bench.any(), bench.seconds / 2)
        open_loop(
            service.port,
            (post("/v1/related", {"article": {"body": body}}) for body in draft_bodies()),
            20,
            2,
        )
        pid = next(iter(service.children().values()))
        told_ = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        kept = {line.split(":")[0]: int(line.split()[1]) for line in told_[1:]}
        maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
        heavy = [name for name in ("sklearn", "pandas") if f"/{name}/" in maps]
    found = f"{kept['Pss_Anon'] / 1000:.0f} MB its own ({kept['Anonymous'] / 1000:.0f} with all it "
    found += f"shares with its watcher), {kept['Rss'] / 1000:.0f} with what is mapped; of "
    found += f"scikit-learn and pandas: {heavy or 'none'}"
    row("a worker's memory", "< 150 MB beyond the mapped index", found)


ROWS: dict[str, Callable[[Bench], None]] = {
    "known": known,
    "capacity": capacity,
    "drafts": drafts,
    "swaps": swaps,
    "overload": overload,
    "restarts": restarts,
    "kills": kills,
    "memory": memory,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--restarts", type=int, default=50)
    parser.add_argument("--only", choices=ROWS, action="append")
    parser.add_argument("--publish", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--pace", type=float, action="append", help="once or more; 2 and 0.5")
    asked = parser.parse_args()
    paces = asked.pace or [2.0, 0.5]
    if asked.publish:
        publish(asked.model, asked.publish, paces[0])
        return
    with tempfile.TemporaryDirectory() as folder:
        model = asked.model or Path(folder) / "model"
        if asked.model is None:
            (source,) = (datasets() / "allsides_30k").glob("articles.*")
            recommender.build(source, model)
        index = recommender.open(model, verify=False).index
        ids = [index.article_id(int(doc)) for doc in reversed(index.docs().tolist())]
        bench = Bench(model, ids, asked.seconds, asked.swaps, paces, asked.restarts)
        row("what", "goal", "measured")
        row("---", "---", "---")
        for name in asked.only or ROWS:
            ROWS[name](bench)


if __name__ == "__main__":
    main()
