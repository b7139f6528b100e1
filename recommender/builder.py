"""Articles in, index out: the one place where reading, text, weights and writing meet."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender._disk import disk
from recommender._files import make_folder, storage_errors
from recommender._settings import check_jobs
from recommender.config import Config
from recommender.corpus import (
    Preparation,
    Progress,
    corpus_of,
    language_names,
    plain_counts,
    silent,
)
from recommender.counting import Counted
from recommender.errors import InputError, RejectedBuildError
from recommender.gate import Measure, Verdict, judge
from recommender.index.manifest import Manifest, writer_lock
from recommender.index.publisher import write_generation
from recommender.index.reader import Index
from recommender.ingest import NoticeKind, Rejections
from recommender.kept import KeptWork, Plan, plan_of
from recommender.neighbours import SO_FAR, all_neighbours
from recommender.spool import Spool, SpooledArticles
from recommender.text.passages import Boilerplate, find_boilerplate

__all__ = ["BuildReport", "Progress", "build_index"]


T = TypeVar("T")

_COUNTERS = ("read", "kept", "rejected", "notices", "without_rules", "guessed", "forced")


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes
    ----------
    model : folder of the index
    generation : int
    read, kept : articles met in the source, articles in the index
    rejected, notices : how many, by reason; notices are repairs, their articles were kept
    languages : articles by language
    without_rules : articles in languages that have neither stemmer nor stop words: their words
        count as they stand, scripts without spaces as pairs of characters
    guessed : articles whose language had to be found out, by how
    terms, postings, boilerplate : int
    text_bytes, index_bytes : bytes
    forced : whether it was published whatever the gate would have said
    gate : what the gate found: the figures beside those of the live generation before
    seconds : by step, and ``total``
    peak_memory_bytes : of the process, so far
    """

    model: str
    generation: int
    read: int
    kept: int
    rejected: Mapping[str, int]
    notices: Mapping[str, int]
    languages: Mapping[str, int]
    without_rules: Mapping[str, int]
    guessed: Mapping[str, int]
    forced: bool
    terms: int
    postings: int
    boilerplate: int
    text_bytes: int
    index_bytes: int
    gate: Verdict
    seconds: Mapping[str, float]
    peak_memory_bytes: int


def build_index(
    articles: Any,
    model: str | Path,
    *,
    config: Config | None = None,
    jobs: int = 1,
    rejections: Rejections | None = None,
    progress: Progress | None = None,
    force: bool = False,
    resume: bool = False,
    tell: Callable[[str], None] | None = None,
) -> BuildReport:
    """Read articles, count and weigh their terms, and publish an index of them.

    The result depends on the articles and the settings alone: not on their order, the number of
    workers, the time zone or the locale. Of articles with the same id the last version stands.

    Parameters
    ----------
    articles : whatever ``read_articles`` takes: paths, a DataFrame, an iterable of mappings or of
        Article
    model : folder of the index; a new generation is added to an index that is there
    jobs : threads that count and find neighbours; -1 = one a core
    force : publish even what is so much worse than the live generation that it would be refused
    resume : go on with the work of a build of the same source into this folder that was
        interrupted, as far as there is any; the result is that of a build from the beginning
    tell : called with a message about what ``resume`` found; not called where there was nothing

    Raises
    ------
    InputError : the source cannot be used, or holds no usable article; or the file of judgements
        that ``[generations]`` names
    RejectedBuildError : much worse than the live generation, and not ``force``
    TooManyRejectionsError, IndexLockedError, StorageError, ConfigError
    """
    settings = config or Config()
    check_jobs(jobs)
    judged = _judged(settings, jobs)
    root = Path(model)
    work = _Build(settings, rejections or Rejections(), progress or silent, jobs, force, judged)
    was_there = root.exists()
    with storage_errors(root):
        make_folder(root)
    with writer_lock(root):
        try:
            with _working(root, work.plan(articles), resume=resume) as kept:
                with storage_errors(root):
                    message = kept.begin(work.rejections, resume=resume)
                if message and tell is not None:
                    tell(message)
                return work.run(articles, root, kept)
        finally:
            if not was_there:
                _remove_if_unused(root)


@contextlib.contextmanager
def _working(root: Path, plan: Plan, *, resume: bool) -> Iterator[KeptWork]:
    """Yield the folder of the work, and remove it unless the work can be gone on with."""
    kept = KeptWork(root, plan)
    try:
        yield kept
    except BaseException as error:
        if not kept.is_worth_keeping(error, resume=resume):
            kept.remove()
        raise
    kept.remove()


def _judged(config: Config, jobs: int) -> tuple[Measure, ...]:
    """Return what compares lists by judgements, where there are any."""
    if not config.generations.judgements:
        return ()
    from recommender.evaluation.gating import judged_quality  # few builds need it

    return (judged_quality(config, jobs=jobs),)


