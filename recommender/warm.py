"""Compiling every loop ahead of use, as an installation step, so that no reader waits for it."""

from __future__ import annotations

import compileall
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from recommender._jit_cache import USE
from recommender._utf8 import encode_all
from recommender.builder import build_index
from recommender.config import Config
from recommender.export import related_rows
from recommender.index.check import verify_index
from recommender.index.settings import UpdateSettings
from recommender.overview import index_overview
from recommender.recommend import Recommender
from recommender.updates import Updater

__all__ = ["Warmed", "compile_loops"]

_NOTICE = "Read our daily letter about the city on the web site of this newspaper."
_ARTICLES = (
    {"id": "1", "title": "Bridge closed", "body": "The bridge is closed.\n\nTraffic waits."},
    {"id": "2", "title": "Міст закрито", "body": "Міст закрито. Рух зупинено.", "lang": "uk"},
    {"id": "3", "title": "Мост закрыт", "body": "Мост закрыт. Движение стоит.", "lang": "ru"},
    {"id": "4", "title": "Bridge opens", "body": "The bridge is open again.", "lang": "en"},
)
# Enough for what only a larger archive runs: boilerplate, and a table of words that has to grow.
_MORE = tuple(
    {
        "id": f"more-{i}",
        "title": f"Bridge {i}",
        "body": f"{_NOTICE}\n\n" + " ".join(f"word{i}x{j}" for j in range(600)),
        "lang": "en",
    }
    for i in range(12)
)


@dataclass(frozen=True, slots=True)
class Warmed:
    """What warming did.

    Attributes
    ----------
    seconds : float
    compiled, loaded : int
        Versions of loops compiled now, and found compiled.
    folder : Path or None
        Where compiled code is kept; None = nowhere, so that every process compiles again.
    """

    seconds: float
    compiled: int
    loaded: int
    folder: Path | None


def compile_loops() -> Warmed:
    """Build, search, export and check a handful of articles, and say what was compiled for that.

    Compiled code lands in ``NUMBA_CACHE_DIR`` if that is set, else beside the package, else in the
    user's own cache folder. Later processes load it from there. Python's own byte code of the
    package is written too, which some installers leave to the first run.
    """
    started = time.perf_counter()
    compileall.compile_dir(Path(__file__).parent, quiet=2)
    before = len(USE.compiled), len(USE.loaded)
    with tempfile.TemporaryDirectory() as folder:
        encode_all([_NOTICE])  # as lists of texts are, which a build does not take
        build_index([*_ARTICLES[:3], *_MORE], folder)
        with Updater(folder, config=Config(updates=UpdateSettings(last_segment=1))) as updater:
            for change in (_ARTICLES[3:], _ARTICLES[:1]):
                updater.add(change)
                updater.delete(["2"])
                updater.commit()
            updater.merge()
        model = Recommender.open(folder)
        model.related("1", exclude_ids=["4"])
        model.related_to_text("Bridge", f"The bridge again.\n\n{_NOTICE}", lang="en")
        model.explain("1", "4")
        list(related_rows(model))
        index_overview(model, Config(), {})
        verify_index(folder)
    return Warmed(
        time.perf_counter() - started,
        len(USE.compiled) - before[0],
        len(USE.loaded) - before[1],
        USE.folder,
    )
