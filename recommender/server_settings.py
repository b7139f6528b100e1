"""Settings of the service. They stand on this floor so that all settings can be put together."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from recommender.errors import ConfigError

__all__ = ["ServerSettings"]

_UNKNOWN = ("404", "fallback")
_LOGGED = ("all", "problems", "none")
_LEAST = {"port": 0, "rate": 0, "burst": 0, "cache_mb": 0, "stale_days": 0, "drain_seconds": 0}


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How ``recommender serve`` listens, whom it answers, and what it refuses.

    Attributes
    ----------
    host : str
        Address to listen at. Any but a loopback address needs ``keys``, or ``without_keys``.
    port : int
        0 = any that is free; the log says which.
    workers : int
        Processes that answer.
    keys : str or None
        File of keys, as ``recommender keys`` writes it; None = no key is asked for.
    without_keys : bool
        Listen at any address without keys: for a network that only your own machines reach.
    writes : bool
        Let articles be put and deleted over HTTP.
    unknown : "404" or "fallback"
        What is answered about an article that the index does not know: an error, or what the
        setting ``fallback`` of the block has.
    max_limit : int
        Most cards that one block may be asked for.
    cache_mb : int
        Memory of each worker for finished blocks, in MB; 0 = none are kept.
    cache_seconds : float
        How long a finished block is answered again before it is made anew.
    max_body_kb : int
        Largest body of a request, in kB; bodies of many articles may be 32 times as large.
    gzip_bodies : bool
        Take bodies packed with gzip; what they unpack to is limited as other bodies are.
    quick_ms : float
        Blocks whose like took less processor time than this are made by the thread that answers,
        one after another; others in threads beside it.
    wait_ms : float
        How long such a block may have to wait for those before it, by what their like took; what
        comes on top is answered 503 at once.
    threads : int
        Threads of each worker that make blocks which take longer.
    queue : int
        Blocks that may wait for a thread; what comes on top is answered 503 at once.
    deadline_seconds : float
        How long a block may wait and be made; then 503.
    body_seconds : float
        How long the head, and then the body, of a request may take to arrive.
    keep_alive_seconds : int
        How long an idle connection stays open.
    max_connections : int
        Connections of each worker; what comes on top is answered 503.
    max_active : int
        Requests of each worker at a time; what comes on top is answered 503.
    write_seconds : float
        How long a change of the index may wait for others and be committed; then 503.
    drain_seconds : float
        After SIGTERM: how long requests are still answered, while ``/readyz`` says no.
    rate : float
        Requests a second for each key (without keys: for each address) in each worker; 0 = any.
    burst : int
        Requests that may come at once before ``rate`` counts; 0 = as many as ``rate``.
    poll_seconds : float
        How often a worker looks for a new generation and for changed keys.
    stale_days : float
        An index older than this turns ``/readyz`` and ``recommender_index_stale`` red; 0 = never.
    fresh_seconds, old_seconds : int
        How long callers may keep a block: a fiftieth of the article's age, within these bounds.
    revalidate_seconds : int
        How long they may show an outdated copy while they ask again, or while there is no answer.
    feedback : str or None
        File that impressions and clicks are appended to; None = they are not taken.
    feedback_mb : int
        Size at which no more is appended to it, in MB.
    log_requests : "all", "problems" or "none"
        Which requests are logged; problems are errors and slow answers.
    image_width, image_height : int
        Pixels of a picture in the HTML block, whatever the picture says; no page jumps.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    keys: str | None = None
    without_keys: bool = False
    writes: bool = True
    unknown: str = "404"
    max_limit: int = 100
    cache_mb: int = 40
    cache_seconds: float = 300.0
    max_body_kb: int = 1024
    gzip_bodies: bool = False
    quick_ms: float = 6.0
    wait_ms: float = 60.0
    threads: int = 1
    queue: int = 100
    deadline_seconds: float = 1.0
    body_seconds: float = 10.0
    keep_alive_seconds: int = 5
    max_connections: int = 2000
    max_active: int = 500
    write_seconds: float = 30.0
    drain_seconds: float = 2.0
    rate: float = 0.0
    burst: int = 0
    poll_seconds: float = 1.0
    stale_days: float = 7.0
    fresh_seconds: int = 60
    old_seconds: int = 3600
    revalidate_seconds: int = 86_400
    feedback: str | None = None
    feedback_mb: int = 1024
    log_requests: str = "problems"
    image_width: int = 320
    image_height: int = 180

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            least = _LEAST.get(name, 0.01 if isinstance(value, float) else 1)
            if not least <= value < 2**31:
                raise ConfigError(f"[server] {name} is {value!r}; expected {least} or more.")
        if self.port > 65_535:
            raise ConfigError(f"[server] port is {self.port}; expected 0 to 65535.")
        if self.unknown not in _UNKNOWN:
            raise ConfigError(
                f'[server] unknown is {self.unknown!r}; expected "404" or "fallback".'
            )
        if self.log_requests not in _LOGGED:
            raise ConfigError(
                f"[server] log_requests is {self.log_requests!r}; expected {', '.join(_LOGGED)}."
            )
        if self.fresh_seconds > self.old_seconds:
            raise ConfigError(
                f"[server] fresh_seconds is {self.fresh_seconds}, more than old_seconds "
                f"({self.old_seconds}); expected at most as much."
            )
