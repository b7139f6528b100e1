"""Processes that race for the writer lock, and whose holder is killed.

    python -m tests.faults.racing ROOT ROUNDS RACERS

In a round all racers start at once. One gets the lock and keeps it; the others are refused, and
after that go on trying, so that one of them takes over when the holder is killed. Printed is, as
JSON, a list of [winners, winners after the kill, seconds of the takeover], one a round.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NoReturn

from recommender.errors import IndexLockedError
from recommender.index.manifest import writer_lock

_PAUSE = 0.001


def _race(root: Path, start: int, said: int) -> NoReturn:
    """Wait for the start, try once and say so, then try until the lock is there, and keep it."""
    os.read(start, 1)
    refused = False
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(writer_lock(root))
                break
            except IndexLockedError:
                if not refused:
                    os.write(said, b"r" + os.getpid().to_bytes(4, "big"))
                refused = True
            time.sleep(_PAUSE)
        os.write(said, b"w" + os.getpid().to_bytes(4, "big"))
        while True:
            signal.pause()


def _told(said: int) -> tuple[bytes, int]:
    message = os.read(said, 5)
    return message[:1], int.from_bytes(message[1:], "big")


def race(root: Path, n: int) -> tuple[int, int, float]:
    """Return how many won, how many took over after the winner was killed, and how soon."""
    (start, go), (hear, said) = os.pipe(), os.pipe()
    children = [_racer(root, start, said) for _ in range(n)]
    os.write(go, b"x" * n)
    told = [_told(hear) for _ in range(n)]
    winners = [child for kind, child in told if kind == b"w"]
    before = time.perf_counter()
    for child in winners:
        os.kill(child, signal.SIGKILL)
    kinds = [_told(hear)[0]]
    seconds = time.perf_counter() - before
    time.sleep(20 * _PAUSE)  # whoever thinks he has it as well would say so
    kinds += _rest(hear)
    for child in children:
        if child not in winners:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    for handle in (start, go, hear, said):
        os.close(handle)
    return len(winners), kinds.count(b"w"), seconds


def _racer(root: Path, start: int, said: int) -> int:
    child = os.fork()
    if not child:
        try:
            _race(root, start, said)
        finally:
            os._exit(1)
    return child


def _rest(hear: int) -> list[bytes]:
    """Return what was said and not heard yet."""
    os.set_blocking(hear, False)
    kinds = []
    with suppress(BlockingIOError):
        while True:
            kinds.append(_told(hear)[0])
    return kinds


def main() -> None:
    """Race, round after round."""
    root, rounds, racers = sys.argv[1:]
    found = [race(Path(root), int(racers)) for _ in range(int(rounds))]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
