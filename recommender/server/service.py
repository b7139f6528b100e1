"""What a worker holds: the generation it serves, the keys, the threads, the figures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from recommender._version import __version__
from recommender.config import Config
from recommender.recommend import Recommender
from recommender.server.blocks import Serving
from recommender.server.feedback import Feedback
from recommender.server.keys import KeyRing, read_keys
from recommender.server.limits import Lane, Rates
from recommender.server.making import Maker
from recommender.server.options import Terms

if TYPE_CHECKING:
    from recommender.server.metrics import Metrics
    from recommender.server.writing import WriterClient

__all__ = ["Service"]

_DAY_SECONDS: Final = 86_400


class Service:
    """The state of one worker. Only the thread of the event loop changes it.

    Parameters
    ----------
    recommender : the index, opened
    config : all settings
    metrics : where things are counted
    writer : the way to the process that changes the index; None = it is not changed from here

    Attributes
    ----------
    serving : the generation in use; replaced as a whole
    keys : the keys that are live; None where no key is asked for
    draining : the worker takes its leave
    behind : the live generation could not be taken
    active : requests inside
    buffered : bytes of bodies inside
    follow : moves to the newest generation now
    """

    version = __version__

    def __init__(
        self,
        recommender: Recommender,
        config: Config,
        metrics: Metrics,
        writer: WriterClient | None = None,
    ) -> None:
        settings = config.server
        self.settings = settings
        self.recommender = recommender
        self.metrics = metrics
        self.writer = writer
        self.serving = Serving(recommender.answers, settings)
        self.keys = self.read_keys()
        self.draining = False
        self.behind = bool(recommender.index.degraded)
        self.active = 0
        self.buffered = 0
        self.rates = Rates(settings.rate, settings.burst)
        self.lane = Lane(settings.threads, settings.queue, settings.deadline_seconds)
        self.maker = Maker(
            settings.quick_ms / 1000, settings.wait_ms / 1000, settings.deadline_seconds
        )
        self.feedback = (
            Feedback(settings.feedback, settings.feedback_mb * 1_000_000)
            if settings.feedback
            else None
        )
        self.follow: Callable[[], Awaitable[None]] = _stay
        self.tell_figures()

    def read_keys(self) -> KeyRing | None:
        """Return the keys of the settings' file; None where the settings name none."""
        path = self.settings.keys
        return None if path is None else KeyRing(read_keys(Path(path)))

    def terms(self, serving: Serving, *, is_admin: bool) -> Terms:
        """Return what a caller may ask a generation for."""
        return Terms(self.settings.max_limit, serving.answers.block.rules, is_admin)

    @property
    def is_stale(self) -> bool:
        """Tell whether the index is older than it may be."""
        limit = self.settings.stale_days * _DAY_SECONDS
        return bool(limit) and self.serving.age > limit

    @property
    def complaint(self) -> str | None:
        """Return why no requests should be sent here; None = they may."""
        if self.draining:
            return "draining"
        return "stale" if self.is_stale else None

    def use(self, serving: Serving) -> None:
        """Answer from another generation from now on; answers under way end with theirs."""
        self.serving = serving
        self.behind = False
        self.metrics.swaps.inc()
        self.tell_figures()

    def tell_figures(self) -> None:
        """Set the figures of the index that Prometheus reads."""
        serving, metrics = self.serving, self.metrics
        metrics.flush()
        metrics.generation.set(serving.generation)
        metrics.age.set(serving.age)
        metrics.articles.set(serving.answers.index.n_articles)
        metrics.stale.set(self.is_stale)
        metrics.behind.set(self.behind)


async def _stay() -> None:
    """Follow nothing."""
