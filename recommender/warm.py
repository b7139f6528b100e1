"""Compiling every loop ahead of use, as an installation step, so that no reader waits for it."""

from __future__ import annotations

import tempfile
import time

from recommender.builder import build_index
from recommender.export import related_rows
from recommender.recommend import Recommender

__all__ = ["compile_loops"]

_ARTICLES = (
    {"id": "1", "title": "Bridge closed", "body": "The bridge is closed.\n\nTraffic waits."},
    {"id": "2", "title": "Міст закрито", "body": "Міст закрито. Рух зупинено.", "lang": "uk"},
    {"id": "3", "title": "Мост закрыт", "body": "Мост закрыт. Движение стоит.", "lang": "ru"},
    {"id": "4", "title": "Bridge opens", "body": "The bridge is open again.", "lang": "en"},
)


def compile_loops() -> float:
    """Build, search and export a handful of articles, and return the seconds it took.

    Compiled code lands in numba's cache: beside the package, or in ``NUMBA_CACHE_DIR``. Later
    processes load it from there.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        build_index(_ARTICLES, folder)
        model = Recommender.open(folder)
        model.related("1")
        model.related_to_text("Bridge", "The bridge again.", lang="en")
        list(related_rows(model))
    return time.perf_counter() - started