class _Build:
    """One run of ``build_index``: its settings, its stop-watch and its counters."""

    def __init__(
        self,
        config: Config,
        rejections: Rejections,
        progress: Progress,
        jobs: int,
        force: bool,
        judged: tuple[Measure, ...],
    ) -> None:
        self._config = config
        self._prepare = Preparation(config, rejections, progress, jobs)
        self.rejections = rejections
        self._progress = progress
        self._jobs = jobs
        self._force = force
        self._judged = judged
        self._verdict = Verdict()
        self._seconds: dict[str, float] = {}

    def plan(self, articles: Any) -> Plan:
        return plan_of(articles, self._config.ingest, self.rejections)

    def run(self, articles: Any, root: Path, kept: KeptWork) -> BuildReport:
        started = time.perf_counter()
        with Spool(kept.folder, rows=kept.reading.rows) as spool:
            kept.reading.rows.clear()
            self._timed("read", lambda: self._prepare.read(articles, spool, kept.reading))
            if not len(spool):
                raise InputError(_nothing_read(self.rejections))
            spooled = spool.finish()
            boilerplate = self._timed("boilerplate", lambda: self._find_boilerplate(spooled))
            counts = self._timed(
                "count", lambda: self._prepare.count(spooled, boilerplate, kept.folder)
            )
            self._progress("write", 0, None)
            manifest = self._timed("write", lambda: self._write(root, spooled, counts, boilerplate))
            self._seconds["total"] = time.perf_counter() - started
            return self._report(root, manifest, spool)

    def _timed(self, step: str, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return work()
        finally:
            self._seconds[step] = time.perf_counter() - started

    def _find_boilerplate(self, spooled: SpooledArticles) -> Boilerplate:
        return find_boilerplate(spooled.columns["body"], spooled.sites, self._config.boilerplate)

    def _write(
        self, root: Path, spooled: SpooledArticles, counted: Counted, boilerplate: Boilerplate
    ) -> Manifest:
        langs = [spooled.langs[int(row)] for row in spooled.order]
        names = language_names(langs)
        report = self._counters(langs)
        find = partial(self._neighbours, root / SO_FAR)
        manifest = write_generation(
            root,
            corpus_of(spooled, counted, names),
            weights=self._config.weights,
            about=self._prepare.about(boilerplate, report, spooled.site_languages),
            languages=names,
            neighbours=find if self._config.search.neighbours else None,
            gate=partial(self._judge, root),
            keeping=self._config.generations,
        )
        disk().remove_tree(root / SO_FAR, ignore_errors=True)
        return manifest

    def _judge(self, root: Path, index: Index) -> None:
        """Compare what is about to be published with the live generation; raise to refuse it."""
        limits, threshold = self._config.generations, self._config.block.threshold
        self._verdict = judge(root, index, limits, threshold=threshold, more=self._judged)
        if self._verdict.is_refusal and not self._force:
            disk().remove_tree(root / SO_FAR, ignore_errors=True)
            raise RejectedBuildError(self._verdict.refusal(root))

    def _neighbours(self, folder: Path, index: Index) -> NDArray[np.int32]:
        return all_neighbours(
            index,
            self._config.search,
            folder,
            jobs=self._jobs,
            progress=partial(self._progress, "neighbours"),
        )

    def _counters(self, langs: Iterable[str]) -> dict[str, Any]:
        by_language = Counter(langs)
        kept = sum(by_language.values())
        replaced = self.rejections.notices.get(NoticeKind.REPLACED, 0)
        return {
            "read": kept + replaced + self.rejections.count,
            "kept": kept,
            "rejected": plain_counts(self.rejections.by_reason),
            "notices": plain_counts(self.rejections.notices),
            "languages": dict(sorted(by_language.items(), key=lambda item: (-item[1], item[0]))),
            "without_rules": {
                lang: n
                for lang, n in sorted(by_language.items())
                if not self._prepare.analyzer.knows(lang)
            },
            "guessed": dict(sorted(self._prepare.guessed.items())),
            "forced": self._force,
        }

    def _report(self, root: Path, manifest: Manifest, spool: Spool) -> BuildReport:
        records = [*manifest.segments.values(), manifest.files]
        return BuildReport(
            model=str(root),
            generation=manifest.generation,
            terms=manifest.counts["terms"],
            postings=manifest.counts["postings"],
            boilerplate=len(manifest.boilerplate),
            text_bytes=spool.n_bytes,
            index_bytes=sum(r["bytes"] for files in records for r in files.values()),
            gate=self._verdict,
            seconds={step: round(taken, 3) for step, taken in self._seconds.items()},
            peak_memory_bytes=_peak_memory(),
            **{name: manifest.report[name] for name in _COUNTERS},
            languages=dict(Counter(manifest.report["languages"]).most_common()),
        )


def _nothing_read(rejections: Rejections) -> str:
    if not rejections.count:
        return "The source holds no article. Expected a record with an id and a title or text."
    reasons = ", ".join(f"{n} {reason}" for reason, n in plain_counts(rejections.by_reason).items())
    examples = "; ".join(str(r) for r in rejections.samples[:3])
    return f"No usable article: {rejections.count} rejected ({reasons}). For example: {examples}"


def _peak_memory() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _remove_if_unused(root: Path) -> None:
    """Leave no empty folder behind a build that failed before it wrote anything."""
    if [p.name for p in root.iterdir()] == ["LOCK"]:
        disk().remove_tree(root, ignore_errors=True)
