"""What Prometheus reads: counted by each worker in files, and summed over them when asked."""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["Metrics"]

_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class Metrics:
    """The figures of one worker; ``text`` gives those of all.

    ``PROMETHEUS_MULTIPROC_DIR`` must be set before this module is imported.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        own = CollectorRegistry()
        self._seconds = Histogram(
            "recommender_request_seconds",
            "Time of requests, by address and status.",
            ("place", "status"),
            registry=own,
            buckets=_BUCKETS,
        )
        self._observers: dict[tuple[str, int], Histogram] = {}
        self.blocks = Counter(
            "recommender_blocks", "Blocks answered: cached or made.", ("how",), registry=own
        )
        self.cached, self.made = self.blocks.labels("cached"), self.blocks.labels("made")
        self.empty = Counter("recommender_empty_blocks", "Blocks made empty.", registry=own)
        self.fallback = Counter(
            "recommender_fallback_blocks", "Blocks made with a fallback.", registry=own
        )
        self.shed = Counter(
            "recommender_shed_requests",
            "Requests refused with 429 or 503.",
            ("status",),
            registry=own,
        )
        self.swaps = Counter("recommender_swaps", "Moves to another generation.", registry=own)
        self.swap_failures = Counter(
            "recommender_swap_failures", "New generations that were not taken.", registry=own
        )
        self.feedback = Counter(
            "recommender_feedback_events", "Impressions and clicks taken.", ("kind",), registry=own
        )
        self.generation = Gauge(
            "recommender_index_generation",
            "Generation in use; the least of all workers.",
            registry=own,
            multiprocess_mode="livemin",
        )
        self.age = Gauge(
            "recommender_index_age_seconds",
            "Age of the generation in use; the most of all workers.",
            registry=own,
            multiprocess_mode="livemax",
        )
        self.articles = Gauge(
            "recommender_index_articles",
            "Articles of the generation in use.",
            registry=own,
            multiprocess_mode="livemin",
        )
        self.stale = Gauge(
            "recommender_index_stale",
            "1 where the index is older than stale_days.",
            registry=own,
            multiprocess_mode="livemax",
        )
        self.behind = Gauge(
            "recommender_index_behind",
            "1 where the live generation could not be taken, and an older one is in use.",
            registry=own,
            multiprocess_mode="livemax",
        )

    def observe(self, place: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = place, status
        observer = self._observers.get(key)
        if observer is None:
            observer = self._observers[key] = self._seconds.labels(place, str(status))
        observer.observe(seconds)

    @staticmethod
    def text() -> bytes:
        """Return the figures of all workers."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
