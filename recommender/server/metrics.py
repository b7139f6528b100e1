"""What Prometheus reads: counted by each worker in files, and summed over them when asked."""

from __future__ import annotations

from bisect import bisect_left
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


class _Seen:
    """Requests of one address and status that are not in the files yet.

    A histogram of the library writes two numbers to a mapped file at every request, under a lock:
    a tenth of what an answer costs. It has no way to add many at once but the numbers themselves.
    """

    __slots__ = ("_histogram", "counts", "seconds")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self.seconds = 0.0
        self.counts = [0] * (len(_BUCKETS) + 1)

    def flush(self) -> None:
        """Add to the files."""
        if not self.seconds:
            return
        self._histogram._sum.inc(self.seconds)
        for bucket, n in zip(self._histogram._buckets, self.counts, strict=True):
            if n:
                bucket.inc(n)
        self.seconds, self.counts = 0.0, [0] * (len(_BUCKETS) + 1)


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
        self._seen: dict[tuple[str, int], _Seen] = {}
        self.n_cached = 0
        self.blocks = Counter(
            "recommender_blocks", "Blocks answered: cached or made.", ("how",), registry=own
        )
        self._cached, self.made = self.blocks.labels("cached"), self.blocks.labels("made")
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
        seen = self._seen.get((place, status))
        if seen is None:
            seen = _Seen(self._seconds.labels(place, str(status)))
            self._seen[place, status] = seen
        seen.seconds += seconds
        seen.counts[bisect_left(_BUCKETS, seconds)] += 1

    def flush(self) -> None:
        """Write what was counted since the last time to the files; done once a second or so."""
        for seen in self._seen.values():
            seen.flush()
        n, self.n_cached = self.n_cached, 0
        if n:
            self._cached.inc(n)

    def text(self) -> bytes:
        """Return the figures of all workers."""
        self.flush()
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
